import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import * as z from "zod";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "nuwa-api-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function generate(option: string): string {
  const script = join(root, "scripts/api-pages.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, option], {
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

const entry = z.object({ name: z.string(), kind: z.string(), code: z.string(), doc: z.string(), file: z.string() });
const found = z.array(z.object({ path: z.string(), entries: z.array(entry) })).parse(JSON.parse(generate("--json")));
const manifest = z
  .object({ exports: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));

test("every import path has a page, and every export of it a section", async () => {
  generate(folder);
  expect(found.map(({ path }) => path)).toEqual(Object.keys(manifest.exports).map((at) => at.replace(".", "nuwa")));
  const index = readFileSync(join(folder, "README.md"), "utf8");
  for (const { path, entries } of found) {
    const name = `${path.replaceAll("/", "-")}.md`;
    expect(index).toContain(`[${path}](${name})`);
    const sections = new Set([...readFileSync(join(folder, name), "utf8").matchAll(/^## (.+)$/gm)].map(([, at]) => at));
    // What JavaScript sees of the module is found without the generator's own reading of it.
    const file = manifest.exports[path.replace("nuwa", ".")] ?? "";
    const module: object = await import(pathToFileURL(join(root, file)).href);
    for (const exported of [...Object.keys(module), ...entries.map((one) => one.name)]) {
      expect(sections, path).toContain(exported);
    }
  }
});

test("types are there beside values, with their docstrings, tags and members", () => {
  const tensor = found.find(({ path }) => path === "nuwa/tensor")?.entries ?? [];
  const tape = tensor.find(({ name }) => name === "Tape");
  expect(tape).toMatchObject({ kind: "class", file: "src/tensor/tape.d.ts" });
  expect(tape?.code).toMatch(/^class Tape \{/);
  expect(tape?.code).not.toContain("#private");
  expect(tensor.find(({ name }) => name === "Device")?.kind).toBe("interface");
  const page = readFileSync(join(folder, "nuwa-tensor.md"), "utf8");
  expect(page).toMatch(/^## Tape\n\nclass · `src\/tensor\/tape\.ts`\n\nRecords ops as they run/m);
  expect(page).toMatch(/^```ts\nconst tape = new Tape\(/m);
});

test("every export says what it is", () => {
  const silent = found.flatMap(({ path, entries }) =>
    entries.filter(({ doc }) => doc === "").map(({ name, file }) => `${path}: ${name} (${file})`),
  );
  expect([...new Set(silent)]).toEqual([]);
});
