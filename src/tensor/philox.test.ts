import { describe, expect, it } from "vitest";

import { philox4x32, philoxKey, PhiloxStream } from "./philox.ts";

function words(...input: [number, number, number, number, number, number]): string {
  const out = new Uint32Array(4);
  philox4x32(out, ...input);
  return [...out].map((word) => word.toString(16).padStart(8, "0")).join(" ");
}

describe("philox4x32", () => {
  // Known answers of Random123 (D. E. Shaw Research), tests/kat_vectors, lines "philox4x32 10".
  it("gives the published known answers", () => {
    const ones = 0xffffffff;
    expect(words(0, 0, 0, 0, 0, 0)).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    expect(words(ones, ones, ones, ones, ones, ones)).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    expect(words(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)).toBe(
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    );
  });
});

describe("PhiloxStream", () => {
  it("draws the words of consecutive counters", () => {
    const stream = new PhiloxStream(0);
    const drawn = Array.from({ length: 4 }, () => stream.uint32());
    expect(drawn).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it("goes on from a saved position with the same numbers", () => {
    const stream = new PhiloxStream(7, [1, 2, 3]);
    for (let i = 0; i < 5; i++) stream.uint32();
    const rest = Array.from({ length: 9 }, () => stream.uniform());
    const resumed = new PhiloxStream(7, [1, 2, 3]);
    resumed.position = 5;
    expect(Array.from({ length: 9 }, () => resumed.uniform())).toEqual(rest);
  });

  it("tells seeds apart above 32 bits, and streams apart by each word", () => {
    expect(philoxKey(2 ** 32 + 5)).toEqual([5, 1]);
    const first = [
      new PhiloxStream(5),
      new PhiloxStream(2 ** 32 + 5),
      new PhiloxStream(5, [1, 0, 0]),
      new PhiloxStream(5, [0, 1, 0]),
      new PhiloxStream(5, [0, 0, 1]),
    ].map((stream) => stream.uint32());
    expect(new Set(first).size).toBe(5);
  });

  it("has the moments of the standard normal distribution", () => {
    const stream = new PhiloxStream(1);
    const count = 40_000;
    const draws = Array.from({ length: count }, () => stream.normal());
    const moment = (power: number) => draws.reduce((sum, x) => sum + x ** power, 0) / count;
    // Standard errors of the first, second and fourth sample moments: 1/√n, √2/√n, √96/√n.
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan((4 * Math.SQRT2) / Math.sqrt(count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan((4 * Math.sqrt(96)) / Math.sqrt(count));
  });

  it("draws whole numbers below n evenly", () => {
    const stream = new PhiloxStream(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) {
      const drawn = stream.below(3);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(4 * Math.sqrt(30_000 * (2 / 9)));
  });
});
