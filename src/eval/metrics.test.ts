import { expect, test } from "vitest";
import { argmax, meanScore, perplexityScore, scoreItem } from "./metrics.ts";

test("mean and standard error: √(sample variance / n)", () => {
  // variance of 1, 0, 1, 1 is 0.25; √(0.25 / 4) = 0.25
  expect(meanScore([1, 0, 1, 1])).toEqual({ value: 0.75, standardError: 0.25, n: 4 });
  expect(meanScore([1])).toEqual({ value: 1, standardError: 0, n: 1 });
  expect(meanScore([]).value).toBeNaN();
});

test("the first of equals wins, NaN never does", () => {
  expect(argmax([Number.NaN, -2, -1, -1])).toBe(2);
  expect(argmax([])).toBe(-1);
});

test("acc takes the likeliest choice, acc_norm the likeliest per character", () => {
  const item = { choices: ["ab", "abcdefgh"], gold: [1] };
  // -3/2 = -1.5 against -4/8 = -0.5
  expect(scoreItem(item, [-3, -4])).toMatchObject({ predicted: 0, predictedNorm: 1, acc: 0, acc_norm: 1 });
});

test("length counts characters, not UTF-16 units or bytes", () => {
  const item = { choices: ["😀😀", "语言模型"], gold: [0] };
  // -2/2 = -1 against -3.6/4 = -0.9; by UTF-16 units the first would be -2/4
  expect(scoreItem(item, [-2, -3.6]).predictedNorm).toBe(1);
});

test("mc2 is the share of probability on true choices", () => {
  const item = { choices: ["a", "b", "c"], gold: [0, 2] };
  expect(scoreItem(item, [Math.log(0.2), Math.log(0.1), Math.log(0.1)]).mc2).toBeCloseTo(0.75, 12);
  expect(scoreItem(item, [-1000, -1000, -1000]).mc2).toBeCloseTo(2 / 3, 12);
});

test("perplexities by hand: 8 bits over 2 words, 4 characters, 6 bytes", () => {
  const score = perplexityScore(-8 * Math.LN2, 2, ["a 语b"]);
  expect(score).toMatchObject({ words: 2, characters: 4, bytes: 6, tokens: 2 });
  expect(score.word_perplexity).toBeCloseTo(16, 10);
  expect(score.token_perplexity).toBeCloseTo(16, 10);
  expect(score.bits_per_character).toBeCloseTo(2, 12);
  expect(score.bits_per_byte).toBeCloseTo(8 / 6, 12);
  expect(score.byte_perplexity).toBeCloseTo(2 ** (8 / 6), 12);
});

test("any of several right choices counts", () => {
  const item = { choices: ["a", "b", "c"], gold: [0, 2] };
  expect(scoreItem(item, [-3, -2, -1])).toMatchObject({ predicted: 2, acc: 1, acc_norm: 1 });
  expect(scoreItem(item, [-3, -1, -2])).toMatchObject({ predicted: 1, acc: 0, acc_norm: 0 });
});
