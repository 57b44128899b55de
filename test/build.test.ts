import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "nuwa-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the built command runs by itself, as npx starts it", () => {
  const { bin, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    bin: Record<string, string>;
    version: string;
  };
  for (const file of Object.values(bin)) {
    const command = join(root, file);
    expect(statSync(command).mode & 0o111, file).toBe(0o111);
    expect(spawnSync(command, ["--version"], { encoding: "utf8" })).toMatchObject({
      status: 0,
      stdout: `${version}\n`,
    });
  }
});

describe("the native build", () => {
  /** Runs the build with a compiler of our choice; nothing that is built already is touched. */
  function build(compiler: string, ...options: string[]) {
    const { status, stderr } = spawnSync(process.execPath, ["scripts/build-native.mjs", ...options], {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, CXX: compiler },
    });
    return { status, stderr };
  }
  /** A compiler that answers to its name and compiles nothing. */
  function brokenCompiler(): string {
    const file = join(folder, "c++");
    writeFileSync(file, '#!/bin/sh\n[ "$1" = --version ] && echo broken 1.0 && exit 0\necho "error: no" >&2; exit 1\n');
    chmodSync(file, 0o755);
    return file;
  }

  test("that fails is a failure where there is a compiler, and one line where an install asks", () => {
    expect(build(brokenCompiler(), "--if-compiler")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^build-native: \S+\.cc failed to build:\nerror: no/),
    });
    expect(build(brokenCompiler())).toMatchObject({ status: 1 });
    const { status, stderr } = build(brokenCompiler(), "--if-possible");
    expect(status).toBe(0);
    expect(stderr).toMatch(/^build-native: native kernels not built, [^\n]+\n$/);
  });

  test("without a compiler is left out, and says how to get one", () => {
    const none = join(folder, "none");
    for (const option of ["--if-compiler", "--if-possible"]) {
      expect(build(none, option)).toMatchObject({ status: 0, stderr: expect.stringMatching(/apt-get install g\+\+/) });
    }
    expect(build(none).status).toBe(1);
    expect(build(none, "--has-compiler").status).toBe(1);
    expect(build(brokenCompiler(), "--has-compiler")).toEqual({ status: 0, stderr: "" });
  });
});
