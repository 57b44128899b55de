import { expect, test } from "vitest";
import { UnigramModel } from "./unigram-model.ts";

/** Numerical Recipes' linear congruential generator: tests need the same strings each time. */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

test.each([1, 2, 3, 4])("word by word the cut is that of the whole, sums in single precision: seed %i", (seed) => {
  const below = random(seed);
  const letters = "abcde";
  const word = (length: number): string => Array.from({ length }, () => letters.charAt(below(letters.length))).join("");
  const tokens = ["<unk>", "▁", ...letters.slice(0, 4)];
  for (let i = 0; i < 60; i++) tokens.push((below(3) === 0 ? "▁" : "") + word(2 + below(3)));
  // Few different scores: many cuts are as good as another, or nearly so once their sums are rounded.
  const scores = tokens.map((_, i) => (i === 0 ? undefined : Math.fround(-1 - below(12) / 7)));
  const parts = { tokens, scores, unknownId: 0, precision: "float32" } as const;
  const whole = new UnigramModel(parts);
  const byWords = new UnigramModel({ ...parts, cutBefore: "▁" });
  const text = Array.from({ length: 20_000 }, () => `▁${word(below(9))}`).join("");
  const wanted = whole.encode(text);
  expect(byWords.encode(text)).toEqual(wanted);
  // Rounding decides here: a word alone is cut otherwise than far behind in the text.
  const apart = text.split(/(?=▁)/u).flatMap((one) => whole.encode(one));
  expect(apart).not.toEqual(wanted);
});
