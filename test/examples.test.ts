import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

// The examples run as a user runs them: by node, against the built package, by its own import paths.

const folder = join(import.meta.dirname, "../examples");
const scratch = mkdtempSync(join(tmpdir(), "nuwa-examples-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function run(name: string, ...options: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, name), ...options], {
    encoding: "utf8",
    cwd: scratch,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"));

test("each is in the README, and imports what the package exports", () => {
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  for (const name of programs) {
    expect(readme).toContain(`\`node examples/${name}`);
    const imports = [...readFileSync(join(folder, name), "utf8").matchAll(/^.*from "([^"]+)";$/gm)].map(([, at]) => at);
    expect(imports.filter((at) => !/^(?:nuwa\/|node:)/.test(at ?? ""))).toEqual([]);
  }
});

test("tokenizer", () => {
  const text = run("tokenizer.mjs");
  expect(text).toContain("vocabulary: 300 tokens");
  const [, bytes, tokens] = /(\d+) bytes became (\d+) tokens/.exec(text) ?? [];
  expect(Number(bytes)).toBe(44);
  expect(Number(tokens)).toBeLessThan(30);
  expect(text).toContain("decoded: The people mended the sky. 女娲补天 🙂\n");
  expect(text).toContain("saved and loaded, it gives the same: true");
});

describe("documents", () => {
  test("of its own: a page and its copy, a note, a list", () => {
    const text = run("documents.mjs");
    expect(text).toMatch(/^kept: copy\.txt: The bridge The old bridge/m);
    expect(text).toMatch(/^removed by filter: note\.txt: min_words 3, bound 20$/m);
    expect(text).toMatch(/^removed by filter: list\.txt: /m);
    expect(text).toMatch(/^removed by dedup: page\.html: exact$/m);
    expect(text).toMatch(/^1 documents kept, 3 removed$/m);
  });
  test("of a folder, which stays as it is", () => {
    const own = join(scratch, "own");
    mkdirSync(own);
    writeFileSync(join(own, "short.txt"), "Too short.\n");
    expect(run("documents.mjs", own)).toMatch(/^0 documents kept, 1 removed$/m);
    expect(readdirSync(own)).toEqual(["short.txt"]);
  });
});

test("autograd: the error falls to less than a hundredth, and a point is near", () => {
  const text = run("autograd.mjs");
  const errors = [...text.matchAll(/mean squared error (\S+)/g)].map(([, value]) => Number(value));
  expect(errors).toHaveLength(7);
  expect(errors.at(-1)).toBeLessThan((errors[0] ?? 0) / 100);
  const [, right = "", found = ""] = /sin\(0\.5\) is (\S+), the network says (\S+)/.exec(text) ?? [];
  expect(Math.abs(Number(right) - Number(found))).toBeLessThan(0.1);
});

test("tiny-gpt learns its text by heart, and score asks the model that it saved", () => {
  const model = join(scratch, "model");
  const text = run("tiny-gpt.mjs", model);
  expect(text).toContain(`saved in ${model}\n`);
  expect(text).toMatch(/^Then the goddess melted stones of five colours to mend the/m);
  const scores = run("score.mjs", model);
  expect(scores).toContain("accuracy 1.00 of 3 questions");
  const [known = 0, unknown = 0] = [...scores.matchAll(/([\d.]+) bits a byte/g)].map(([, bits]) => Number(bits));
  expect(known).toBeGreaterThan(0);
  expect(known).toBeLessThan(unknown / 2);
});
