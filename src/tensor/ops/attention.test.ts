import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { PhiloxStream } from "../philox.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { attention, type AttentionOptions, attentionWithCache, writeCache } from "./attention.ts";
import { add } from "./elementwise.ts";
import { rope, ropeTable } from "./rope.ts";

const device = new ReferenceDevice();

function tapeOn(recording = false): Tape {
  return new Tape({ device, arena: device.createArena(), recording, training: true });
}

function normals(count: number, seed = 0): number[] {
  const random = new PhiloxStream(seed);
  return Array.from({ length: count }, () => random.normal());
}

/** One head of softmax(q·kᵀ/√D)·v from the textbook; q (T, D), k and v (S, D). */
function naive(q: number[][], k: number[][], v: number[][], causal: boolean): number[][] {
  return q.map((query, t) => {
    const seen = causal ? t + k.length - q.length + 1 : k.length;
    const scores = k.slice(0, seen).map((key) => {
      return key.reduce((sum, value, i) => sum + value * (query[i] ?? 0), 0) / Math.sqrt(query.length);
    });
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    return query.map((_, i) => {
      return scores.reduce((sum, score, s) => sum + (Math.exp(score) / total) * (v[s]?.[i] ?? 0), 0);
    });
  });
}

/** Head h of batch row b of (B, T, H, D) as a matrix (T, D). */
function head(values: number[], shape: readonly [number, number, number, number], b: number, h: number): number[][] {
  const [, T, H, D] = shape;
  return Array.from({ length: T }, (_, t) => {
    const start = ((b * T + t) * H + h) * D;
    return values.slice(start, start + D);
  });
}

describe("attention", () => {
  it.each([
    { B: 1, T: 3, S: 3, H: 1, K: 1, D: 2, causal: true },
    { B: 2, T: 5, S: 5, H: 4, K: 2, D: 4, causal: true },
    { B: 2, T: 5, S: 5, H: 3, K: 1, D: 2, causal: false },
    { B: 2, T: 2, S: 6, H: 6, K: 3, D: 4, causal: true },
    { B: 1, T: 1, S: 4, H: 2, K: 2, D: 3, causal: true },
  ])("equals a naive softmax: %o", ({ B, T, S, H, K, D, causal }) => {
    const queryShape = [B, T, H, D] as const;
    const keyShape = [B, S, K, D] as const;
    const q = normals(B * T * H * D, 1);
    const k = normals(B * S * K * D, 2);
    const v = normals(B * S * K * D, 3);
    const tape = tapeOn();
    const y = attention(tape, tape.constant(q, queryShape), tape.constant(k, keyShape), tape.constant(v, keyShape), {
      causal,
    });
    const values = Array.from(y.toArray());
    for (let b = 0; b < B; b++) {
      for (let h = 0; h < H; h++) {
        const keyHead = Math.floor((h * K) / H);
        const [keys, vs] = [head(k, keyShape, b, keyHead), head(v, keyShape, b, keyHead)];
        const expected = naive(head(q, queryShape, b, h), keys, vs, causal).flat();
        const found = head(values, queryShape, b, h).flat();
        for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 12);
      }
    }
  });

  it("has the right gradients: causal or not, grouped heads, another scale", () => {
    checkGradients(
      (tape, [q, k, v]) => attention(tape, q, k ?? q, v ?? q, { causal: true }),
      [
        [2, 4, 2, 2],
        [2, 4, 2, 2],
        [2, 4, 2, 2],
      ],
    );
    checkGradients(
      (tape, [q, k, v]) => attention(tape, q, k ?? q, v ?? q, { causal: false, scale: 0.8 }),
      [
        [1, 3, 4, 2],
        [1, 3, 2, 2],
        [1, 3, 2, 2],
      ],
    );
    checkGradients(
      (tape, [q, k, v]) => attention(tape, q, k ?? q, v ?? q, { causal: true }),
      [
        [1, 3, 3, 2],
        [1, 3, 1, 2],
        [1, 3, 1, 2],
      ],
    );
  });

  it("adds where one tensor is query, key and value", () => {
    checkGradients((tape, [x]) => add(tape, x, attention(tape, x, x, x, { causal: true })), [[1, 3, 2, 2]]);
  });

  it("lets no query see a later key", () => {
    const run = (last: number) => {
      const tape = tapeOn();
      const x = tape.constant([...normals(6), last, last], [1, 4, 1, 2]);
      return [...attention(tape, x, x, x, { causal: true }).toArray()].slice(0, 6);
    };
    expect(run(100)).toEqual(run(-3));
  });

  it("refuses what does not fit", () => {
    const tape = tapeOn();
    const q = tape.empty([1, 4, 3, 2]);
    const k = tape.empty([1, 4, 2, 2]);
    const causal = { causal: true };
    expect(() => attention(tape, q, k, k, causal)).toThrow(
      "attention: expected the query heads H to be a multiple of the key-value heads K, " +
        "got q (1, 4, 3, 2) and k (1, 4, 2, 2) and v (1, 4, 2, 2)",
    );
    expect(() => attention(tape, k, k, tape.empty([1, 4, 1, 2]), causal)).toThrow(/k and v of one shape/);
    expect(() => attention(tape, k, tape.empty([1, 4, 2, 3]), k, causal)).toThrow(/^attention: expected k/);
    const float = (shape: number[]) => tape.empty(shape);
    const ids = (shape: number[]) => tape.empty(shape, "int32");
    const withOptions = (options: Omit<AttentionOptions, "causal">) => () =>
      attention(tape, k, k, k, { ...causal, ...options });
    expect(withOptions({ relative: float([2, 6]) })).toThrow(
      "attention: expected relative (H, 2·positions − 1) = (2, at least 7), " +
        "got q (1, 4, 2, 2) and k (1, 4, 2, 2) and relative (2, 6)",
    );
    expect(withOptions({ relative: float([2, 5]) })).toThrow(/at least 7\), got .* relative \(2, 5\)/);
    expect(withOptions({ relative: float([3, 7]) })).toThrow(/relative \(3, 7\)/);
    expect(withOptions({ mask: float([1, 1, 4, 5]) })).toThrow(
      "attention: expected mask (B or 1, H or 1, T or 1, S) = (1, 2, 4, 4), " +
        "got q (1, 4, 2, 2) and k (1, 4, 2, 2) and mask (1, 1, 4, 5)",
    );
    expect(withOptions({ mask: ids([1, 3, 4, 4]) })).toThrow(/mask int32 \(1, 3, 4, 4\)/);
    expect(withOptions({ segments: float([1, 4]) })).toThrow(/expected int32 values, got segments \(1, 4\)/);
    expect(withOptions({ segments: ids([1, 5]) })).toThrow(/segments \(B, S\) = \(1, 4\), got .* int32 \(1, 5\)/);
    expect(withOptions({ window: 0 })).toThrow("attention: expected window to be a whole number from 1, got 0");
    expect(withOptions({ dropout: 1 })).toThrow("attention: expected dropout from 0 to below 1, got 1");
    const other = new ReferenceDevice();
    const elsewhere = new Tensor(other, other.allocate("float32", 16), [1, 1, 4, 4]);
    expect(withOptions({ mask: elsewhere })).toThrow(/on another/);
    const fewKeys = tape.empty([1, 3, 2, 2]);
    expect(() => attention(tape, k, fewKeys, fewKeys, { ...causal, segments: ids([1, 3]) })).toThrow(/for each query/);
  });
});

describe("attentionWithCache", () => {
  const [B, T, H, K, D, capacity] = [2, 6, 4, 2, 4, 9];

  it("gives piece by piece what attention gives at once", () => {
    const q = normals(B * T * H * D, 1);
    const k = normals(B * T * K * D, 2);
    const v = normals(B * T * K * D, 3);
    const tape = tapeOn();
    const [keys, values] = [tape.constant(k, [B, T, K, D]), tape.constant(v, [B, T, K, D])];
    const whole = attention(tape, tape.constant(q, [B, T, H, D]), keys, values, { causal: true }).toArray();

    const cacheOf = () => new Tensor(device, device.allocate("float32", B * capacity * K * D), [B, capacity, K, D]);
    const [kCache, vCache] = [cacheOf(), cacheOf()];
    device.fill(kCache.storage, Number.NaN); // what is not written must not be read
    device.fill(vCache.storage, Number.NaN);
    let length = 0;
    for (const count of [3, 1, 2]) {
      const part = (source: number[], heads: number) => {
        const width = heads * D;
        const rows = Array.from({ length: B }, (_, b) => {
          const start = (b * T + length) * width;
          return source.slice(start, start + count * width);
        });
        return tape.constant(rows.flat(), [B, count, heads, D]);
      };
      writeCache(tape, kCache, part(k, K), length);
      writeCache(tape, vCache, part(v, K), length);
      const y = attentionWithCache(tape, part(q, H), kCache, vCache, { length: length + count }).toArray();
      for (let b = 0; b < B; b++) {
        for (let i = 0; i < count * H * D; i++) {
          expect(y[b * count * H * D + i]).toBeCloseTo(whole[(b * T + length) * H * D + i] ?? 0, 13);
        }
      }
      length += count;
    }
  });

  it("refuses to record, and what does not fit", () => {
    const tape = tapeOn(true);
    const cache = tape.empty([1, 4, 1, 2]);
    const trained = tape.empty([1, 1, 1, 2], "float32", true);
    expect(() => attentionWithCache(tape, trained, cache, cache, { length: 2 })).toThrow(/does not record/);
    const q = tape.empty([1, 2, 1, 2]);
    expect(() => attentionWithCache(tape, q, cache, cache, { length: 5 })).toThrow(/for length 5/);
    expect(() => attentionWithCache(tape, q, cache, cache, { length: 1 })).toThrow(/for length 1/);
    expect(() => writeCache(tape, cache, q, 3)).toThrow(/room for time steps 3 to 4/);
  });
});

describe("rope", () => {
  it("rotates pairs (i, i + D/2) by position times θ^(-2i/D)", () => {
    const tape = tapeOn();
    const table = ropeTable(device, 8, 4, 10_000);
    const x = tape.constant([1, 2, 3, 4], [1, 1, 1, 4]);
    const y = rope(tape, x, table, { offset: 5 }).toArray();
    const [a, b] = [5, 5 / 100]; // θ^(-2/4) = 1/100
    expect(y[0]).toBeCloseTo(Math.cos(a) - 3 * Math.sin(a), 13);
    expect(y[1]).toBeCloseTo(2 * Math.cos(b) - 4 * Math.sin(b), 13);
    expect(y[2]).toBeCloseTo(3 * Math.cos(a) + Math.sin(a), 13);
    expect(y[3]).toBeCloseTo(4 * Math.cos(b) + 2 * Math.sin(b), 13);
  });

  it("makes q·k depend on the distance only", () => {
    const tape = tapeOn();
    const table = ropeTable(device, 64, 6, 10_000);
    const at = (seed: number, offset: number) => {
      return [...rope(tape, tape.constant(normals(6, seed), [1, 1, 1, 6]), table, { offset }).toArray()];
    };
    const product = (p: number, q: number) => at(1, p).reduce((sum, value, i) => sum + value * (at(2, q)[i] ?? 0), 0);
    expect(product(60, 53)).toBeCloseTo(product(7, 0), 12);
  });

  it("has the right gradients, also where its input is used twice", () => {
    const table = (tape: Tape) => ropeTable(tape.device, 9, 4, 100);
    checkGradients((tape, [x]) => rope(tape, x, table(tape), { offset: 3 }), [[2, 3, 2, 4]]);
    checkGradients(
      (tape, [x]) => add(tape, rope(tape, x, table(tape)), rope(tape, x, table(tape), { offset: 2 })),
      [[1, 3, 2, 4]],
    );
  });

  it("takes the position of each time step of each text", () => {
    const tape = tapeOn();
    const table = ropeTable(device, 9, 4, 100);
    const x = tape.constant(normals(2 * 3 * 2 * 4, 5), [2, 3, 2, 4]);
    const positions = [
      [7, 0, 1],
      [2, 3, 2],
    ];
    const y = [...rope(tape, x, table, { positions: tape.constant(positions.flat(), [2, 3], "int32") }).toArray()];
    for (const [b, row] of positions.entries()) {
      for (const [t, offset] of row.entries()) {
        const at = (b * 3 + t) * 8;
        const step = tape.constant(x.toArray().slice(at, at + 8), [1, 1, 2, 4]);
        expect([...rope(tape, step, table, { offset }).toArray()]).toEqual(y.slice(at, at + 8));
      }
    }
    checkGradients(
      (inner, [input]) => {
        const own = inner.constant(positions.flat(), [2, 3], "int32");
        return rope(inner, input, ropeTable(inner.device, 9, 4, 100), { positions: own });
      },
      [[2, 3, 2, 4]],
    );
  });

  it("refuses positions beyond the table and odd head sizes", () => {
    const tape = tapeOn();
    const table = ropeTable(device, 8, 4, 10_000);
    const x = tape.empty([1, 3, 2, 4]);
    expect(() => rope(tape, x, table, { offset: 6 })).toThrow("rope: expected positions 6 to 8 to be in the table");
    expect(() => rope(tape, tape.empty([1, 3, 2, 6]), table)).toThrow(/x \(1, 3, 2, 6\) and table \(8, 4\)/);
    const at = (...values: number[]) => ({ positions: tape.constant(values, [1, values.length], "int32") });
    expect(() => rope(tape, x, table, at(0, 8, 1))).toThrow("rope: expected positions from 0 to 7, got 8");
    expect(() => rope(tape, x, table, at(0, -1, 1))).toThrow("rope: expected positions from 0 to 7, got -1");
    expect(() => rope(tape, x, table, at(0, 1))).toThrow(/positions \(B, T\), got positions int32 \(1, 2\)/);
    expect(() => rope(tape, x, table, { ...at(0, 1, 2), offset: 1 })).toThrow("positions or an offset");
    const made = { positions: new Tensor(device, at(0, 9, 0).positions.storage, [1, 3]) };
    expect(() => rope(tape, x, table, made)).toThrow("got 9 for time step 1 of text 0");
    expect(() => ropeTable(device, 8, 5, 10_000)).toThrow("expected an even head size, got 5");
  });
});
