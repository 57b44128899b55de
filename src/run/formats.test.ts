import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docx, epub, pdf, zip } from "../data/acquire/collect/formats/test-files.ts";
import { nuwa } from "./test-cli.ts";

const recipe = `
collect: {sources: [{name: mixed, files: texts}]}
extract: {min_chars: 1}
clean:
filter: {english: {min_words: 5}, chinese: {min_words: 5}, language: {allowed: [en, zh]}}
dedup:
tokenizer: {vocab_size: 400}
pack: {val_share: 0.1}
`;
/** Each format holds a word that no other has. */
const FORMATS = ["plain", "marked", "hyper", "lines", "table", "word", "book", "paper", "crawl", "zipped", "taped"];
const sentence = (word: string): string =>
  `This ${word} text tells of a river and the stone in it, and of the people who have lived beside the water.`;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-formats-"));
  const texts = path.join(folder, "texts");
  mkdirSync(texts);
  const html = (word: string): string =>
    `<!doctype html><html lang="en"><title>${word}</title><main><p>${sentence(word)}</p></main></html>`;
  const http = `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html("crawl")}`;
  const warc = `WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/1\r\nWARC-Date: 2024-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: ${Buffer.byteLength(http)}\r\n\r\n${http}\r\n\r\n`;
  const taped = sentence("taped");
  const files: [name: string, content: string | Uint8Array][] = [
    ["a.txt", sentence("plain")],
    ["a.md", `# A title\n\n${sentence("marked")}\n`],
    ["a.html", html("hyper")],
    ["a.jsonl.gz", gzipSync(JSON.stringify({ text: sentence("lines") }))],
    ["a.csv", `id,text\n1,"${sentence("table")}"\n`],
    ["a.docx", docx([{ heading: "A title" }, sentence("word")])],
    ["a.epub", epub("A title", "An author", [["One", sentence("book")]])],
    [
      "a.pdf",
      pdf([
        [
          "This paper text tells of a river and the stone",
          "in it, and of the people who have lived beside the",
          "water, and of what they have said of it.",
        ],
      ]),
    ],
    ["a.warc.gz", gzipSync(warc)],
    ["a.zip", zip([["inner/a.txt", sentence("zipped")]])],
    ["a.tar.gz", gzipSync(await packTar([{ header: { name: "a.txt", size: taped.length }, body: taped }]))],
  ];
  for (const [name, content] of files) writeFileSync(path.join(texts, name), content);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("every format in one folder", () => {
  test("goes through all data stages to tokens", { timeout: 60_000 }, () => {
    const { code, stderr } = nuwa(["run", "r.yaml", "--dir", "run"], folder);
    expect(stderr).not.toContain("nuwa:");
    expect(code).toBe(0);
    const report = JSON.parse(nuwa(["data", "report", "run", "--json"], folder).stdout) as {
      stages: { stage: string; summary: { statistics: { out: { documents: number } } } }[];
    };
    for (const stage of ["extract", "clean", "filter"]) {
      const found = report.stages.find((row) => row.stage === stage);
      expect({ stage, documents: found?.summary.statistics.out.documents }).toEqual({
        stage,
        documents: FORMATS.length,
      });
    }
    const vocabulary = readFileSync(path.join(folder, "run/tokenizer/tokenizer.json"), "utf8");
    expect(vocabulary).toContain("river");
  });

  test("each document's text and source are there", () => {
    const lines = brotliDecompressSync(readFileSync(path.join(folder, "run/data/clean/shard-00000.jsonl.br")))
      .toString()
      .trim()
      .split("\n");
    const documents = lines.map(
      (line) => JSON.parse(line) as { text: string; source: string; meta: Record<string, unknown> },
    );
    for (const word of FORMATS) {
      const [found, ...more] = documents.filter(({ text }) => text.includes(`This ${word} text tells of a river`));
      expect({ word, more: more.length, name: found?.meta["source_name"] }).toEqual({ word, more: 0, name: "mixed" });
      expect(found?.source).toMatch(/^texts\/a\.|^http:/u);
      expect(found?.text).not.toMatch(/[<>]/u);
    }
  });
});
