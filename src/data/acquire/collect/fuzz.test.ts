import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { NuwaError } from "../../../text/errors.ts";
import { createExtract, extractSettings } from "../../clean/extract/index.ts";
import { collect } from "./collect.ts";
import { docx, epub, packedLines, pdf, zip } from "./formats/test-files.ts";
import { mutate, seeded } from "./mutate.ts";
import { collectSettings } from "./settings.ts";

/** Mutated files of each format; `NUWA_FUZZ_CASES=5000` looks longer. `NUWA_FUZZ_SEED` repeats or varies them. */
const CASES = Number(process.env["NUWA_FUZZ_CASES"] ?? 24);
const SEED = Number(process.env["NUWA_FUZZ_SEED"] ?? 1);
/** How many times the processor time of the dearest whole file a mutated one may take. */
const LIMIT = 100;
/** Bytes that the process may grow by while it reads files that may hold 2 MB each. */
const MEMORY = 500e6;

const PAGE = `<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>河 and river</title></head><body>
<nav><ul><li><a href="/">Home</a></li></ul></nav><main><h1>River</h1>${"<p>The river, and <b>the stone</b> in it; 河水流过石头。</p>".repeat(8)}
<table><tr><th>a</th><td>1</td></tr><tr><th>b</th><td>2</td></tr></table><pre>let x = 1;</pre><ol start="3"><li>one<ul><li>two</li></ul></li></ol>
<math><annotation encoding="application/x-tex">x^2</annotation></math></main><script>var a = "</p>";</script></body></html>`;
const MARKDOWN = `# River\n\n${"A *line* of [text](http://a.example) `code` 河。\n".repeat(6)}\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n1. one\n   - two\n\n\`\`\`js\nlet x;\n\`\`\`\n`;
const CSV = `id,text\n${Array.from({ length: 12 }, (_, k) => `${k},"line ${k}, ""quoted""\n河"`).join("\n")}\n`;
const JSON_LINES = Array.from({ length: 12 }, (_, k) => JSON.stringify({ text: `text ${k} 河`, n: [k] })).join("\n");
const WARC = ["response", "conversion", "request", "response"]
  .map((type, k) => {
    const http = `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<p>ab\r\n0\r\n\r\n`;
    const body = type === "conversion" ? `A text ${k}. 河` : http;
    const kind = type === "conversion" ? "text/plain" : `application/http; msgtype=${type}`;
    return `WARC/1.0\r\nWARC-Type: ${type}\r\nWARC-Target-URI: http://a.example/${k}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:${k}>\r\nContent-Type: ${kind}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}\r\n\r\n`;
  })
  .join("");
const WORDNET =
  '00002684 03 n 02 object 0 physical_object 0 002 @ 00001930 n 0000 ~ 00003553 n 0000 | a tangible thing; "full of objects"  \n'.repeat(
    6,
  );

let folder: string;
let seeds: [name: string, bytes: Buffer][];
const warnings: string[] = [];
/** Vitest's own listeners hide whether a stray rejection would end the process. */
const listeners = process.listeners("unhandledRejection");

beforeAll(async () => {
  for (const listener of listeners) process.off("unhandledRejection", listener);
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-fuzz-"));
  const inner: [string, string | Uint8Array][] = [
    ["a.txt", "one\n河\n".repeat(50)],
    ["b/c.html", PAGE],
    ["d.zip", zip([["e.md", MARKDOWN]])],
  ];
  const tar = Buffer.from(
    await packTar(inner.map(([name, data]) => ({ header: { name, size: Buffer.byteLength(data) }, body: data }))),
  );
  const word = docx([
    { heading: "River" },
    "A paragraph.",
    "第二段。",
    {
      table: [
        ["a", "b"],
        ["1", "2"],
      ],
    },
  ]); // prettier-ignore
  const book = epub("红楼梦", "曹雪芹", [
    ["第一回", "甄士隐梦幻识通灵。"],
    ["Two", "It was so."],
  ]); // prettier-ignore
  const pages = pdf([
    ["A title", "", "The first para-", "graph.", "1"],
    ["A title", "", "The end.", "2"],
  ]); // prettier-ignore
  const parquet = readFileSync(fileURLToPath(new URL("fixtures/records.snappy.parquet", import.meta.url)));
  const warc = Buffer.from(WARC);
  const members = WARC.split(/(?=WARC\/1\.0)/).map((record) => gzipSync(record));
  seeds = [
    ["a.txt", Buffer.from(MARKDOWN.repeat(3))],
    ["a.md", Buffer.from(MARKDOWN)],
    ["a.html", Buffer.from(PAGE)],
    ["gbk.html", Buffer.concat([Buffer.from('<meta charset="gbk"><p>'), Buffer.from("b4bab7e7".repeat(80), "hex")])],
    ["a.jsonl", Buffer.from(JSON_LINES)],
    ["a.jsonl.gz", gzipSync(JSON_LINES)],
    ["b.jsonl.zst", packedLines.zstd],
    ["c.jsonl.bz2", packedLines.bzip2],
    ["d.jsonl.xz", packedLines.xz],
    ["a.json", Buffer.from(`[${JSON_LINES.replaceAll("\n", ",")}]`)],
    ["a.csv", Buffer.from(CSV)],
    ["a.tsv", Buffer.from(CSV.replaceAll(",", "\t"))],
    ["a.parquet", parquet],
    ["a.docx", word],
    ["a.epub", book],
    ["a.pdf", pages],
    ["a.warc", warc],
    ["a.warc.gz", Buffer.concat(members)],
    ["a.wet", warc],
    ["a.zip", zip([...inner, ["f.docx", word], ["g.epub", book], ["h.pdf", pages]])],
    ["a.tar", tar],
    ["a.tgz", gzipSync(tar)],
    ["data.noun", Buffer.from(WORDNET)],
  ];
});
afterAll(() => {
  for (const listener of listeners) process.on("unhandledRejection", listener);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  warnings.length = 0;
  for (const level of ["log", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((...words: unknown[]) => void warnings.push(words.join(" ")));
});
afterEach(() => vi.restoreAllMocks());

/** Reads one file through the collect and the extract stage; how many documents came out and problems were named. */
async function read(name: string, bytes: Buffer, split: string): Promise<{ documents: number; problems: number }> {
  writeFileSync(path.join(folder, name), bytes);
  const settings = collectSettings.parse({ sources: [{ files: name, max_file_mb: 2, split }] });
  const extract = createExtract(extractSettings.parse({}));
  let [documents, problems] = [0, 0];
  const onProblem = ({ where, message }: { where: string; message: string }): void => {
    problems++;
    if (where === "" || message === "") throw new Error("a problem without words");
  };
  for await (const document of collect(settings, { cwd: folder, onProblem })) {
    documents++;
    expect(document.text.trim()).not.toBe("");
    extract.map(document);
  }
  return { documents, problems };
}

test("every format is read as it is", async () => {
  for (const [name, bytes] of seeds) {
    const { documents, problems } = await read(name, bytes, "none");
    expect({ name, read: documents > 0 }).toEqual({ name, read: true });
    // The parquet file holds a row without a text, by intention.
    if (name !== "a.parquet") expect({ name, problems }).toEqual({ name, problems: 0 });
  }
});

test(
  "mutated files: documents or named problems, nothing else thrown or printed, no hang, no growth",
  { timeout: 60_000 + 10_000 * CASES },
  async () => {
    const spent = (): number => process.cpuUsage().user;
    let dearest = 0;
    for (const [name, bytes] of seeds) {
      const start = spent();
      await read(name, bytes, "none");
      dearest = Math.max(dearest, spent() - start);
    }
    const before = process.memoryUsage().rss;
    const faults: string[] = [];
    let files = 0;
    for (let round = 0; round < CASES; round++) {
      for (const [k, [name, bytes]] of seeds.entries()) {
        const random = seeded(1000 * SEED + 7919 * round + k);
        const other = seeds[Math.floor(random() * seeds.length)]?.[1] ?? bytes;
        const mutated = mutate(bytes, other, random);
        const at = `${name}, round ${round}, seed ${SEED}`;
        const start = spent();
        warnings.length = 0;
        try {
          await read(name, mutated, round % 4 === 3 ? "paragraphs" : "none");
        } catch (error) {
          if (!(error instanceof NuwaError)) faults.push(`${at}: ${String((error as Error).stack ?? error)}`);
        }
        const times = (spent() - start) / dearest;
        if (times > LIMIT) faults.push(`${at}: took ${Math.round(times)} times as long as the dearest whole file`);
        if (warnings.length > 0) faults.push(`${at}: printed ${warnings.join("; ").slice(0, 200)}`);
        files++;
      }
      if (faults.length > 20) break;
    }
    expect(faults).toEqual([]);
    expect(files).toBe(CASES * seeds.length);
    expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY);
  },
);
