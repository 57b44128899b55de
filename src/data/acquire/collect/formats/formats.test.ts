import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WARCRecord, WARCSerializer } from "warcio";
import type { Document } from "../../../../text/document.ts";
import type { Problem } from "../../../stage.ts";
import { collect } from "../collect.ts";
import { collectSettings } from "../settings.ts";
import { docx, epub, pdf, zip } from "./test-files.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "nuwa-formats-"));
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

describe("csv", () => {
  test("quotes, line ends inside them, the template over columns, semicolons, tabs, a byte order mark, GB18030", async () => {
    write("a.csv", '\ufefftitle,text\r\n"One, two","line 1\nline ""2"""\r\nplain,春风\r\n');
    write("b.csv", "text;n\nhalf;1\n");
    write("c.tsv", "text\tn\ntabbed\t2\n");
    write("d.csv", Buffer.from([...Buffer.from("text,n\n"), 0xb4, 0xba, 0xb7, 0xe7, 0x2c, 0x31, 0x0a]));
    const { texts, documents, problems } = await run(
      { files: "a.csv", text: "{title}: {text}" },
      { files: "[bc].*" },
      { files: "d.csv", encoding: "gb18030" },
    );
    expect(texts).toEqual(['One, two: line 1\nline "2"', "plain: 春风", "half", "tabbed", "春风"]);
    expect(documents[1]?.source).toBe("a.csv#2");
    expect(problems).toEqual([]);
  });

  test("no rows, no such column, a quote that never ends", async () => {
    write("a.csv", "text,n\n");
    write("b.csv", "name,n\nx,1\n");
    write("c.csv", 'text,n\nfine,1\n"open,2\nmore\n');
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["fine"]);
    expect(problems.map(({ message }) => message).join("\n")).toMatch(/holds no rows[^]+malformed csv: .*[Qq]uote/);
    expect(problems.find(({ where }) => where.startsWith("b.csv"))?.message).toContain("text, content, body");
  });
});

describe("docx, epub, pdf", () => {
  test("headings, paragraphs, lists and tables of a Word file, in English and Chinese", async () => {
    write(
      "a.docx",
      docx([
        { heading: "A title" },
        "First paragraph.",
        "第二段。",
        {
          table: [
            ["a", "b"],
            ["1", "2"],
          ],
        },
      ]),
    );
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["A title\n\nFirst paragraph.\n\n第二段。\n\na | b\n1 | 2"]);
    expect(problems).toEqual([]);
  });

  test("tables of one row, and cells of several paragraphs, stay rows; a note keeps its text, not its marks", async () => {
    write(
      "a.docx",
      docx([
        { table: [["苹果", "三斤"]] },
        { text: "It was said", footnote: "By an old man.", after: " twice." },
        {
          table: [
            ["name", "what it is"],
            ["river", "water\nthat runs"],
          ],
        },
      ]),
    );
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual([
      "苹果 | 三斤\n\nIt was said twice.\n\nname | what it is\nriver | water that runs\n\n1. By an old man.",
    ]);
    expect(problems).toEqual([]);
  });

  test("a book's chapters in the order of its spine, with what it says of itself", async () => {
    write(
      "a.epub",
      epub("红楼梦", "曹雪芹", [
        ["第一回", "甄士隐梦幻识通灵。"],
        ["Chapter two", "It was so."],
      ]),
    );
    const { documents, problems } = await run({ files: "." });
    expect(documents.map(({ text }) => text)).toEqual(["第一回\n\n甄士隐梦幻识通灵。\n\nChapter two\n\nIt was so."]);
    expect(documents[0]?.meta).toMatchObject({ format: "text", title: "红楼梦", author: "曹雪芹", language: "zh" });
    expect(problems).toEqual([]);
  });

  // The same four characters in codes of the predefined CMaps (ISO 32000-2, table 116), no ToUnicode in the file.
  test.each([
    ["GBK-EUC-H", "GB1", "bad3cbaed1f4b9e2", "河水阳光"],
    ["GB-EUC-H", "GB1", "bad3cbaed1f4b9e2", "河水阳光"],
    ["GBKp-EUC-H", "GB1", "bad3cbaed1f4b9e2", "河水阳光"],
    ["GBK2K-H", "GB1", "bad3cbaed1f4b9e2", "河水阳光"],
    ["UniGB-UCS2-H", "GB1", "6cb36c3496335149", "河水阳光"],
    ["UniGB-UTF16-H", "GB1", "6cb36c3496335149", "河水阳光"],
    ["B5pc-H", "CNS1", "aa65a4f4b6a7a5fa", "河水陽光"],
    ["ETen-B5-H", "CNS1", "aa65a4f4b6a7a5fa", "河水陽光"],
    ["UniCNS-UTF16-H", "CNS1", "6cb36c34967d5149", "河水陽光"],
    ["90ms-RKSJ-H", "Japan1", "89cd9085977a8cf5", "河水陽光"],
    ["EUC-H", "Japan1", "b2cfbfe5cddbb8f7", "河水陽光"],
    ["UniJIS-UTF16-H", "Japan1", "6cb36c34967d5149", "河水陽光"],
    ["KSC-EUC-H", "Korea1", "b0adb9b0", "강물"],
    ["KSCms-UHC-H", "Korea1", "b0adb9b0", "강물"],
    ["UniKS-UTF16-H", "Korea1", "ac15bb3c", "강물"],
  ])("a PDF whose font uses the predefined CMap %s", async (encoding, ordering, codes, expected) => {
    write("a.pdf", pdf([[codes]], { encoding, ordering }));
    const { texts, problems } = await run({ files: "." });
    expect(problems).toEqual([]);
    expect(texts).toEqual([expected]);
  });

  test("a PDF whose letters have no Unicode value is read and named", async () => {
    write("a.pdf", pdf([["6cb3e000e001e002"]], { encoding: "UniGB-UTF16-H", ordering: "GB1" }));
    const { problems } = await run({ files: "." });
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/letters are glyphs whose font/)]);
  });

  test("a PDF's paragraphs, over a page's end, without running lines and page numbers", async () => {
    const header = "The running title";
    write(
      "a.pdf",
      pdf([
        [
          header,
          "",
          "This is the first para-",
          "graph of a short text.",
          "",
          "A second one begins here and",
          "goes on",
          "",
          "1",
        ],
        [header, "", "over the page.", "", "Then a third.", "", "2"],
        [header, "", "And a fourth, alone.", "", "3"],
      ]),
    );
    const { texts, problems, documents } = await run({ files: "." });
    expect(texts).toEqual([
      "This is the first paragraph of a short text.\n\nA second one begins here and goes on over the page.\n\nThen a third.\n\nAnd a fourth, alone.",
    ]);
    expect(documents[0]?.meta["pages"]).toBe(3);
    expect(problems).toEqual([]);
  });

  test("what cannot be read is named and the rest is read", async () => {
    write("a.docx", "not a zip");
    write("b.docx", Buffer.concat([Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), Buffer.alloc(100)]));
    write("c.epub", zip([["mimetype", "application/epub+zip"]]));
    write("d.pdf", "%PDF-1.4 and then nothing");
    write("e.pdf", pdf([[]]));
    write("f.pdf", "plain");
    write("g.txt", "fine");
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["fine"]);
    expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      expect.stringContaining("a.docx: malformed zip"),
      "b.docx: a .doc file or one with a password; save it as .docx",
      "c.epub: damaged: no META-INF/container.xml inside",
      expect.stringContaining("d.pdf: malformed PDF"),
      "e.pdf: 1 page(s) without text: scanned images need character recognition first",
      "f.pdf: no PDF file",
    ]);
  });
});

describe("archives", () => {
  const inside = (): [string, Uint8Array | string][] => [
    ["b/two.md", "# Two"],
    ["one.txt", "one"],
    ["rows.jsonl.gz", gzipSync('{"text":"r1"}\n{"text":"r2"}\n')],
    ["picture.png", "\u0089PNG"],
    [".hidden.txt", "no"],
    ["__MACOSX/one.txt", "no"],
  ];

  test("zip, tar and tgz: the files inside, as if they lay on the disk", async () => {
    const entries = inside().map(([name, data]) => ({
      header: { name, size: Buffer.from(data).length },
      body: Buffer.from(data),
    }));
    const tar = await packTar(entries);
    write("a.zip", zip(inside()));
    write("b.tar", tar);
    write("c.tgz", gzipSync(tar));
    write("d.tar.gz", gzipSync(tar));
    const { documents, problems } = await run({ files: "." });
    const names = ["b/two.md", "one.txt", "rows.jsonl.gz#1", "rows.jsonl.gz#2"];
    expect(documents.map(({ source }) => source)).toEqual(
      ["a.zip", "b.tar", "c.tgz", "d.tar.gz"].flatMap((archive) => names.map((name) => `${archive}!/${name}`)),
    );
    expect(documents.slice(0, 4).map(({ text, meta }) => [text, meta["format"]])).toEqual([
      ["# Two", "markdown"],
      ["one", "text"],
      ["r1", "text"],
      ["r2", "text"],
    ]);
    expect(problems).toEqual([]);
  });

  test("an archive in an archive is read, one more is not; bombs, damage and emptiness are named", async () => {
    const inner = zip([["deep.txt", "deep"]]);
    write(
      "a.zip",
      zip([
        ["inner.zip", inner],
        ["more.zip", zip([["inner.zip", inner]])],
      ]),
    );
    write(
      "b.zip",
      zip([
        ["bomb.txt", Buffer.alloc(50_000_000)],
        ["fine.txt", "fine"],
      ]),
    );
    write("c.zip", zip([["x.txt", "x".repeat(1000)]]).subarray(0, 60));
    write("d.zip", zip([["x.bin", "x"]]));
    write("e.tar", Buffer.alloc(3000, 7));
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["deep", "fine"]);
    const said = problems.map(({ where, message }) => `${where}: ${message}`).join("\n");
    expect(said).toContain("an archive in an archive in an archive is not read");
    expect(said).toMatch(/b\.zip: bomb\.txt unpacks to more than \d+ MB/);
    expect(said).toMatch(/c\.zip: malformed zip/);
    expect(said).toContain("d.zip: holds no file of a known format");
    expect(said).toMatch(/e\.tar: malformed tar/);
  });
});

describe("archives of other makers", () => {
  test("names in GBK without a flag; a password is named with what to do; a member that ends too early", async () => {
    // 春风.txt in GBK in place of eight other bytes, and the flag that says UTF-8 off, in both headers.
    const gbk = zip([["12345678", "spring"]]);
    for (let at = gbk.indexOf("12345678"); at >= 0; at = gbk.indexOf("12345678", at + 1))
      gbk.set([0xb4, 0xba, 0xb7, 0xe7, ...Buffer.from(".txt")], at);
    const flags = (bytes: Buffer, value: number): Buffer => {
      bytes.writeUInt16LE(value, 6);
      bytes.writeUInt16LE(value, bytes.indexOf("PK\u0001\u0002") + 8);
      return bytes;
    };
    write("a.zip", flags(gbk, 0));
    write("b.zip", flags(zip([["x.txt", "secret"]]), 1));
    const { documents, problems } = await run({ files: "." });
    expect(documents.map(({ source, text }) => [source, text])).toEqual([["a.zip!/春风.txt", "spring"]]);
    expect(problems[0]).toEqual({
      where: "b.zip",
      message: "x.txt is encrypted with a password (unpack it and read the files)",
    });
  });

  test("an archive that unpacks to too much is left at max_archive_mb", async () => {
    write("a.zip", zip(["1", "2", "3"].map((name) => [`${name}.txt`, name.repeat(60_000)] as const)));
    const { texts, problems } = await run({ files: ".", max_archive_mb: 0.13 });
    expect(texts.map((text) => text[0])).toEqual(["1", "2"]);
    expect(problems.map(({ message }) => message)).toEqual([
      "unpacks to more than max_archive_mb (0.13 MB), the rest skipped",
    ]);
  });

  test("a Word file of a few bytes; one whose styles are a bomb", async () => {
    write("a.docx", "ab");
    write(
      "b.docx",
      zip([
        ["word/document.xml", "<w/>"],
        ["word/styles.xml", Buffer.alloc(9_000_000)],
      ]),
    ); // prettier-ignore
    const { problems } = await run({ files: "." });
    expect(problems.map(({ message }) => message).join("\n")).toMatch(
      /^malformed zip: [^]*\nword\/styles\.xml unpacks to more than/,
    );
  });
});

async function warc(gzip: boolean): Promise<Buffer> {
  const date = "2024-05-06T07:08:09Z";
  const bytes = (text: string): Iterable<Uint8Array> => [new TextEncoder().encode(text)];
  const page = (url: string, status: string, type: string, body: Iterable<Uint8Array>): WARCRecord =>
    WARCRecord.create(
      {
        url,
        date,
        type: "response",
        warcVersion: "WARC/1.1",
        statusline: `HTTP/1.1 ${status}`,
        httpHeaders: { "Content-Type": type },
      },
      body,
    );
  const gbk = [Uint8Array.from([...Buffer.from("<p>"), 0xb4, 0xba, 0xb7, 0xe7])];
  const records = [
    WARCRecord.createWARCInfo({ filename: "x.warc" }, { software: "test" }),
    page("http://a.example/", "200 OK", "text/html; charset=utf-8", bytes("<p>Hello</p>")),
    WARCRecord.create(
      { url: "http://a.example/", date, type: "request", httpHeaders: {}, statusline: "GET / HTTP/1.1" },
      bytes(""),
    ),
    page("http://a.example/gone", "404 Not Found", "text/html", bytes("<p>gone</p>")),
    page("http://b.example/春", "200 OK", "text/html; charset=gbk", gbk),
    page("http://b.example/x.png", "200 OK", "image/png", bytes("no")),
    WARCRecord.create(
      {
        url: "http://c.example/",
        date,
        type: "conversion",
        warcHeaders: { "Content-Type": "text/plain", "WARC-Identified-Content-Language": "eng" },
      },
      bytes("Extracted text."),
    ),
  ];
  const parts = await Promise.all(records.map((record) => WARCSerializer.serialize(record, { gzip })));
  return Buffer.concat(parts);
}

describe("WARC and WET", () => {
  const expected = [
    ["<p>Hello</p>", "html", "http://a.example/"],
    ["<p>春风", "html", "http://b.example/%E6%98%A5"],
    ["Extracted text.", "text", "http://c.example/"],
  ];

  test("pages and extracted texts, plain and with each record gzipped; other records go by", async () => {
    write("a.warc", await warc(false));
    write("b.warc.gz", await warc(true));
    write("c.warc.wet.gz", await warc(true));
    const { documents, problems } = await run({ files: "." });
    expect(documents.map(({ text, meta }) => [text, meta["format"], meta["url"]])).toEqual([
      ...expected,
      ...expected,
      ...expected,
    ]);
    expect(documents[0]?.meta["date"]).toBe("2024-05-06T07:08:09Z");
    expect(documents[2]?.meta["identified_languages"]).toBe("eng");
    expect(documents[1]?.source).toBe("a.warc#5");
    expect(problems).toEqual([]);
  });

  test("a file that was cut short gives its whole records and says where it ends", async () => {
    write("a.warc", (await warc(false)).subarray(0, -12));
    write("b.warc.gz", (await warc(true)).subarray(0, -30));
    write("c.warc", "nothing like it\n");
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["<p>Hello</p>", "<p>春风", "<p>Hello</p>", "<p>春风"]);
    expect(problems.map(({ where }) => where)).toEqual(["a.warc:7", expect.stringMatching(/^b\.warc\.gz/), "c.warc"]);
  });

  const record = (type: string, body: Buffer, length = body.length): Buffer =>
    Buffer.concat([
      Buffer.from(
        `WARC/1.0\r\nWARC-Type: ${type}\r\nWARC-Target-URI: http://a.example/\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`,
      ),
      body,
      Buffer.from("\r\n\r\n"),
    ]);
  const http = (headers: string, body: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n${headers}\r\n`), body]);

  test("a record that goes by and is cut short ends the file, and not never", async () => {
    write(
      "a.wet",
      Buffer.concat([record("conversion", Buffer.from("Text.")), record("request", Buffer.from("x"), 500)]),
    );
    const { texts, problems } = await run({ files: "." });
    expect(texts).toEqual(["Text."]);
    expect(problems).toEqual([{ where: "a.wet:2", message: "record cut short, skipped" }]);
  });

  test("a wrong Content-Length costs one record; chunks and packed bodies are undone; bombs are not", async () => {
    const chunked = Buffer.from("5\r\n<p>on\r\n7\r\ne, two.\r\n0\r\n\r\n");
    write(
      "a.warc",
      Buffer.concat([
        record("conversion", Buffer.from("Longer than it says."), 6),
        record("response", http("Transfer-Encoding: chunked\r\n", chunked)),
        record("response", http("Content-Encoding: gzip\r\n", gzipSync("<p>packed"))),
        record("response", http("Content-Encoding: gzip\r\n", Buffer.from("<p>unpacked by the crawler"))),
        record("response", http("Content-Encoding: gzip\r\n", gzipSync(Buffer.alloc(40_000_000)))),
      ]),
    );
    const { texts, problems } = await run({ files: ".", max_file_mb: 1 });
    expect(texts).toEqual(["Longer", "<p>one, two.", "<p>packed", "<p>unpacked by the crawler"]);
    expect(problems).toEqual([
      { where: "a.warc:1", message: "does not end where its Content-Length says; reading goes on at the next" },
      { where: "a.warc:5", message: "page larger than max_file_mb (1 MB), skipped" },
    ]);
  });

  test("an address is read as a file is, taken up again where the connection broke", async () => {
    const bytes = await warc(true);
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers.range);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      if (request.url !== "/a.warc.gz") return void response.writeHead(404).end();
      response.writeHead(from > 0 ? 206 : 200, { etag: '"1"', "content-length": bytes.length - from });
      if (from > 0) response.end(bytes.subarray(from));
      else response.write(bytes.subarray(0, 700), () => request.socket.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const base = `http://127.0.0.1:${port}`;
      const { documents, problems } = await run({ files: [`${base}/a.warc.gz`, `${base}/none.warc`] });
      expect(documents.map(({ text, meta }) => [text, meta["format"], meta["url"]])).toEqual(expected);
      expect(asked).toEqual([undefined, "bytes=700-", undefined]);
      expect(problems.map(({ message }) => message)).toEqual(["answered 404 Not Found"]);
    } finally {
      server.close();
    }
  });
});
