import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import type { Document } from "../../../text/document.ts";
import { emptyStatistics, type LedgerEntry } from "../../stage.ts";
import { DedupIndex } from "./dedup-index.ts";
import { deduplicate } from "./deduplicate.ts";
import { jaccard, plantedCorpus, shuffled } from "./planted.ts";
import { dedupSettings, type DedupSettingsInput } from "./settings.ts";
import { createSigner, normalise, similarity } from "./signature.ts";

function drops(documents: readonly Document[], input: DedupSettingsInput = {}, orders?: Map<string, number>) {
  const settings = dedupSettings.parse(input);
  const signer = createSigner(settings);
  const index = new DedupIndex(settings);
  for (const [i, document] of documents.entries()) {
    const order = orders?.get(document.id) ?? i;
    index.add(document.id, order, document.text.length, signer.signature(document));
  }
  return index.resolve();
}
function texts(...all: string[]): Document[] {
  return all.map((text, i) => ({ id: `d${i}`, text, source: `d${i}`, meta: {} }));
}
const words = (n: number, name: string): string => Array.from({ length: n }, (_, i) => `${name}${i}`).join(" ");

describe("normalise", () => {
  test("Unicode form, case and white space", () => {
    expect(normalise(" Cafe\u0301\u00a0\n\tAU  lait ")).toBe("caf\u00e9 au lait");
    expect(normalise("\ud800 x")).toBe("\ud800 x");
  });
});

describe("signature", () => {
  const settings = dedupSettings.parse({});
  const sign = (text: string) => createSigner(settings).signature({ text });

  test("similarity is the exact Jaccard figure while sketches are whole", () => {
    // 20 words, the last one changed: 16 shingles each, 15 in common, 17 together.
    const [a, b] = [words(20, "w"), `${words(19, "w")} other`];
    expect(similarity(sign(a), sign(b))).toBeCloseTo(15 / 17, 12);
    expect(jaccard(a.split(" "), b.split(" "), 5)).toBeCloseTo(15 / 17, 12);
  });
  test("punctuation and case do not count, order does", () => {
    expect(similarity(sign("One, two; three four (five) six."), sign("one two three four five SIX"))).toBe(1);
    expect(similarity(sign("one two three four five"), sign("five four three two one"))).toBe(0);
  });
  test("Chinese by characters", () => {
    // 10 characters: 6 shingles of 5; the last one changed: 5 in common, 7 together.
    expect(similarity(sign("春夏秋冬东南西北中天"), sign("春夏秋冬东南西北中地"))).toBeCloseTo(5 / 7, 12);
  });
  test("texts shorter than a shingle, and without a word, still have a signature of their own", () => {
    expect(sign("two words").shingles).toBe(1);
    expect(similarity(sign("two words"), sign("Two, words!"))).toBe(1);
    expect(similarity(sign("two words"), sign("two words more"))).toBe(0);
    expect(sign("").minhash).toHaveLength(120);
    expect(similarity(sign("!!!"), sign("???"))).toBe(0);
  });
  test("a long text's sketch estimates the similarity", () => {
    const tokens = Array.from({ length: 20_000 }, (_, i) => `w${i}`);
    const changed = tokens.map((token, i) => (i % 50 === 0 ? "x" : token));
    const truth = jaccard(tokens, changed, 5);
    const estimate = similarity(sign(tokens.join(" ")), sign(changed.join(" ")));
    // Four standard errors of 512 samples.
    expect(Math.abs(estimate - truth)).toBeLessThan(4 * Math.sqrt((truth * (1 - truth)) / 512));
  });
  test("MinHash values agree as often as the sets are similar", () => {
    const many = createSigner(dedupSettings.parse({ minhash: { bands: 250, rows: 16, sketch_size: 0 } }));
    const tokens = Array.from({ length: 400 }, (_, i) => `w${i}`);
    for (const step of [10, 20, 40, 80]) {
      const changed = tokens.map((token, i) => (i % step === 0 ? `x${i}` : token));
      const truth = jaccard(tokens, changed, 5);
      const found = similarity(many.signature({ text: tokens.join(" ") }), many.signature({ text: changed.join(" ") }));
      expect(Math.abs(found - truth), `step ${step}`).toBeLessThan(4 * Math.sqrt((truth * (1 - truth)) / 4000));
    }
  });
});

describe("DedupIndex", () => {
  test("exact copies: the longest stays, then the first, then the least id", () => {
    const all = texts("Some text here", "some  text  here", "other");
    expect([...drops(all)]).toEqual([["d0", { rule: "exact", value: 1, kept: "d1", detail: "kept d1" }]]);
    expect([...drops(all, { keep: "first" }).keys()]).toEqual(["d1"]);
    expect([...drops(texts("same", "same")).keys()]).toEqual(["d1"]);
  });
  test("exact can be off, MinHash can be off", () => {
    const base = words(40, "w");
    const all = texts(base, `${base} more`, base);
    expect([...drops(all, { minhash: { enabled: false } }).keys()]).toEqual(["d2"]);
    expect([...drops(all, { exact: false, minhash: { enabled: false } }).keys()]).toEqual([]);
    expect([...drops(all, { exact: false }).values()].map((d) => d.rule)).toEqual(["minhash", "minhash"]);
    const both = drops(all);
    expect(both.get("d0")).toEqual({ rule: "minhash", value: 36 / 37, threshold: 0.8, kept: "d1", detail: "kept d1" });
    expect(both.get("d2")).toMatchObject({ rule: "exact", kept: "d1" });
  });
  test("an id that is there already is refused", () => {
    const settings = dedupSettings.parse({});
    const index = new DedupIndex(settings);
    const signature = createSigner(settings).signature({ text: "x" });
    expect([index.add("a", 0, 1, signature), index.add("a", 1, 1, signature), index.size]).toEqual([true, false, 1]);
    expect(index.resolve().size).toBe(0);
  });
  test("thousands of alike pages cost no quadratic time", async () => {
    const licence = words(150, "licence");
    const alike = (size: number) => texts(...Array.from({ length: size }, (_, i) => `${licence} owner${i}`));
    expect(drops(alike(3000)).size).toBe(2999);
    // Signatures take most of the time, and are as many as the texts; the index alone, then.
    const settings = dedupSettings.parse({});
    const signer = createSigner(settings);
    const signatures = alike(32).map((document) => signer.signature(document));
    await expectGrowth(
      (size) => Array.from({ length: size }, (_, i) => signatures[i % 32] ?? signer.signature({ text: "" })),
      30_000,
      (all) => {
        const index = new DedupIndex(settings);
        for (const [i, signature] of all.entries()) index.add(`d${i}`, i, 1, signature);
        return index.resolve();
      },
    );
  });
  test("nothing from nothing", () => {
    expect(drops([]).size).toBe(0);
  });
});

describe.each(["latin", "han"] as const)("planted duplicates, %s", (script) => {
  const { documents, pairs } = plantedCorpus(1500, 11, script);
  const found = drops(documents);
  const clusterOf = (id: string): string => found.get(id)?.kept ?? id;

  test("every exact copy is found", () => {
    const exact = pairs.filter((pair) => pair.kind === "exact");
    expect(exact.length).toBeGreaterThan(400);
    for (const { original, copy } of exact) expect(clusterOf(copy)).toBe(clusterOf(original));
  });
  test("recall and precision of near duplicates are at least 0.99", () => {
    const near = pairs.filter((pair) => pair.kind === "near");
    const above = near.filter((pair) => pair.similarity >= 0.8);
    expect(above.length).toBeGreaterThan(150);
    expect(near.length - above.length).toBeGreaterThan(50);
    const hit = above.filter((pair) => clusterOf(pair.copy) === clusterOf(pair.original));
    expect(hit.length / above.length).toBeGreaterThanOrEqual(0.99);
    const truth = new Map(pairs.map((pair) => [pair.copy, pair]));
    const said = [...found].map(([id, drop]) => truth.get(id) ?? truth.get(drop.kept));
    const right = said.filter((pair) => pair !== undefined && pair.similarity >= 0.8);
    expect(right.length / said.length).toBeGreaterThanOrEqual(0.99);
  });
  test("the same answer in any order of adding", () => {
    const orders = new Map(documents.map((document, i) => [document.id, i]));
    for (const keep of ["longest", "first"] as const) {
      const plain = new Map([...drops(documents, { keep }, orders)].sort());
      for (const seed of [1, 2]) {
        expect(new Map([...drops(shuffled(documents, seed), { keep }, orders)].sort())).toEqual(plain);
      }
    }
  });
});

describe("deduplicate", () => {
  test("two passes: documents that stay, ledger and statistics", async () => {
    const base = words(50, "w");
    const all = [...texts(base, "short", `${base} end`, "SHORT"), ...texts("again with the id d0")];
    const removed: LedgerEntry[] = [];
    const statistics = emptyStatistics("dedup");
    const kept: string[] = [];
    for await (const document of deduplicate(() => all, {}, { statistics, onRemoved: (e) => void removed.push(e) })) {
      kept.push(document.text);
    }
    expect(kept).toEqual(["short", `${base} end`]);
    expect(removed.map((e) => [e.id, e.rule, e.detail])).toEqual([
      ["d0", "minhash", "kept d2"],
      ["d3", "exact", "kept d1"],
      ["d0", "same_id", "kept d0"],
    ]);
    expect(removed[0]).toMatchObject({ stage: "dedup", value: 46 / 47, threshold: 0.8, source: "d0" });
    expect([statistics.in.documents, statistics.out.documents]).toEqual([5, 2]);
  });
  test("hostile texts", async () => {
    const all = texts("", " ", "\ud800", "x".repeat(5e6), "x ".repeat(5e5), "\u0000", "好".repeat(5e5));
    const kept: string[] = [];
    for await (const document of deduplicate(() => all)) kept.push(document.id);
    expect(kept).toEqual(["d1", "d2", "d3", "d4", "d5", "d6"]);
  });
});
