import { describe, expect, it } from "vitest";
import { plainSampling, sampleToken, type SamplingSettings } from "./sampler.ts";

const LOG = Math.log;
/** softmax of these is exactly [0.1, 0.2, 0.4, 0.3] */
const LOGITS = [LOG(1), LOG(2), LOG(4), LOG(3)];

/** Every id that can be drawn, with its share, from a fine grid of "random" numbers. */
function shares(settings: Partial<SamplingSettings>, logits = LOGITS, history: number[] = []): Map<number, number> {
  const counts = new Map<number, number>();
  const grid = 1000;
  for (let i = 0; i < grid; i++) {
    const { id } = sampleToken(logits, { ...plainSampling, ...settings }, () => (i + 0.5) / grid, history);
    counts.set(id, (counts.get(id) ?? 0) + 1 / grid);
  }
  return counts;
}

function expectShares(actual: Map<number, number>, expected: Record<number, number>): void {
  expect([...actual.keys()].toSorted()).toEqual(Object.keys(expected).map(Number));
  for (const [id, share] of actual) expect(share).toBeCloseTo(expected[id] ?? Number.NaN, 2);
}

describe("sampleToken", () => {
  it("draws each token with its probability", () => {
    expectShares(shares({}), { 0: 0.1, 1: 0.2, 2: 0.4, 3: 0.3 });
  });

  it("takes the likeliest at temperature 0 without asking for a random number, and the first of equals", () => {
    const never = (): number => {
      throw new Error("asked");
    };
    expect(sampleToken(LOGITS, { ...plainSampling, temperature: 0 }, never).id).toBe(2);
    expect(sampleToken([1, 5, 5], { ...plainSampling, temperature: 0 }, never).id).toBe(1);
  });

  it("sharpens and flattens by temperature: probabilities to the power 1/t, renormalised", () => {
    // squares: 1, 4, 16, 9 of 30
    expectShares(shares({ temperature: 0.5 }), { 0: 1 / 30, 1: 4 / 30, 2: 16 / 30, 3: 9 / 30 });
  });

  it("keeps the k likeliest", () => {
    expectShares(shares({ top_k: 2 }), { 2: 4 / 7, 3: 3 / 7 });
    expectShares(shares({ top_k: 1 }), { 2: 1 });
    expectShares(shares({ top_k: 9 }), { 0: 0.1, 1: 0.2, 2: 0.4, 3: 0.3 });
  });

  it("ranks equal logits by id when k cuts between them", () => {
    expectShares(shares({ top_k: 2 }, [1, 1, 1, 1]), { 0: 0.5, 1: 0.5 });
  });

  it("keeps the fewest tokens that reach p, including the one that crosses it", () => {
    expectShares(shares({ top_p: 0.69 }), { 2: 4 / 7, 3: 3 / 7 });
    expectShares(shares({ top_p: 0.71 }), { 1: 2 / 9, 2: 4 / 9, 3: 3 / 9 });
    expectShares(shares({ top_p: 0.001 }), { 2: 1 });
  });

  it("keeps tokens at least min_p as likely as the likeliest", () => {
    expectShares(shares({ min_p: 0.51 }), { 2: 4 / 7, 3: 3 / 7 });
    expectShares(shares({ min_p: 1 }), { 2: 1 });
  });

  it("applies top-p to what top-k left, renormalised", () => {
    // top-k 2 leaves 4/7 and 3/7; 0.55 < 4/7 is reached by the first alone, while over all tokens it is not
    expectShares(shares({ top_k: 2, top_p: 0.55 }), { 2: 1 });
    expectShares(shares({ top_p: 0.55 }), { 2: 4 / 7, 3: 3 / 7 });
  });

  it("penalises tokens seen, whatever the sign of their logit, once each", () => {
    const greedy = { ...plainSampling, temperature: 0, repetition_penalty: 2 };
    expect(sampleToken([3, 2], greedy, () => 0, [0, 0]).id).toBe(1);
    expect(sampleToken([-1, -1.5], greedy, () => 0, [0]).id).toBe(1);
    expect(sampleToken([3, 1], greedy, () => 0, [0, 0, 0]).id).toBe(0);
  });

  it("never draws a token with probability zero", () => {
    expectShares(shares({}, [-Infinity, 0, -Infinity, 0]), { 1: 0.5, 3: 0.5 });
  });

  it("reports the log-probability under the model itself", () => {
    const drawn = sampleToken(LOGITS, { ...plainSampling, temperature: 0.3, top_k: 1 }, () => 0.5);
    expect(drawn).toEqual({ id: 2, logprob: expect.closeTo(LOG(0.4), 10) });
  });

  it("leaves the logits as they were", () => {
    const logits = [1, 2, 3];
    sampleToken(logits, { ...plainSampling, temperature: 0.1, repetition_penalty: 5 }, () => 0.5, [2]);
    expect(logits).toEqual([1, 2, 3]);
  });

  it("says so when the logits are not numbers", () => {
    expect(() => sampleToken([1, Number.NaN], plainSampling, () => 0)).toThrow(/not finite/);
    expect(() => sampleToken([-Infinity, -Infinity], plainSampling, () => 0)).toThrow(/not finite/);
    expect(() => sampleToken([1, Infinity], plainSampling, () => 0)).toThrow(/not finite/);
  });
});
