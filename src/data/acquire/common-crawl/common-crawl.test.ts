import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { WARCRecord, WARCSerializer } from "warcio";
import { collect, collectSettings } from "../collect/index.ts";
import { listPaths, takeSlice, takeTexts } from "./index.ts";

/** A server that answers as the URL index and the archives of Common Crawl do, with 25 pages in two archives. */
const archives = new Map<string, Buffer>();
const captures: Record<string, string>[] = [];
const asked: string[] = [];
let failures = 0;
let ignoresRanges = false;
let server: Server;
let base = "";
const folder = mkdtempSync(join(tmpdir(), "nuwa-cc-"));
let folders = 0;
const newFolder = (): string => join(folder, String(folders++));

async function makeArchives(): Promise<void> {
  for (let i = 0; i < 25; i++) {
    const [host, language] = i % 5 === 0 ? ["新闻.example.org", "zho"] : ["www.example.org", "eng"];
    const url = `http://${host}/page${i}`;
    const body = new TextEncoder().encode(`<p>Page ${i} of ${host}</p>`);
    const record = WARCRecord.create(
      {
        url,
        date: "2024-08-01T00:00:00Z",
        type: "response",
        statusline: "HTTP/1.1 200 OK",
        httpHeaders: { "Content-Type": "text/html; charset=utf-8" },
      },
      [body],
    );
    const bytes = Buffer.from(await WARCSerializer.serialize(record, { gzip: true }));
    const filename = `crawl-data/CC-MAIN-2024-33/segments/1/warc/${i % 2}.warc.gz`;
    const before = archives.get(filename) ?? Buffer.from("x".repeat(10));
    captures.push({
      urlkey: `org,example)/page${i}`,
      timestamp: "20240801000000",
      url,
      status: "200",
      "mime-detected": "text/html",
      languages: language === "zho" ? "zho,eng" : "eng",
      digest: `D${i}`,
      filename,
      offset: String(before.length),
      length: String(bytes.length),
    });
    archives.set(filename, Buffer.concat([before, bytes]));
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", base);
  asked.push(`${url.pathname}${url.searchParams.has("page") ? `?page=${url.searchParams.get("page")}` : ""}`);
  if (failures > 0) {
    failures--;
    // clock: a date that a server sends; nothing is expected of how long the client waits.
    const after = failures % 2 === 0 ? "0" : new Date(Date.now() + 500).toUTCString();
    return void response.writeHead(503, { "retry-after": after }).end();
  }
  if (url.pathname === "/collinfo.json") return void response.end(JSON.stringify([{ id: "CC-MAIN-2024-33" }]));
  if (url.pathname === "/CC-MAIN-2024-33-index") {
    if (url.searchParams.has("showNumPages")) return void response.end('{"pages": 3, "pageSize": 5, "blocks": 12}');
    const filters = url.searchParams.getAll("filter");
    const language = /\^(\w+)/.exec(filters.find((filter) => filter.startsWith("~languages:")) ?? "")?.[1];
    const wanted = captures.filter((capture) => language === undefined || capture["languages"]?.startsWith(language));
    const page = Number(url.searchParams.get("page"));
    const lines = wanted.slice(page * 10, page * 10 + 10).map((capture) => `${JSON.stringify(capture)}\n`);
    if (lines.length === 0) return void response.writeHead(404).end('{"message": "No Captures found"}');
    return void response.end(lines.join(""));
  }
  const file = archives.get(url.pathname.slice(1));
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (file !== undefined && ignoresRanges) return void response.end(file);
  if (file !== undefined && range !== null) {
    return void response.writeHead(206).end(file.subarray(Number(range[1]), Number(range[2]) + 1));
  }
  if (url.pathname === "/crawl-data/CC-MAIN-2024-33/wet.paths.gz") {
    return void response.end(gzipSync("crawl-data/a.warc.wet.gz\ncrawl-data/b.warc.wet.gz\n"));
  }
  const name = /^\/crawl-data\/([ab])\.warc\.wet\.gz$/.exec(url.pathname)?.[1];
  if (name !== undefined) return void response.end(texts(name));
  response.writeHead(404).end();
}

beforeAll(async () => {
  await makeArchives();
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
beforeEach(() => {
  asked.length = 0;
  failures = 0;
  ignoresRanges = false;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const settings = (more: object = {}) => ({
  crawl: "CC-MAIN-2024-33",
  domain: "example.org",
  index: base,
  data: base,
  delay_ms: 0,
  ...more,
});

/** Two archives of texts, 12 each, every third Chinese; the second is cut short. */
function texts(name: string): Buffer {
  const members = Array.from({ length: 12 }, (_, i) => {
    const [language, text] = i % 3 === 0 ? ["zho,eng", `第 ${i} 页，${name}`] : ["eng,zho", `Page ${i} of ${name}`];
    const head = `WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.example/${name}/${i}\r\nWARC-Date: 2024-08-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:${name}${i}>\r\nWARC-Identified-Content-Language: ${language}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`;
    return gzipSync(`${head}${text}\r\n\r\n`);
  });
  const whole = Buffer.concat(members);
  return name === "b" ? whole.subarray(0, whole.length - 40) : whole;
}

async function pages(warc: string): Promise<string[]> {
  const found: string[] = [];
  const sources = collectSettings.parse({ sources: [{ files: warc }] });
  const onProblem = ({ message }: { message: string }): void => void found.push(`problem: ${message}`);
  for await (const { text } of collect(sources, { cwd: "/", onProblem })) found.push(text);
  return found;
}

test("all pages of a domain, record by record, as collect reads them", async () => {
  const { warc, pages: count, missing } = await takeSlice(settings(), newFolder());
  expect([count, missing]).toEqual([25, 0]);
  const texts = await pages(warc);
  expect(texts).toHaveLength(25);
  expect(texts[5]).toBe("<p>Page 5 of 新闻.example.org</p>");
  expect(gunzipSync(readFileSync(warc)).subarray(0, 8).toString()).toBe("WARC/1.0");
});

test("by language, at most so many, after answers of 503", async () => {
  failures = 3;
  const { warc, pages: count } = await takeSlice(settings({ language: "zho", limit: 3 }), newFolder());
  expect(count).toBe(3);
  expect((await pages(warc)).every((text) => text.includes("新闻"))).toBe(true);
});

test("stopped and cut anywhere, it goes on to the same bytes and asks for no record twice", async () => {
  const whole = readFileSync((await takeSlice(settings(), newFolder())).warc);
  for (const [stopAt, cut] of [
    [1, 0],
    [7, 13],
    [24, 5],
  ] as const) {
    const out = newFolder();
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === stopAt) controller.abort();
    };
    await expect(takeSlice(settings(), out, { signal: controller.signal, onProgress })).rejects.toThrow();
    // As a kill between the two writes leaves it: bytes that the log does not know, and half a line.
    const warc = join(out, "pages.warc.gz");
    writeFileSync(warc, Buffer.concat([readFileSync(warc), Buffer.alloc(cut, 1)]));
    const log = join(out, "done.log");
    if (cut > 0) writeFileSync(log, `${readFileSync(log, "utf8")}${stopAt + 1} 9`);
    asked.length = 0;
    const { pages: count } = await takeSlice(settings(), out);
    expect(count).toBe(25);
    expect(readFileSync(warc).equals(whole)).toBe(true);
    expect(asked).toHaveLength(25 - stopAt);
  }
});

test("a record that is not where the index says is counted and left out", async () => {
  const out = newFolder();
  await takeSlice(settings({ limit: 4 }), out);
  const file = join(out, "captures.jsonl");
  const lines = readFileSync(file, "utf8").split("\n");
  writeFileSync(
    file,
    lines
      .map((line, i) => (i === 2 ? line.replace(/"offset":(\d+)/, (_, n) => `"offset":${Number(n) + 3}`) : line))
      .join("\n"),
  );
  truncateSync(join(out, "done.log"), 0);
  const result = await takeSlice(settings({ limit: 4 }), out);
  expect(result).toMatchObject({ pages: 3, missing: 1 });
  expect(await pages(result.warc)).toHaveLength(3);
});

test("another page's record in its place is not taken; a server without ranges is named, not read", async () => {
  const out = newFolder();
  await takeSlice(settings({ limit: 3 }), out);
  const file = join(out, "captures.jsonl");
  const lines = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, [lines[0], lines[1]?.replace("page1", "other"), lines[2], ""].join("\n"));
  truncateSync(join(out, "done.log"), 0);
  expect(await takeSlice(settings({ limit: 3 }), out)).toMatchObject({ pages: 2, missing: 1 });
  ignoresRanges = true;
  await expect(takeSlice(settings({ limit: 2 }), newFolder())).rejects.toThrow("does not answer with a part of a file");
});

test("a language alone: out of the archives of texts, to the limit, the same bytes after a stop", async () => {
  const chinese = settings({ domain: undefined, language: "zho" });
  const out = newFolder();
  const whole = await takeTexts(chinese, out);
  // 4 in each; the archive that is cut short counts as one that could not be read, and what came before it stays.
  expect(whole).toMatchObject({ pages: 8, missing: 1 });
  const found = await pages(whole.warc);
  expect(found).toEqual(["a", "b"].flatMap((name) => [0, 3, 6, 9].map((i) => `第 ${i} 页，${name}`)));
  expect(await takeTexts({ ...chinese, limit: 3 }, newFolder())).toMatchObject({ pages: 3, missing: 0 });
  for (const stopAt of [2, 4, 6]) {
    const stopped = newFolder();
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === stopAt) controller.abort();
    };
    await expect(takeTexts(chinese, stopped, { signal: controller.signal, onProgress })).rejects.toThrow();
    const again = await takeTexts(chinese, stopped);
    expect(readFileSync(again.warc).equals(readFileSync(whole.warc))).toBe(true);
  }
  await expect(takeTexts(settings({ domain: undefined }), newFolder())).rejects.toThrow("expected a language");
});

test("lists of archives, wrong crawls, wrong settings, another slice in the folder", async () => {
  expect(await listPaths(settings(), "wet")).toEqual([
    `${base}/crawl-data/a.warc.wet.gz`,
    `${base}/crawl-data/b.warc.wet.gz`,
  ]);
  await expect(listPaths(settings({ crawl: "CC-MAIN-1999-01" }), "wet")).rejects.toThrow('no crawl "CC-MAIN-1999-01"');
  await expect(takeSlice(settings({ crawl: "CC-MAIN-2024-34" }), newFolder())).rejects.toMatchObject({
    message: 'no crawl "CC-MAIN-2024-34"',
    hint: 'did you mean "CC-MAIN-2024-33"?',
  });
  await expect(takeSlice(settings({ crawl: "2024-33" }), newFolder())).rejects.toMatchObject({
    code: "USAGE",
    where: "crawl",
  });
  await expect(takeSlice({ crawl: "CC-MAIN-2024-33" }, newFolder())).rejects.toThrow("expected a domain or a prefix");
  const out = newFolder();
  await takeSlice(settings({ limit: 1 }), out);
  await expect(takeSlice(settings({ limit: 2 }), out)).rejects.toThrow("holds another slice");
  failures = 99;
  await expect(takeSlice(settings({ tries: 2 }), newFolder())).rejects.toMatchObject({
    code: "NETWORK",
    message: expect.stringContaining("answered 503"),
  });
});
