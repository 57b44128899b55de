import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli, nuwa } from "../run/test-cli.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-cli-"));
  writeFileSync(path.join(folder, "ok.yaml"), "collect: {sources: [{files: texts}]}\nextract:\n");
  writeFileSync(path.join(folder, "wrong.yaml"), "name: x\ncollect:\n  sources:\n    - files: texts\nfilterr:\n");
  writeFileSync(path.join(folder, "missing.yaml"), "collect: {sources: [{files: nowhere/*.txt}]}\n");
  writeFileSync(path.join(folder, "order.yaml"), "collect: {sources: [{files: texts}]}\npretrain:\n");
  mkdirSync(path.join(folder, "texts"));
  writeFileSync(path.join(folder, "texts", "a.txt"), "Some text about a river and a stone.\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Exit code, and all that was said on stderr, which must be a line for a person. */
function failing(...options: string[]): { code: number | null; line: string } {
  const { code, stderr } = nuwa(options, folder);
  expect(stderr).not.toMatch(/\n\s+at /);
  return { code, line: stderr.trim() };
}

describe("nuwa", { timeout: 60_000 }, () => {
  test("--version and --help", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(nuwa(["--version"], folder)).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = nuwa(["--help"], folder);
    expect(help.code).toBe(0);
    for (const command of [
      "run",
      "data",
      "tokenizer",
      "pretrain",
      "sft",
      "eval",
      "generate",
      "chat",
      "serve",
      "doctor",
    ]) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
    expect(nuwa(["data", "removed", "--help"], folder).stdout).toContain("Examples:");
  });

  test("a misspelt command or option: the nearest one, exit 2", () => {
    expect(failing("rnu")).toEqual({ code: 2, line: `nuwa: unknown command 'rnu' (did you mean "run"?)` });
    expect(failing("run", "ok.yaml", "--quite")).toEqual({
      code: 2,
      line: `nuwa: unknown option '--quite' (did you mean "--quiet"?)`,
    });
    expect(failing("run").line).toBe("nuwa: missing required argument 'recipe' (see --help)");
  });

  test("a misspelt recipe key: file, line, nearest key, exit 2", () => {
    expect(failing("run", "wrong.yaml")).toEqual({
      code: 2,
      line: 'nuwa: wrong.yaml:5: unknown key "filterr" (did you mean "filter"?)',
    });
    expect(failing("run", "ok.yaml", "--set", "extract.min_char=3").line).toBe(
      'nuwa: --set: no key "extract.min_char" (did you mean "extract.min_chars"?)',
    );
  });

  test("missing files: exit 1", () => {
    expect(failing("run", "none.yaml")).toMatchObject({
      code: 1,
      line: expect.stringContaining("no such recipe file"),
    });
    expect(failing("run", "missing.yaml")).toMatchObject({ code: 1, line: expect.stringContaining('"nowhere/*.txt"') });
    expect(failing("data", "report", "runs/none")).toMatchObject({
      code: 1,
      line: expect.stringContaining("no such run directory"),
    });
    expect(failing("data", "report", "texts").line).toContain("expected a run directory");
  });

  test("a stage without what it needs: exit 2", () => {
    expect(failing("run", "order.yaml")).toEqual({
      code: 2,
      line: 'nuwa: order.yaml: "pretrain" needs "pack", which the recipe leaves out (add "pack:" to it)',
    });
    expect(failing("data", "clean", "ok.yaml").line).toContain('the recipe has no stage "clean"');
  });

  test("--print-recipe prints the recipe with defaults and does nothing", () => {
    const { code, stdout } = nuwa(["run", "ok.yaml", "--print-recipe", "--set", "seed=5"], folder);
    expect(code).toBe(0);
    expect(stdout).toContain("\nseed: 5 # ");
    expect(stdout).toContain("  min_chars: 1 # ");
  });

  test("run writes a run directory and a report; progress is on stderr, data on stdout", () => {
    const { code, stdout, stderr } = nuwa(["run", "ok.yaml", "--json"], folder);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: "ok", stages: { extract: { summary: { documents: 1 } } } });
    expect(stderr).toContain("✓ extract");
    expect(readFileSync(path.join(folder, "runs/ok/report.html"), "utf8")).toContain("<h1>ok</h1>");
    const report = nuwa(["data", "report", "runs/ok", "--json"], folder);
    expect(JSON.parse(report.stdout)).toMatchObject({
      stages: [{ stage: "collect" }, { stage: "extract" }],
      diversity: { language: { parts: [{ share: 1 }], effective: 1 } },
    });
  });

  test("a second run in the same directory is refused while the first one lives", () => {
    writeFileSync(
      path.join(folder, "runs/ok/.lock"),
      JSON.stringify({ pid: process.pid, host: "another-machine", started: "now" }),
    );
    expect(failing("run", "ok.yaml").line).toContain("this run is being written by process");
    rmSync(path.join(folder, "runs/ok/.lock"));
  });

  test("a reader that goes away is no error", () => {
    const command = `"${process.execPath}" "${cli}" run ok.yaml --print-recipe | head -n 1`;
    const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], { cwd: folder, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  test("doctor", () => {
    const { code, stdout } = nuwa(["doctor", "--json"], folder);
    expect(code).toBe(0);
    const findings = JSON.parse(stdout) as { what: string }[];
    expect(findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining(["node", "compiler", "kernels", "threads", "memory", "disk"]),
    );
  });
});
