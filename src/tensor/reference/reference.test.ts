import { describe, expect, it } from "vitest";

import type { Storage } from "../device.ts";
import { erf } from "./activations.ts";
import { ReferenceDevice } from "./device.ts";

const device = new ReferenceDevice();

function made(values: readonly number[]): Storage {
  const storage = device.allocate("float32", values.length);
  device.write(storage, values);
  return storage;
}

describe("erf", () => {
  // The C library's erf; Abramowitz & Stegun table 7.1 has the same digits.
  it.each([
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.4999, 0.9995928300996666],
    [3, 0.9999779095030014],
    [-1, -0.8427007929497149],
    [10, 1],
  ])("of %f", (x, expected) => {
    expect(erf(x)).toBeCloseTo(expected, 14);
  });

  it("has no step where the series hands over to the continued fraction", () => {
    expect(erf(2.5) - erf(2.5 - 1e-9)).toBeCloseTo(1e-9 * (2 / Math.sqrt(Math.PI)) * Math.exp(-6.25), 14);
  });
});

describe("adamW", () => {
  // torch.optim.AdamW 2.13 in float64 with the same settings and gradients.
  it("takes the steps that PyTorch takes", () => {
    const [p, m, v] = [made([0.5, -2, 0]), made([0, 0, 0]), made([0, 0, 0])];
    const settings = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
    const gradients = [
      [0.1, -3, 0],
      [0.2, 1, 1e-9],
      [-0.4, 0, 5],
    ];
    const expected = [
      [0.4895000009999999, -1.9880000000333333, 0],
      [0.47943064290587334, -1.9819689330331678, -0.000491144221259444],
      [0.48085512449091544, -1.9768212515669585, -0.006722883962663507],
    ];
    for (const [i, gradient] of gradients.entries()) {
      const halved = made(gradient.map((value) => 2 * value)); // undone by the scale
      device.adamW(p, halved, m, v, made([0.5]), { ...settings, step: i + 1 });
      const values = device.readNow(p);
      for (const [j, value] of (expected[i] ?? []).entries()) expect(values[j]).toBeCloseTo(value, 14);
    }
    expect(device.readNow(m)[2]).toBeCloseTo(0.50000000009, 13);
    expect(device.readNow(v)[1]).toBeCloseTo(0.453625, 13);
  });
});

describe("products", () => {
  it("reads transposed operands", () => {
    // A = [1 2; 3 4; 5 6], B = [1 0 2; 0 1 3]
    const expected = [1, 2, 8, 3, 4, 18, 5, 6, 28];
    const dims = { M: 3, N: 3, K: 2, accumulate: false };
    const run = (a: number[], b: number[], transposeA: boolean, transposeB: boolean) => {
      const out = made(Array<number>(9).fill(7));
      device.matmul(out, made(a), made(b), { ...dims, transposeA, transposeB });
      return [...device.readNow(out)];
    };
    const [a, aT] = [
      [1, 2, 3, 4, 5, 6],
      [1, 3, 5, 2, 4, 6],
    ];
    const [b, bT] = [
      [1, 0, 2, 0, 1, 3],
      [1, 0, 0, 1, 2, 3],
    ];
    expect(run(a, b, false, false)).toEqual(expected);
    expect(run(aT, b, true, false)).toEqual(expected);
    expect(run(a, bT, false, true)).toEqual(expected);
    expect(run(aT, bT, true, true)).toEqual(expected);
    const out = made(Array<number>(9).fill(1));
    device.matmul(out, made(a), made(b), { ...dims, transposeA: false, transposeB: false, accumulate: true });
    expect([...device.readNow(out)]).toEqual(expected.map((value) => value + 1));
  });
});

describe("reductions", () => {
  it("sum, sum of squares, first largest", () => {
    const out = made([-1, -1, -1]);
    device.sum(out, 0, made([1, 2, 3.5]));
    device.sumOfSquares(out, 2, made([1, -2, 3]));
    expect([...device.readNow(out)]).toEqual([6.5, -1, 14]);
    const best = device.allocate("int32", 2);
    device.argmax(best, made([1, 5, 5, -3, -1, -2]), 2, 3);
    expect([...device.readNow(best)]).toEqual([1, 1]);
  });
});

describe("memory", () => {
  it("shares slices, and refuses those beyond the end", () => {
    const x = made([1, 2, 3, 4]);
    device.fill(x.slice(1, 2), 9);
    expect([...device.readNow(x)]).toEqual([1, 9, 9, 4]);
    expect(() => x.slice(3, 2)).toThrow(RangeError);
    expect(() => x.slice(-1, 2)).toThrow(RangeError);
    expect(() => device.write(x, [1])).toThrow("1 elements into a storage of 4");
  });

  it("gives copies to the host", () => {
    const x = made([1]);
    device.readNow(x)[0] = 5;
    expect(device.readNow(x)[0]).toBe(1);
  });

  it("marks what an arena has not yet written or has given back", () => {
    const arena = device.createArena();
    const a = arena.allocate("float32", 3);
    expect([...device.readNow(a)]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    device.fill(a, 1);
    arena.free(a);
    expect(() => arena.free(a)).toThrow("freed twice");
    expect(device.readNow(a)[0]).toBeNaN();
    const b = arena.allocate("float32", 3);
    device.fill(b, 1);
    arena.reset();
    expect(device.readNow(b)[0]).toBeNaN();
    expect(arena.peakBytes).toBe(64); // three float64 on one cache line
  });
});
