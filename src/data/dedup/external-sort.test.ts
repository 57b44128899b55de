import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExternalSorter } from "./external-sort.ts";
import { generator } from "./documents/planted.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-sort-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Row = [number, number, number];

function rows(count: number, seed: number, keys: number): Row[] {
  const random = generator(seed);
  return Array.from({ length: count }, (_, i): Row => [random(keys) * 0x10_0001, random(3) * 0x4000_0001, i]);
}

function sortedBy(sorter: ExternalSorter, records: readonly Row[]): Row[] {
  for (const [high, low, value] of records) sorter.add(high, low, value);
  const out: Row[] = [];
  for (const batch of sorter.sorted()) {
    for (let i = 0; i < batch.length; i += 3) out.push([batch[i] ?? 0, batch[i + 1] ?? 0, batch[i + 2] ?? 0]);
  }
  return out;
}

// JavaScript's own sort is stable: the oracle.
const oracle = (records: readonly Row[]): Row[] => records.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);

test.each([0, 1, 2, 1000, 200_000])("%d records in memory, equal keys in the order of adding", (count) => {
  const records = rows(count, 3, 500);
  expect(sortedBy(new ExternalSorter(), records)).toEqual(oracle(records));
});

test.each([
  [1, 2000],
  [2_000, 30_000],
  [100_000, 30_000],
])("a memory of %d bytes: runs on disk, merged in several rounds, give the same order", (memoryBytes, count) => {
  const records = rows(count, 4, 100);
  const position = join(folder, String(memoryBytes));
  const sorter = new ExternalSorter({ folder: position, memoryBytes });
  for (const [high, low, value] of records) sorter.add(high, low, value);
  // With the least memory there are more runs than are merged at a time.
  expect(sorter.runs).toBeGreaterThan(memoryBytes < 100_000 ? 64 : 4);
  expect(sortedBy(sorter, [])).toEqual(oracle(records));
  sorter.close();
  expect(readdirSync(position)).toEqual([]);
});

test("what fits into memory is not written", () => {
  const position = join(folder, "unused");
  expect(sortedBy(new ExternalSorter({ folder: position, memoryBytes: 1e6 }), rows(1000, 5, 9))).toHaveLength(1000);
  expect(existsSync(position)).toBe(false);
});

test("groups: keys that two and more records have, with their values", () => {
  const sorter = new ExternalSorter();
  for (const [i, key] of [7, 3, 7, 0xffff_ffff, 3, 7, 1, 0xffff_ffff].entries()) sorter.add(key, 2, i);
  expect([...sorter.groups()]).toEqual([
    { high: 3, low: 2, values: [1, 4] },
    { high: 7, low: 2, values: [0, 2, 5] },
    { high: 0xffff_ffff, low: 2, values: [3, 7] },
  ]);
  expect([...new ExternalSorter().groups(1)]).toEqual([]);
});
