import { expect, test } from "vitest";
import { associations, biased, BiasFinder, countBias, createBias, shareToDrop, type BiasCounts } from "./bias.ts";
import { biasSettings } from "./settings.ts";

const settings = biasSettings.parse({
  groups: { women: ["she", "她"], men: ["he", "他"] },
  attributes: { family: ["kitchen", "厨房"], career: ["office"] },
  min_count: 5,
});
const finder = new BiasFinder(settings);
const document = (id: number, text: string) => ({ id: String(id), text, source: "x", meta: {} });

test("sentences, groups and attributes, in English and Chinese", () => {
  const counts: BiasCounts = { groups: {}, pairs: {} };
  countBias(
    "She went to the kitchen. He did not! The kitchen was his. 她在厨房。其他人在厨房。他们也在厨房。他在厨房。",
    finder,
    counts,
  );
  expect(counts).toEqual({ groups: { women: 2, men: 2 }, pairs: { "women\tfamily": 2, "men\tfamily": 1 } });
});

test("log-odds, standard error, PMI: by hand", () => {
  const counts = { groups: { women: 40, men: 100 }, pairs: { "women\tfamily": 20, "men\tfamily": 10 } };
  const [one] = associations(counts, settings);
  // 2 x 2 table with a half added: 20.5, 20.5, 10.5, 90.5.
  expect(one?.logOdds).toBeCloseTo(Math.log((20.5 * 90.5) / (20.5 * 10.5)), 12);
  expect(one?.standardError).toBeCloseTo(Math.sqrt(1 / 20.5 + 1 / 20.5 + 1 / 10.5 + 1 / 90.5), 12);
  // P(both) = 20/140, P(women) = 40/140, P(family) = 30/140.
  expect(one?.pmi).toBeCloseTo(Math.log(20 / 140 / ((40 / 140) * (30 / 140))), 12);
  expect(
    biased(associations(counts, settings), settings).map(({ group, attribute }) => `${group} ${attribute}`),
  ).toEqual(["women family"]);
  expect(biased(associations(counts, settings), { ...settings, min_count: 21 })).toEqual([]);
  expect(biased(associations(counts, settings), { ...settings, max_log_odds: 2.2 })).toEqual([]);
});

test("report drops nothing, remove all, balance as many as bring it to the bound", () => {
  const corpus = [
    ...Array.from({ length: 800 }, (_, i) => document(i, "She was in the kitchen.")),
    ...Array.from({ length: 400 }, (_, i) => document(1000 + i, "She was there.")),
    ...Array.from({ length: 200 }, (_, i) => document(2000 + i, "He was in the kitchen.")),
    ...Array.from({ length: 800 }, (_, i) => document(3000 + i, "He was there.")),
  ];
  const measure = (documents: readonly { text: string }[]) => {
    const counts: BiasCounts = { groups: {}, pairs: {} };
    for (const { text } of documents) countBias(text, finder, counts);
    return counts;
  };
  const before = measure(corpus);
  const left = (action: "report" | "remove" | "balance") => {
    const stage = createBias({ ...settings, action }, before);
    return corpus.filter((one) => "keep" in stage.map(one));
  };
  expect(left("report")).toHaveLength(2200);
  expect(left("remove")).toHaveLength(1400);
  const balanced = left("balance");
  const [after] = associations(measure(balanced), settings);
  expect(after?.logOdds).toBeGreaterThan(0.8);
  expect(after?.logOdds).toBeLessThan(1.2);
  const [was] = associations(before, settings);
  expect(shareToDrop(was ?? ({} as never), 1)).toBeCloseTo(1 - Math.exp(1 - Math.log(8)), 2);
  expect(
    createBias({ ...settings, action: "remove" }, before).map(document(1, "She was in the kitchen.")),
  ).toMatchObject({
    drop: { rule: "bias.remove", threshold: 1, detail: "women with family, in 800 sentences" },
  });
});
