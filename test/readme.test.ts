import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nuwa } from "../src/run/test-cli.ts";

const root = join(import.meta.dirname, "..");
const read = (name: string): string => readFileSync(join(root, name), "utf8");
/** Code without its comments and its texts, which differ between languages. */
const code = (text: string): string[] =>
  [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    block.split("\n").map((line) =>
      line
        .replace(/#.*$/, "")
        .replaceAll(/"[^"]*"/g, '""')
        .replaceAll("、", ", ")
        .trimEnd(),
    ),
  );
const shape = (text: string) => ({
  headings: [...text.matchAll(/^#+(?= )/gm)].map(([marks]) => marks),
  rows: [...text.matchAll(/^\|/gm)].length,
  links: [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target).filter((at) => !at?.startsWith("README")),
});

test("the READMEs in English and Chinese have the same parts, commands and links", () => {
  const [english, chinese] = [read("README.md"), read("README.zh.md")];
  expect(code(chinese)).toEqual(code(english));
  const [one, other] = [shape(english), shape(chinese)];
  expect({ ...other, links: other.links.toSorted() }).toEqual({ ...one, links: one.links.toSorted() });
});

const help = nuwa(["--help"], root).stdout;
describe.each(["README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"])("%s", (name) => {
  const text = read(name);

  test("links to what is there", () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => target ?? "");
    expect(targets.filter((target) => !existsSync(join(root, name, "..", target)))).toEqual([]);
  });

  test("names commands, scripts and files that are there", () => {
    const commands = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, command]) => command);
    const named = [...text.matchAll(/npx nuwa (\w+)/g)].map(([, command]) => command);
    expect(named.filter((command) => !commands.includes(command ?? ""))).toEqual([]);
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const run = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script ?? "");
    expect(run.filter((script) => scripts[script] === undefined)).toEqual([]);
    const files = [...text.matchAll(/`((?:src|test|scripts|recipes|bench|examples|native)\/[\w./-]*)`/g)];
    expect(files.map(([, file]) => file ?? "").filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});

test("the house of the README is that of the floors", () => {
  const floors = read("test/floors.test.ts");
  for (const line of [read("README.md"), read("README.zh.md")].map((text) => /^8 cli .*$/m.exec(text)?.[0] ?? "")) {
    for (const [, floor, folders = ""] of line.matchAll(/(\d) {1,2}([^\d]+?)(?= {2,}|$)/g)) {
      for (const folder of folders.split(/[,、]\s*/)) {
        if (folder !== "native/") expect(floors, `${folder} on ${floor}`).toContain(`${folder}: ${floor},`);
      }
    }
  }
});
