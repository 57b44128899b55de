import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { DedupIndex } from "./dedup-index.ts";
import { ExternalSorter } from "../external-sort.ts";
import { plantedCorpus, shuffled } from "./planted.ts";
import { dropOf, resolveDuplicates, type DedupDrop } from "./resolve.ts";
import { dedupSettings, type DedupSettingsInput } from "./settings.ts";
import { encodeSignatures, SignatureFiles } from "./signature-files.ts";
import { createSigner } from "./signature.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-signatures-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inMemory(documents: readonly Document[], input: DedupSettingsInput): Map<string, DedupDrop> {
  const settings = dedupSettings.parse(input);
  const signer = createSigner(settings);
  const index = new DedupIndex(settings);
  for (const [i, document] of documents.entries()) {
    index.add(document.id, i, document.text.length, signer.signature(document));
  }
  return index.resolve();
}

function onDisk(documents: readonly Document[], input: DedupSettingsInput, shard: number, memoryBytes: number) {
  const settings = dedupSettings.parse(input);
  const files: string[] = [];
  for (let i = 0; i < documents.length; i += shard) {
    const signer = createSigner(settings);
    const signed = documents
      .slice(i, i + shard)
      .map((document) => ({ id: document.id, length: document.text.length, signature: signer.signature(document) }));
    files.push(join(folder, `${files.length}.bin`));
    writeFileSync(files.at(-1) ?? "", encodeSignatures(signed));
  }
  let runs = 0;
  const source = new SignatureFiles(files, memoryBytes);
  const steps = resolveDuplicates(source, settings, () => {
    const sorter = new ExternalSorter({ folder: join(folder, "runs"), memoryBytes });
    const { groups } = sorter;
    sorter.groups = function* (least) {
      runs = Math.max(runs, sorter.runs);
      yield* groups.call(sorter, least);
    };
    return sorter;
  });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const drops = new Map<string, DedupDrop>();
  for (let i = 0; i < source.size; i++) {
    const drop = dropOf(i, step.value, source, settings);
    if (drop !== undefined) drops.set(source.id(i), drop);
  }
  source.close();
  return { drops, runs };
}

describe("from the disk, the same as in memory", () => {
  const { documents } = plantedCorpus(700, 7);
  const some = shuffled(documents, 3).map((document, i) =>
    i % 9 === 0 ? { ...document, meta: { url: `http://www.a.org/${i % 5}/?utm_source=${i}` } } : document,
  );
  test.each([
    ["the defaults", {}],
    ["the first is kept", { keep: "first" }],
    ["verified by MinHash values", { minhash: { sketch_size: 0, bands: 30, rows: 4 } }],
    ["without MinHash", { minhash: { enabled: false } }],
    ["without addresses and exact copies", { url: { enabled: false }, exact: false }],
  ] as [string, DedupSettingsInput][])("%s", (_, input) => {
    const expected = inMemory(some, input);
    expect(expected.size).toBeGreaterThan(0);
    for (const [shard, memory] of [
      [1000, 1e8],
      [100, 3000],
      [37, 1],
    ] as const) {
      const { drops, runs } = onDisk(some, input, shard, memory);
      expect(drops).toEqual(expected);
      if (memory === 1) expect(runs).toBeGreaterThan(4);
    }
  });

  test("the first document under an id stays", () => {
    const all = ["one text here", "another text", "one text here"].map((text, i) => ({
      id: i === 1 ? "b" : "a",
      text,
      source: `${i}`,
      meta: {},
    }));
    const { drops } = onDisk(all, {}, 2, 1e6);
    expect([...drops]).toEqual([["a", { rule: "same_id", kept: "a", detail: "kept a" }]]);
  });
});

describe("by address", () => {
  const at = (id: string, text: string, url?: string): Document => ({
    id,
    text,
    source: id,
    meta: url === undefined ? {} : { url },
  });
  const all = [
    at("a", "the first version of a page", "http://a.org/p"),
    at("b", "a later and longer version of that page", "https://www.a.org/p/?utm_medium=mail#x"),
    at("c", "something else", "https://a.org/q"),
    at("d", "no address"),
    at("e", "no address at all"),
  ];
  test("one of an address stays, by the same rule as of copies", () => {
    expect([...inMemory(all, {})]).toEqual([["a", { rule: "url", value: 1, kept: "b", detail: "kept b" }]]);
    expect([...inMemory(all, { keep: "first" }).keys()]).toEqual(["b"]);
    expect(inMemory(all, { url: { enabled: false } }).size).toBe(0);
  });
});

test("shingles of characters find near copies of words that are all a little different", () => {
  const texts = ["naturalisation internationale", "naturalization internationale"];
  const documents = texts.map((text, i) => ({ id: `${i}`, text, source: `${i}`, meta: {} }));
  const minhash = { threshold: 0.6, bands: 50, rows: 2, character_shingle: 3 };
  // The sets of three letters in a row, spaces left out.
  const set = (text: string): Set<string> => {
    const letters = text.replace(/ /gu, "");
    return new Set(Array.from({ length: letters.length - 2 }, (_, i) => letters.slice(i, i + 3)));
  };
  const [a, b] = [set(texts[0] ?? ""), set(texts[1] ?? "")];
  const common = [...a].filter((shingle) => b.has(shingle)).length;
  const found = inMemory(documents, { minhash: { ...minhash, shingle: "characters" } });
  expect(found.get("1")?.value).toBeCloseTo(common / (a.size + b.size - common), 12);
  expect(inMemory(documents, { minhash }).size).toBe(0);
});
