import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NuwaError } from "../../../text/errors.ts";
import { END, NgramModel, UNKNOWN } from "../../../ngram/ngram-model.ts";
import { createPerplexity } from "./perplexity.ts";
import { discountsOf, trainNgram } from "../../../ngram/train-ngram.ts";

const TEXT = [
  "the cat sat on the mat",
  "the dog sat on the cat",
  "a cat and a dog ran",
  "on the mat a dog sat and ran",
];

/** Modified Kneser-Ney by its definition, over strings and Maps: P(word | context). */
function plain(lines: string[][], order: number, vocabulary: string[]): (context: string[], word: string) => number {
  const padded = lines.map((line) => ["<s>", ...line, "</s>"]);
  const raw = (n: number): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const line of padded) {
      for (let i = 0; i + n <= line.length; i++) {
        const gram = line.slice(i, i + n);
        if (n === 1 && gram[0] === "<s>") continue;
        counts.set(gram.join(" "), (counts.get(gram.join(" ")) ?? 0) + 1);
      }
    }
    return counts;
  };
  const tables = Array.from({ length: order }, (_, k) => {
    const n = k + 1;
    if (n === order) return raw(n);
    const counts = new Map<string, number>();
    for (const gram of raw(n + 1).keys()) {
      const suffix = gram.split(" ").slice(1).join(" ");
      counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
    }
    for (const [gram, count] of raw(n)) if (gram.startsWith("<s>")) counts.set(gram, count);
    return counts;
  });
  const discounts = tables.map((table) => discountsOf(Int32Array.from(table.values()), table.size));
  return function p(context, word): number {
    const n = context.length + 1;
    const table = tables[n - 1] ?? new Map<string, number>();
    const d = discounts[n - 1] ?? [0, 0, 0, 0];
    const prefix = context.length === 0 ? "" : `${context.join(" ")} `;
    let [total, left] = [0, 0];
    for (const [gram, count] of table) {
      if (gram.split(" ").length !== n || !gram.startsWith(prefix)) continue;
      total += count;
      left += d[Math.min(count, 3)] ?? 0;
    }
    const shorter = n === 1 ? 1 / (vocabulary.length + 2) : p(context.slice(1), word);
    if (total === 0) return shorter;
    const count = table.get(prefix + word) ?? 0;
    return (count - (d[Math.min(count, 3)] ?? 0)) / total + (left / total) * shorter;
  };
}

describe("modified Kneser-Ney", () => {
  test("discounts: Chen and Goodman's formula, by hand", () => {
    // n1 = 10, n2 = 5, n3 = 3, n4 = 2: Y = 10 / 20.
    const counts = Int32Array.from([...Array(10).fill(1), ...Array(5).fill(2), 3, 3, 3, 4, 4]);
    expect(discountsOf(counts, 20)).toEqual([0, 1 - 0.5, 2 - 3 * 0.5 * (3 / 5), 3 - 4 * 0.5 * (2 / 3)]);
    expect(discountsOf(Int32Array.from([1, 1]), 2)).toEqual([0, 0.5, 1, 1.5]);
  });
  test.each([1, 2, 3, 4])("order %i equals the plain definition, and sums to one", (order) => {
    const model = trainNgram(TEXT, { order, unit: "words" });
    const lines = TEXT.map((line) => line.split(" "));
    const { vocabulary } = model;
    const p = plain(lines, order, [...vocabulary]);
    const sequence = ["on", "the", "dog", "and", "the", "mat", "mat"];
    const scores = model.scoreLine(model.encode(sequence));
    for (const [i, word] of [...sequence, "</s>"].entries()) {
      const context = ["<s>", ...sequence].slice(0, i + 1).slice(-(order - 1 || 99));
      expect(Math.exp(scores[i] ?? 0), word).toBeCloseTo(p(order === 1 ? [] : context, word), 6);
    }
    for (const start of [[], ["the"], ["on", "the"], ["mat", "mat"], ["zebra"]]) {
      const prefix = model.encode(start);
      let sum = Math.exp(model.scoreLine(prefix).at(-1) ?? 0);
      for (const unit of [UNKNOWN, ...model.encode(vocabulary)]) {
        sum += Math.exp(model.scoreLine([...prefix, unit])[prefix.length] ?? 0);
      }
      expect(sum).toBeCloseTo(1, 5);
    }
    expect(END).toBe(2);
  });
  test("what was seen is less surprising than what was not", () => {
    const model = trainNgram(TEXT, { order: 3, unit: "characters" });
    const seen = model.score("the cat sat on the mat").perplexity;
    expect(seen).toBeLessThan(model.score("tam eht no tas tac eht").perplexity);
    expect(model.score("zzz qqq").perplexity).toBeGreaterThan(2 * seen);
    expect(model.score("")).toEqual({ logProbability: 0, units: 0, perplexity: 1 });
  });
  test("a file gives back the same model; other files are refused", () => {
    const model = trainNgram([...TEXT, "我们在学习语言模型，学习语言"], { order: 4, unit: "characters" });
    const bytes = model.toBytes();
    const again = NgramModel.fromBytes(bytes, "x");
    for (const text of [...TEXT, "学习模型", "new words"]) expect(again.score(text)).toEqual(model.score(text));
    expect(Buffer.from(again.toBytes()).equals(Buffer.from(bytes))).toBe(true);
    for (const bad of [
      bytes.subarray(0, bytes.length - 4),
      Buffer.from("hello"),
      Buffer.alloc(0),
      bytes.subarray(0, 14),
    ]) {
      expect(() => NgramModel.fromBytes(bad, "x")).toThrow(NuwaError);
    }
  });
});

test("the stage drops beyond both bounds and notes the figure", () => {
  const model = trainNgram(TEXT, { order: 3, unit: "characters" });
  const document = (text: string) => ({ id: "0", text, source: "x", meta: {} });
  const figure = model.score("the dog ran").perplexity;
  const stage = (most: number | null, least: number | null) =>
    createPerplexity({ max_perplexity: most, min_perplexity: least, annotate: true }, model).map(
      document("the dog ran"),
    );
  expect(stage(figure, figure)).toMatchObject({ keep: { meta: { perplexity: Number(figure.toPrecision(5)) } } });
  expect(stage(figure - 0.01, null)).toMatchObject({ drop: { rule: "perplexity.max_perplexity", value: figure } });
  expect(stage(null, figure + 0.01)).toMatchObject({ drop: { rule: "perplexity.min_perplexity", value: figure } });
});

const valid = `${process.env["NUWA_SHARED"] ?? "../shared"}/data/novels-en`;
test.skipIf(!existsSync(valid))("tells English from its reverse and from letters (needs the shared data)", () => {
  const text = readFileSync(`${process.env["NUWA_SHARED"] ?? "../shared"}/data/tinyshakespeare/input.txt`, "utf8");
  const model = trainNgram([text.slice(0, 400_000)], { order: 5, unit: "characters" });
  const held = text.slice(-4000);
  const good = model.score(held).perplexity;
  // 5-gram character models of this text lie near 2.3 bits a character.
  expect(Math.log2(good)).toBeGreaterThan(1.8);
  expect(Math.log2(good)).toBeLessThan(3);
  expect(model.score([...held].reverse().join("")).perplexity).toBeGreaterThan(3 * good);
});
