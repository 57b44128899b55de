import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { trainCharacters, type Tokenizer } from "../../../tokenizer/index.ts";
import { TokenDataset } from "./dataset.ts";
import { packDocuments } from "./pack.ts";
import { formatPairs, showToken } from "./pairs.ts";

const root = mkdtempSync(join(tmpdir(), "nuwa-dataset-"));
afterAll(() => rmSync(root, { recursive: true }));

// Character i is the i-th of the alphabet, so ids can be told: a is 0, b is 1, …
const alphabet = "abcdefghijklmnopqrstuvwxyz";
let folder: string;
let tokenizer: Tokenizer;
beforeEach(async () => {
  folder = mkdtempSync(join(root, "packed-"));
  tokenizer = await trainCharacters([alphabet]);
  const document = { id: "1", text: alphabet, source: "1", meta: {} };
  await packDocuments([document], tokenizer, { outDir: folder, valShare: 0 });
});

test("reads by position; outside is an error with both numbers", async () => {
  const dataset = await TokenDataset.open(folder, "train", { vocabSize: 26 });
  expect(dataset.length).toBe(26);
  expect([...dataset.read(3, 4)]).toEqual([3, 4, 5, 6]);
  expect([...dataset.read(26, 0)]).toEqual([]);
  for (const [start, count] of [
    [-1, 2],
    [25, 2],
    [0.5, 1],
    [Number.NaN, 1],
  ] as const) {
    expect(() => dataset.read(start, count)).toThrow("expected tokens within 0 to 26");
  }
  expect(() => dataset.document(1)).toThrow("expected a document from 0 to 0, got 1");
  dataset.close();
});

test("a batch is a pure function of its arguments, and its targets follow its inputs", async () => {
  const dataset = await TokenDataset.open(folder, "train");
  const again = await TokenDataset.open(folder, "train");
  const first = dataset.batch(7, 1, 4, 5, 42);
  dataset.batch(8, 0, 4, 5, 42);
  expect(again.batch(7, 1, 4, 5, 42)).toEqual(first);
  expect([...first.targets]).toEqual([...first.inputs].map((id) => id + 1));
  expect(first.inputs.length).toBe(20);
  for (const other of [dataset.batch(8, 1, 4, 5, 42), dataset.batch(7, 2, 4, 5, 42), dataset.batch(7, 1, 4, 5, 43)]) {
    expect([...other.inputs]).not.toEqual([...first.inputs]);
  }
  // Two micro-batches of 2 rows are the rows of one of 4.
  const halves = [0, 1].flatMap((microBatch) => [...dataset.batch(3, microBatch, 2, 5, 42).inputs]);
  expect(halves).toEqual([...dataset.batch(3, 0, 4, 5, 42).inputs]);
});

test("every window is as likely as another, the last one too", async () => {
  const dataset = await TokenDataset.open(folder, "train");
  const counts = new Float64Array(26);
  const draws = 4000;
  for (let step = 0; step < draws / 4; step++) {
    const { inputs } = dataset.batch(step, 0, 4, 16, 1);
    for (let row = 0; row < 4; row++) {
      const start = inputs[row * 16] ?? 0;
      counts[start] = (counts[start] ?? 0) + 1;
    }
  }
  // 10 possible starts, 0 to 9. Chi-square with 9 degrees of freedom: above 27.9 once in a thousand.
  const expected = draws / 10;
  expect(counts.slice(10).every((count) => count === 0)).toBe(true);
  const chiSquare = counts.slice(0, 10).reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(27.9);
});

test("windows side by side score every token but the first once", async () => {
  const dataset = await TokenDataset.open(folder, "train");
  for (const T of [1, 4, 5, 25, 26, 100]) {
    const windows = [...dataset.windows(T)];
    expect(windows.flatMap(({ targets }) => [...targets])).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    for (const { start, inputs, targets } of windows) {
      expect(inputs[0]).toBe(start);
      expect([...targets]).toEqual([...inputs].map((id) => id + 1));
    }
  }
});

test("a corpus smaller than the context", async () => {
  const dataset = await TokenDataset.open(folder, "train");
  expect(dataset.batch(0, 0, 1, 25, 1).inputs[0]).toBe(0);
  expect(() => dataset.batch(0, 0, 1, 26, 1)).toThrow(
    expect.objectContaining({ code: "DATA", message: "the corpus has 26 tokens, fewer than the 27 of one context" }),
  );
});

test("files that are missing, cut short, too long, malformed, or of another vocabulary", async () => {
  const open = (expected = {}): Promise<TokenDataset> => TokenDataset.open(folder, "train", expected);
  await expect(open({ vocabSize: 27 })).rejects.toThrow("packed for a vocabulary of 26, but 27 is expected");
  const other = await trainCharacters([alphabet.toUpperCase()]);
  await expect(open({ tokenizer: other })).rejects.toThrow("another tokenizer of the same size");
  appendFileSync(join(folder, "train.bin"), "xx");
  await expect(open()).rejects.toThrow("longer than it should be: expected 52 bytes, got 54");
  truncateSync(join(folder, "train.bin"), 51);
  await expect(open()).rejects.toMatchObject({ code: "FILE", where: join(folder, "train.bin") });
  await expect(open()).rejects.toThrow("cut short: expected 52 bytes, got 51");
  truncateSync(join(folder, "train.bin"), 52);
  truncateSync(join(folder, "train.idx"), 0);
  await expect(open()).rejects.toThrow("cut short: expected 8 bytes, got 0");
  rmSync(join(folder, "train.bin"));
  await expect(open()).rejects.toThrow("packed tokens are missing");
  const meta = readFileSync(join(folder, "meta.json"), "utf8");
  writeFileSync(join(folder, "meta.json"), meta.replace('"uint16"', '"uint8"'));
  await expect(open()).rejects.toThrow("malformed meta.json of packed tokens at dtype");
  writeFileSync(join(folder, "meta.json"), meta.slice(0, 40));
  await expect(open()).rejects.toThrow("malformed meta.json");
  rmSync(join(folder, "meta.json"));
  await expect(open()).rejects.toThrow("meta.json is missing");
});

test("a file cut short while it is open", async () => {
  const dataset = await TokenDataset.open(folder, "train");
  truncateSync(join(folder, "train.bin"), 20);
  expect(() => dataset.read(0, 26)).toThrow("cut short");
});

test("pairs as in a textbook", async () => {
  const chinese = await trainCharacters(["ab\n女娲🙂"]);
  expect(formatPairs(chinese.encode("a女b\n"), chinese, { context: 2 })).toBe(
    ['"a"    ->  "女"  (id 3)', '"a女"  ->  "b"   (id 2)', '"b"    ->  "\\n"  (id 0)'].join("\n"),
  );
  expect(formatPairs(chinese.encode("abab"), chinese, { context: 8, pairs: 1 })).toBe('"a"  ->  "b"  (id 2)');
  expect(formatPairs([], chinese, { context: 8 })).toBe("");
  expect(showToken(chinese, 0)).toBe('"\\n"');
});
