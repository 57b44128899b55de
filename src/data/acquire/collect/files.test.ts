import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NuwaError } from "../../../text/errors.ts";
import type { Problem } from "../../stage.ts";
import { formatOf, listFiles } from "./files.ts";

let cwd = "";
const problems: Problem[] = [];
const list = async (patterns: string | string[], more: object = {}): Promise<string[]> => {
  problems.length = 0;
  const options = { cwd, onProblem: (problem: Problem) => problems.push(problem), ...more };
  return (await listFiles([patterns].flat(), options)).map(({ name, format }) => `${name} ${format}`);
};

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "nuwa-files-"));
  const files =
    "books/b.txt books/a.md books/deep/c.html books/d.jsonl.gz books/LICENSE books/pic.png books/node_modules/p/README.md books/(odd) [name].txt books/.hidden.txt wordnet/data.noun wordnet/index.noun other/x.rst"; // prettier-ignore
  for (const file of ["books/(odd) [name].txt", ...files.replace("books/(odd) [name].txt ", "").split(" ")]) {
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), "text");
  }
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test("formatOf", () => {
  expect(formatOf("/a/B.HTML.gz")).toEqual({ format: "html", compression: "gzip", extension: ".html" });
  expect(formatOf("data.verb").format).toBe("wordnet");
  expect(formatOf("LICENSE").format).toBe("txt");
  expect(formatOf("x.png").format).toBeUndefined();
});

test("a folder means the known formats below it, without node_modules and hidden files", async () => {
  expect(await list("books")).toEqual([
    "books/(odd) [name].txt txt",
    "books/a.md md",
    "books/b.txt txt",
    "books/d.jsonl.gz jsonl",
    "books/deep/c.html html",
  ]);
  expect(await list("wordnet")).toEqual(["wordnet/data.noun wordnet"]);
});

test("node_modules is entered where it is named", async () => {
  expect(await list("**/*.md")).toEqual(["books/a.md md"]);
  expect(await list("books/node_modules/**/*.md")).toEqual(["books/node_modules/p/README.md md"]);
});

test("names with special characters, exclusion, several patterns at once, absolute paths", async () => {
  expect(await list("books/(odd) [name].txt")).toEqual(["books/(odd) [name].txt txt"]);
  expect(await list(["books/*.txt", "books/b.txt", join(cwd, "books/b.txt")], { exclude: ["**/(odd)*"] })).toContain(
    "books/b.txt txt",
  );
  expect(await list("books", { exclude: ["**/*.txt", "books/deep/**"] })).toEqual([
    "books/a.md md",
    "books/d.jsonl.gz jsonl",
  ]);
});

test("unknown formats are named once; an extension in the pattern, or a format, reads them", async () => {
  expect(await list("books/*.*")).not.toContain("books/pic.png txt");
  expect(problems).toEqual([
    { where: "books/pic.png", message: '1 file(s) of unknown format .png skipped; set "format" to read them' },
  ]);
  expect(await list("other/*.rst")).toEqual(["other/x.rst txt"]);
  expect(await list("other/*", { format: "md" })).toEqual(["other/x.rst md"]);
});

test("nothing found: an error that names the pattern and the nearest thing there is", async () => {
  const error = await list("boks/*.txt").catch((e: unknown) => e);
  expect(error).toBeInstanceOf(NuwaError);
  expect(error).toMatchObject({ code: "FILE", where: cwd, message: 'no file matches "boks/*.txt"' });
  expect((error as NuwaError).hint).toContain('did you mean "books"?');
  await expect(list("books/c.txt")).rejects.toMatchObject({ message: 'no such file: "books/c.txt"' });
  mkdirSync(join(cwd, "empty"));
  await expect(list("empty")).rejects.toMatchObject({ message: 'no readable file in "empty"' });
});

test("links: loops end, links to one file give it once, dead links are named", async () => {
  mkdirSync(join(cwd, "links/inner"), { recursive: true });
  writeFileSync(join(cwd, "links/inner/a.txt"), "a");
  symlinkSync("..", join(cwd, "links/inner/loop"));
  symlinkSync("inner/a.txt", join(cwd, "links/again.txt"));
  symlinkSync("nowhere.txt", join(cwd, "links/dead.txt"));
  expect(await list("links")).toEqual(["links/inner/a.txt txt"]);
  expect(problems.map(({ where }) => where)).toEqual(["links/dead.txt"]);
});

test.skipIf(process.getuid?.() === 0)(
  "a folder that may not be read is named (needs a user who is not root)",
  async () => {
    mkdirSync(join(cwd, "locked/in"), { recursive: true });
    writeFileSync(join(cwd, "locked/a.txt"), "a");
    chmodSync(join(cwd, "locked/in"), 0);
    expect(await list("locked")).toEqual(["locked/a.txt txt"]);
    expect(problems).toEqual([{ where: "locked/in", message: "unreadable folder (EACCES), skipped" }]);
    chmodSync(join(cwd, "locked/in"), 0o755);
  },
);
