import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// Tests that pass for the wrong reason: because the machine was fast enough, or because something was missing.

const root = join(import.meta.dirname, "..");
const files = ["src", "test", "web", "bench"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  )
  .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
  .map((name) => ({ name, lines: readFileSync(join(root, name), "utf8").split("\n") }));

/** Lines that match, as `file:line: text`. */
function find(pattern: RegExp, allowed: (line: string, lines: readonly string[], at: number) => boolean): string[] {
  return files
    .filter(({ name }) => name !== "test/hygiene.test.ts")
    .flatMap(({ name, lines }) =>
      lines.flatMap((line, at) =>
        pattern.test(line) && !allowed(line, lines, at) ? `${name}:${at + 1}: ${line.trim()}` : [],
      ),
    );
}

test("no test reads a clock but where it says why, with `clock:`", () => {
  const clocks = /performance\.now|Date\.now|new Date\(\)|hrtime|\.elapsed/;
  expect(find(clocks, (line, lines, at) => `${lines[at - 1] ?? ""}${line}`.includes("clock:"))).toEqual([]);
});

test("no test sleeps but to ask again for what it waits for, or where it says why, with `clock:`", () => {
  const sleeps = /setTimeout\((?:resolve|done|r)\b|sleep\(/;
  const allowed = /\bwhile \(|clock:/;
  expect(find(sleeps, (line, lines, at) => allowed.test(`${lines[at - 1] ?? ""}${line}`))).toEqual([]);
});

test("no test has a limit of less than ten seconds", () => {
  const limit = /, \{ timeout: ([\d_]+) \}|^ {0,4}\{ timeout: ([\d_]+) \},$|^ {0,4}\}, ([\d_]+)\);/;
  expect(
    find(limit, (line) => {
      const [, option, own, last] = limit.exec(line) ?? [];
      return Number((option ?? own ?? last ?? "").replaceAll("_", "")) >= 10_000;
    }),
  ).toEqual([]);
});

test("no test ends itself: what is missing is thrown, or skips by name", () => {
  // The level of a test's own body: two spaces, or four in a describe; functions within it stand deeper.
  const ends = /^ {2,6}(?:if \(.*\) )?return;$/;
  const tests = /^ {0,4}(?:test|it)(?:\.\w+)*\(|^ {0,4}(?:test|it)\.each/;
  const isInTest = (lines: readonly string[], at: number): boolean => {
    const depth = /^ */.exec(lines[at] ?? "")?.[0].length ?? 0;
    for (let line = at - 1; line >= 0; line--) {
      const text = lines[line] ?? "";
      const own = /^ */.exec(text)?.[0].length ?? 0;
      if (text.trim() === "" || own >= depth) continue;
      return tests.test(text) || text.trim().startsWith('"') || text.trim() === "async () => {";
    }
    return false;
  };
  expect(find(ends, (_, lines, at) => !isInTest(lines, at))).toEqual([]);
});

test("what skips says in its name what it needs", () => {
  const skips = /\.(?:skipIf|runIf)\(|\b(?:test|it|describe)\.(?:skip|todo)\b|\b(?:context|ctx)\.skip\(/;
  const isNamed = (lines: readonly string[], at: number): boolean =>
    lines.slice(at, at + 3).some((line) => /\(needs [^)]+\)/.test(line));
  // An alias is named where it is used.
  const isAlias = (line: string): boolean => /^const \w+ = test\.skipIf\(/.test(line);
  expect(find(skips, (line, lines, at) => isAlias(line) || isNamed(lines, at))).toEqual([]);
});

test("no test alone: `.only` would let all others pass unseen", () => {
  expect(find(/\b(?:test|it|describe)\.only\b/, () => false)).toEqual([]);
});
