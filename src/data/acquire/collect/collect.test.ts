import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { documentId } from "../../../text/document.ts";
import type { Document } from "../../../text/document.ts";
import type { Problem } from "../../stage.ts";
import { collect } from "./collect.ts";
import { collectSettings } from "./settings.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "nuwa-collect-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(cwd, name), content);

async function run(...sources: object[]): Promise<{ documents: Document[]; problems: Problem[]; texts: string[] }> {
  const problems: Problem[] = [];
  const documents: Document[] = [];
  const settings = collectSettings.parse({ sources });
  for await (const document of collect(settings, { cwd, onProblem: (problem) => problems.push(problem) })) {
    documents.push(document);
  }
  return { documents, problems, texts: documents.map(({ text }) => text) };
}

describe("formats", () => {
  test("txt, md, html, plain and gzipped, in order of path", async () => {
    write("b.txt", "plain");
    write("a.md", "# md");
    write("c.html.gz", gzipSync("<p>html"));
    const { documents, problems } = await run({ files: ".", name: "mine", language: "en", meta: { k: 1 } });
    expect(documents).toEqual([
      {
        id: documentId("a.md"),
        text: "# md",
        source: "a.md",
        language: "en",
        meta: { source_name: "mine", k: 1, format: "markdown" },
      },
      {
        id: documentId("b.txt"),
        text: "plain",
        source: "b.txt",
        language: "en",
        meta: { source_name: "mine", k: 1, format: "text" },
      },
      {
        id: documentId("c.html.gz"),
        text: "<p>html",
        source: "c.html.gz",
        language: "en",
        meta: { source_name: "mine", k: 1, format: "html" },
      },
    ]); // prettier-ignore
    expect(problems).toEqual([]);
  });

  test("jsonl, templates, meta from the record, content type", async () => {
    write("a.jsonl.gz", gzipSync('{"t":"A","x":["1","2"]}\r\n\n{"t":"B","x":[]}\n'));
    const { documents } = await run({ files: "a.jsonl.gz", text: "{t}\n{x}", content: "html", meta: { title: "{t}" } });
    expect(documents.map(({ text, source, meta }) => ({ text, source, meta }))).toEqual([
      { text: "A\n1\n2", source: "a.jsonl.gz#1", meta: { format: "html", title: "A" } },
      { text: "B", source: "a.jsonl.gz#3", meta: { format: "html", title: "B" } },
    ]);
  });

  test("json: list, strings, one record, records by key, a list inside an object", async () => {
    write("1.json", '[{"text":"a"},{"text":"b"}]');
    write("2.json", '["c","d"]');
    write("3.json", '{"text":"e","more":[{"text":"no"}]}');
    write("4.json", '{"k1":{"text":"f"},"k2":{"text":"g"}}');
    write("5.json", '{"version":1,"data":[{"text":"h"}]}');
    const { texts, documents } = await run({ files: "*.json" });
    expect(texts).toEqual([..."abcdefgh"]);
    expect(documents[4]?.source).toBe("3.json");
    expect(documents[7]?.source).toBe("5.json#1");
  });

  const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
  test.each(["none", "snappy", "gzip", "zstd", "brotli"])("parquet written by Apache Arrow, %s", async (codec) => {
    write("r.parquet", readFileSync(join(fixtures, `records.${codec}.parquet`)));
    const { documents, problems } = await run({
      files: "r.parquet",
      text: "{title}: {body}\n{lines}",
      meta: { n: "{count}" },
    });
    expect(documents.map(({ text, source, meta }) => [text, source, meta["n"]])).toEqual([
      ["Title 0: First text.\na\nb", "r.parquet#1", "0"],
      ["Title 1: 第二篇：你好，世界。\nc", "r.parquet#2", "1"],
      ["Title 3: \nd", "r.parquet#4", "3"],
      ["Title 4: Fifth text, with emoji 😀.\ne\nf", "r.parquet#5", "4"],
    ]);
    expect(problems).toEqual([
      { where: "r.parquet:3", message: expect.stringContaining('no text in field "body"') as string },
    ]);
  });

  test("WordNet's data files as prose, one entry or many a document", async () => {
    // The line format of wndb(5WN); entries abridged.
    const lines = [
      "  1 This software and database is being provided to you, the LICENSEE",
      '00002684 03 n 02 object 0 physical_object 0 002 @ 00001930 n 0000 ~ 00003553 n 0000 | a tangible and visible entity; an entity that can cast a shadow; "it was full of rackets, balls and other objects"  ',
      "00013887 00 a 01 abundant(p) 0 000 | present in great quantity  ",
      "not a line",
    ];
    write("data.noun", lines.join("\n") + "\n");
    const one = await run({ files: "data.noun" });
    expect(one.texts).toEqual([
      'object, physical object (noun): a tangible and visible entity; an entity that can cast a shadow. For example: "it was full of rackets, balls and other objects".',
      "abundant (adjective): present in great quantity.",
    ]);
    expect(one.problems).toEqual([{ where: "data.noun:4", message: "not a line of a WordNet data file, skipped" }]);
    expect((await run({ files: "data.noun", split: "lines" })).texts).toHaveLength(1);
  });

  test("long texts are cut at empty lines near the aim, nothing lost", async () => {
    const paragraphs = Array.from(
      { length: 50 },
      (_, k) => `Paragraph ${k}.\nIt has two lines${" and more".repeat(k % 7)}.`,
    );
    write("book.txt", paragraphs.join("\n\n\n") + "\n");
    const { documents, texts } = await run({ files: "book.txt", split: "paragraphs", max_chars: 300 });
    expect(texts.join("\n\n")).toBe(paragraphs.join("\n\n"));
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(400);
    expect(documents[1]?.source).toBe("book.txt#2");
    const lines = await run({ files: "book.txt", split: "lines", max_chars: 100, limit: 3 });
    expect(lines.texts).toHaveLength(3);
  });

  test("a split text in another encoding", async () => {
    const bytes = Buffer.from("\ufeff第一段。\n\n第二段。", "utf16le");
    write("u.txt", bytes);
    expect((await run({ files: "u.txt", split: "paragraphs" })).texts).toEqual(["第一段。\n\n第二段。"]);
  });
});

describe("bad input is named, skipped and counted; the rest is read", () => {
  const good = '{"text":"good"}\n';
  const problemsOf = async (files: string, more: object = {}): Promise<string[]> => {
    const { problems } = await run({ files, ...more });
    return problems.map(({ where, message }) => `${where} ${message}`);
  };

  test("malformed JSON lines", async () => {
    write("a.jsonl", `${good}{"text": oops}\n${good}[1]\nnull\n{"text":""}\n{"txt":"x"}\n{"text":"cut off`);
    const { texts, problems } = await run({ files: "a.jsonl" });
    expect(texts).toEqual(["good", "good"]);
    expect(problems.map(({ where }) => where)).toEqual([2, 4, 5, 6, 7, 8].map((line) => `a.jsonl:${line}`));
    expect(problems[0]?.message).toMatch(/^malformed JSON: .*, skipped$/);
    expect(problems[1]?.message).toBe("expected a JSON object, got a list, skipped");
  });

  test("a truncated and a damaged gz: what came before is kept", async () => {
    const packed = gzipSync(Array.from({ length: 20_000 }, (_, k) => `{"text":"${Math.sin(k)}"}`).join("\n"));
    write("cut.jsonl.gz", packed.subarray(0, packed.length / 2));
    const { documents, problems } = await run({ files: "cut.jsonl.gz" });
    expect(documents.length).toBeGreaterThan(5000);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.where).toBe(`cut.jsonl.gz:${documents.length + 1}`);
    expect(problems[0]?.message).toBe("gzip data cut short, the rest skipped");
    write("no.txt.gz", "this is no gzip");
    write("cut.txt.gz", gzipSync("x".repeat(1000)).subarray(0, 20));
    expect(await problemsOf("{no,cut}.txt.gz")).toEqual([
      "cut.txt.gz gzip data cut short",
      "no.txt.gz damaged gzip data (incorrect header check)",
      "{no,cut}.txt.gz no document in 2 file(s)",
    ]);
  });

  test("broken UTF-8: kept and counted below 1%, skipped above", async () => {
    const bytes = Buffer.concat([Buffer.from("你好".repeat(100)), Buffer.from([0xff]), Buffer.from("!")]);
    write("a.txt", bytes);
    const few = await run({ files: "a.txt" });
    expect(few.documents[0]?.meta).toEqual({ format: "text", broken_characters: 1 });
    expect(few.problems).toEqual([
      { where: "a.txt", message: "broken utf-8: 1 place(s), first at byte 600; replaced by U+FFFD" },
    ]);
    write(
      "b.jsonl",
      Buffer.concat([Buffer.from(good), Buffer.from('{"text":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]),
    );
    const many = await run({ files: "b.jsonl", encoding: "utf-8" });
    expect(many.texts).toEqual(["good"]);
    expect(many.problems[0]).toEqual({
      where: "b.jsonl:2",
      message: "broken utf-8: 2 place(s), first at byte 25; more than 1% of the text, skipped",
    });
  });

  test("empty files, binary files, files that are too large, white space", async () => {
    write("empty.txt", "");
    write("binary.txt", Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 7, 8, 9]));
    write("large.txt", "x".repeat(20_000));
    write("bomb.txt.gz", gzipSync("x".repeat(1_000_000)));
    write("white.txt", " \n\t\n");
    write("empty.jsonl", "");
    write("bad.json", '{\n"text": "a",\n]');
    write("empty.json", "[]");
    expect(await problemsOf("*.*", { max_file_mb: 0.01 })).toEqual([
      expect.stringMatching(/^bad\.json:3 malformed JSON: .*, the rest skipped$/),
      "binary.txt holds NUL bytes: no text",
      "bomb.txt.gz larger than max_file_mb (0.01 MB): more than 0.01 MB",
      "empty.json holds no records",
      "empty.jsonl empty file",
      "empty.txt empty file",
      "large.txt larger than max_file_mb (0.01 MB): 0.0 MB",
      "white.txt holds nothing but white space",
      "*.* no document in 8 file(s)",
    ]);
  });

  test("one line longer than the limit does not end the file, nor fill the memory", async () => {
    write("a.jsonl", `${good}{"text":"${"x".repeat(30_000)}"}\n${good}`);
    const { texts, problems } = await run({ files: "a.jsonl", max_file_mb: 0.02 });
    expect(texts).toEqual(["good", "good"]);
    expect(problems[0]).toMatchObject({ where: "a.jsonl:2" });
  });

  test("malformed parquet", async () => {
    write("a.parquet", "PAR1 this is not parquet PAR1");
    write("b.parquet", "");
    const fixture = readFileSync(fileURLToPath(new URL("fixtures/records.snappy.parquet", import.meta.url)));
    write("c.parquet", fixture.subarray(0, 1000));
    const broken = Buffer.from(fixture);
    broken.fill(0xff, 4, 200);
    write("d.parquet", broken);
    const { problems } = await run({ files: "*.parquet", text: "title" });
    expect([...new Set(problems.map(({ where }) => where))]).toEqual([
      "a.parquet",
      "b.parquet",
      "c.parquet",
      "d.parquet",
    ]);
    expect(problems[0]?.message).toMatch(/^malformed parquet: /);
  });

  test("a file that two sources name is read once, and that is said", async () => {
    write("a.txt", "a");
    const { texts, problems } = await run({ files: "a.txt", name: "first" }, { files: "*.txt", name: "second" });
    expect(texts).toEqual(["a"]);
    expect(problems[0]).toEqual({
      where: "second: a.txt",
      message: '1 file(s) already read by source "first", skipped here',
    });
  });

  test("a wrong encoding, an unknown key", async () => {
    write("a.txt", "a");
    await expect(run({ files: "a.txt", encoding: "utf-9" })).rejects.toMatchObject({ code: "VALUE" });
    expect(collectSettings.safeParse({ sources: [{ files: "a", formt: "txt" }] }).success).toBe(false);
    expect(collectSettings.safeParse({ sources: [] }).success).toBe(false);
  });
});

test("the same input gives the same documents, twice", async () => {
  for (const name of ["z.txt", "a.txt", "ä.txt", "B.txt", "10.txt", "9.txt"]) write(name, name);
  const { documents } = await run({ files: "." });
  expect(documents.map(({ source }) => source)).toEqual(["10.txt", "9.txt", "B.txt", "a.txt", "z.txt", "ä.txt"]);
  expect((await run({ files: "." })).documents).toEqual(documents);
});
