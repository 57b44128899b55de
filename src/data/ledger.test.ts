import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeRemoval, findRemoval, LedgerWriter, readLedger, summariseLedger } from "./ledger.ts";
import type { LedgerEntry } from "./stage.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-ledger-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (id: string, rule: string, stage = "filter"): LedgerEntry => ({
  stage,
  id,
  source: `source of ${id}`,
  rule,
  value: 12,
  threshold: 50,
  excerpt: "text with\u2028a line separator and min_words in it",
});
async function all(paths: string[], query = {}): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const e of readLedger(paths, query)) entries.push(e);
  return entries;
}
function write(name: string, entries: LedgerEntry[]): string {
  const path = join(folder, "deeper", name);
  const writer = new LedgerWriter(path);
  for (const e of entries) writer.append(e);
  writer.close();
  return path;
}

test("what is written is read, in order, over several files", async () => {
  const entries = [entry("a", "min_words"), entry("b", "language"), entry("c", "exact", "dedup")];
  const first = write("1.jsonl", entries.slice(0, 2));
  const second = write("2.jsonl", entries.slice(2));
  expect(readFileSync(first, "utf8").split("\n")).toHaveLength(3);
  expect(await all([first, second])).toEqual(entries);
  expect(await all([first, second], { rule: "min_words" })).toEqual([entries[0]]);
  expect(await all([first, second], { stage: "dedup" })).toEqual([entries[2]]);
  expect(await findRemoval([first, second], "b")).toEqual(entries[1]);
  expect(await findRemoval([first, second], "min_words")).toBeUndefined();
});

test("writing again appends", async () => {
  write("1.jsonl", [entry("a", "x")]);
  expect(await all([write("1.jsonl", [entry("b", "x")])])).toHaveLength(2);
});

test("more entries than the buffer holds", async () => {
  const many = Array.from({ length: 3000 }, (_, i) => entry(String(i), i % 3 === 0 ? "a_rule" : "b_rule"));
  const path = write("many.jsonl", many);
  expect(await all([path])).toEqual(many);
  const summary = await summariseLedger([path], {}, 2);
  expect(summary.map((s) => [s.rule, s.documents])).toEqual([
    ["b_rule", 2000],
    ["a_rule", 1000],
  ]);
  expect(summary[0]?.examples.map((e) => e.id)).toEqual(["1", "2"]);
});

test("a last line cut short is passed over, a damaged line elsewhere is named", async () => {
  const path = write("cut.jsonl", [entry("a", "x")]);
  appendFileSync(path, '{"stage":"filter","id":"b","ru');
  expect((await all([path])).map((e) => e.id)).toEqual(["a"]);
  writeFileSync(path, `{"not":"an entry"}\n${JSON.stringify(entry("a", "x"))}\n`);
  await expect(all([path])).rejects.toMatchObject({ code: "DATA", where: `${path}:1` });
});

test("a missing ledger and a closed one say so", async () => {
  await expect(all([join(folder, "none.jsonl")])).rejects.toMatchObject({ code: "FILE" });
  const writer = new LedgerWriter(join(folder, "x.jsonl"));
  writer.close();
  writer.close();
  expect(() => writer.append(entry("a", "x"))).toThrow(/closed/u);
  expect(() => new LedgerWriter(join(folder, "x.jsonl", "below a file"))).toThrow(/cannot write the ledger/u);
});

test("describeRemoval", () => {
  expect(describeRemoval(entry("a", "min_words"))).toBe("filter removed it: min_words is 12, threshold 50");
  const { value: _value, threshold: _threshold, ...rest } = entry("a", "exact", "dedup");
  expect(describeRemoval({ ...rest, detail: "kept b" })).toBe("dedup removed it: exact (kept b)");
});
