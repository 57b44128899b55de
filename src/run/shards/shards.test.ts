import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyStatistics } from "../../data/stage.ts";
import type { Document } from "../../text/index.ts";
import { ShardFolder } from "./shards.ts";

let root: string;
let folder: ShardFolder;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "nuwa-shards-"));
  folder = new ShardFolder(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const documents = Array.from({ length: 200 }, (_, n): Document => {
  const text = `Document ${n}: a line.\n\u2028 and 静夜思 “quoted” \ud83d\ude00`.repeat(5);
  return { id: String(n).padStart(16, "0"), text, source: `a.jsonl#${n}`, meta: { n } };
});
const nothing = { removed: [], statistics: emptyStatistics("a"), problems: [] };
const json = documents.map((document) => `${JSON.stringify(document)}\n`).join("");

async function read(): Promise<Document[]> {
  const all: Document[] = [];
  for await (const document of folder.read()) all.push(document);
  return all;
}

test("a shard is compressed JSON lines, the same bytes each time, and read back as it was", async () => {
  const info = folder.write(0, documents, nothing);
  const bytes = readFileSync(path.join(root, "shard-00000.jsonl.br"));
  expect(brotliDecompressSync(bytes).toString()).toBe(json);
  expect(info).toMatchObject({ documents: 200, bytes: Buffer.byteLength(json), stored_bytes: bytes.length });
  expect(bytes.length).toBeLessThan(info.bytes / 5);
  folder.finish("a", [info]);
  expect(await read()).toEqual(documents);
  folder.write(0, documents, nothing);
  expect(readFileSync(path.join(root, "shard-00000.jsonl.br"))).toEqual(bytes);
});

test("shards of released versions, which did not compress, are whole and read", async () => {
  const info = folder.write(0, documents, nothing);
  rmSync(path.join(root, "shard-00000.jsonl.br"));
  writeFileSync(path.join(root, "shard-00000.jsonl"), json);
  const { stored_bytes: _, ...old } = info;
  writeFileSync(folder.mark(0), JSON.stringify(old));
  folder.finish("a", [old]);
  expect(folder.isWhole()).toBe(true);
  expect(await read()).toEqual(documents);
  // The hash is of the text, and so the stages after it are not done again.
  expect(old.sha256).toBe(createHash("sha256").update(json).digest("hex"));
  // Written again, only the new form is there.
  folder.write(0, documents, nothing);
  expect(statSync(path.join(root, "shard-00000.jsonl"), { throwIfNoEntry: false })).toBeUndefined();
});

test("a shard that is cut short is not whole, and a damaged one is named", async () => {
  const info = folder.write(0, documents, nothing);
  folder.finish("a", [info]);
  const file = path.join(root, "shard-00000.jsonl.br");
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length - 9));
  expect(folder.isWhole()).toBe(false);
  await expect(read()).rejects.toMatchObject({ code: "FILE", where: file });
  writeFileSync(file, bytes);
  renameSync(file, path.join(root, "shard-00000.jsonl"));
  await expect(read()).rejects.toMatchObject({ code: "FILE", where: `${path.join(root, "shard-00000.jsonl")}:1` });
});

test("deleted documents leave a stage that is whole", async () => {
  folder.finish("a", [folder.write(0, documents, nothing), folder.write(1, documents.slice(0, 3), nothing)]);
  folder.release();
  expect(folder.isWhole()).toBe(true);
  expect(folder.isReleased).toBe(true);
  expect(folder.info(1)?.documents).toBe(3);
  expect(await read()).toEqual([]);
});
