import { expect, test } from "vitest";
import type { Document } from "../text/document.ts";
import {
  countVerdict,
  type DocumentMapper,
  emptyStatistics,
  excerptOf,
  type LedgerEntry,
  mapBatch,
  measure,
  mergeStatistics,
  runMapper,
  type StageStatistics,
} from "./stage.ts";

const document = (id: string, text: string, language?: string): Document => ({
  id,
  text,
  source: `file#${id}`,
  meta: {},
  ...(language === undefined ? {} : { language }),
});

/** Drops short texts, trims the others. */
const mapper: DocumentMapper = {
  name: "trial",
  map: (d) =>
    d.text.length < 3
      ? { drop: { rule: "short", value: d.text.length, threshold: 3 } }
      : { keep: { ...d, text: d.text.trim() } },
};
const documents = [document("a", "ab"), document("b", " four "), document("c", "你好吗😀", "zh"), document("d", "")];

test("measure counts code points and UTF-8 bytes", () => {
  expect(measure("a你😀")).toEqual({ documents: 1, characters: 3, bytes: 8 });
  expect(measure("\ud83d")).toEqual({ documents: 1, characters: 1, bytes: 3 });
});

test("mapBatch: what stays, what goes, and the figures", () => {
  const { kept, removed, statistics } = mapBatch(mapper, documents);
  expect(kept.map((d) => d.text)).toEqual(["four", "你好吗😀"]);
  expect(removed[0]).toEqual({
    stage: "trial",
    id: "a",
    source: "file#a",
    rule: "short",
    value: 2,
    threshold: 3,
    excerpt: "ab",
  });
  expect(statistics).toEqual({
    stage: "trial",
    in: { documents: 4, characters: 12, bytes: 2 + 6 + 13 },
    out: { documents: 2, characters: 8, bytes: 4 + 13 },
    changed: 1,
    removed: { short: { documents: 2, characters: 2, bytes: 2, smallest: 0, largest: 2 } },
    languages: {
      und: { documents: 1, characters: 4, bytes: 4 },
      zh: { documents: 1, characters: 4, bytes: 13 },
    },
    lengths: [0, 0, 0, 2], // both have 4 characters: 2^2 <= 4 < 2^3
    microseconds: statistics.microseconds,
  });
});

test("runMapper streams the same", async () => {
  const statistics = emptyStatistics("trial");
  const removed: LedgerEntry[] = [];
  const kept: Document[] = [];
  const onRemoved = async (entry: LedgerEntry): Promise<void> => void removed.push(entry);
  for await (const d of runMapper(mapper, documents, { statistics, onRemoved })) kept.push(d);
  const batch = mapBatch(mapper, documents);
  expect(kept).toEqual(batch.kept);
  expect(removed).toEqual(batch.removed);
  expect({ ...statistics, microseconds: 0 }).toEqual({ ...batch.statistics, microseconds: 0 });
});

test("merging is associative and commutative, to the byte", () => {
  const parts = [
    mapBatch(mapper, documents.slice(0, 2)).statistics,
    mapBatch(mapper, documents.slice(2)).statistics,
    mapBatch({ name: "trial", map: () => ({ drop: { rule: "no figure" } }) }, documents).statistics,
  ];
  const [a, b, c] = parts as [StageStatistics, StageStatistics, StageStatistics];
  const bytes = (s: StageStatistics): string => JSON.stringify(s);
  expect(bytes(mergeStatistics(a, b))).toBe(bytes(mergeStatistics(b, a)));
  const left = mergeStatistics(mergeStatistics(a, b), c);
  expect(bytes(left)).toBe(bytes(mergeStatistics(a, mergeStatistics(b, c))));
  expect(bytes(left)).toBe(bytes(mergeStatistics(mergeStatistics(c, a), b)));
  const whole = mapBatch(mapper, documents).statistics;
  expect({ ...mergeStatistics(a, b), microseconds: 0 }).toEqual({ ...whole, microseconds: 0 });
  expect(mergeStatistics(whole, emptyStatistics("trial"))).toEqual(whole);
});

test("a document's language cannot reach the prototype", () => {
  const statistics = emptyStatistics("trial");
  const strange = document("x", "text", "__proto__");
  countVerdict(statistics, strange, { keep: strange });
  expect(statistics.languages).toEqual({ und: { documents: 1, characters: 4, bytes: 4 } });
  expect(Object.hasOwn(Object.prototype, "documents")).toBe(false);
});

test("an excerpt is one line, short, and never ends in half a character", () => {
  expect(excerptOf(" a\n\n b\tc ")).toBe("a b c");
  expect(excerptOf("x".repeat(500))).toBe(`${"x".repeat(199)}…`);
  expect(excerptOf("😀".repeat(300))).toBe(`${"😀".repeat(99)}…`);
  expect(excerptOf("a\ud800b")).toBe("a\ufffdb");
});
