import { describe, expect, it } from "vitest";

import { createDevice, nativeAvailable } from "../devices.ts";
import { checkGradients } from "../gradcheck.ts";
import { PhiloxStream } from "../philox.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Parameter, type Tensor } from "../tensor.ts";
import { attention, type AttentionOptions } from "./attention.ts";
import { alibiTable, relativePositionBias } from "./relative-position.ts";

const device = new ReferenceDevice();

function normals(count: number, seed = 0): number[] {
  const random = new PhiloxStream(seed);
  return Array.from({ length: count }, () => random.normal());
}

describe("gradients", () => {
  const [B, T, H, K, D] = [2, 4, 2, 1, 2];
  const shapes = [
    [B, T, H, D],
    [B, T, K, D],
    [B, T, K, D],
  ];
  const check = (options: (tape: Tape) => AttentionOptions) => {
    checkGradients((tape, [q, k, v]) => attention(tape, q, k ?? q, v ?? q, options(tape)), shapes);
  };

  it("agree with finite differences: window, ALiBi, masks, segments", () => {
    check(() => ({ causal: true, window: 2 }));
    check(() => ({ causal: false, window: 2 }));
    check((tape) => ({ causal: true, relative: alibiTable(tape.device, H, 6) }));
    check((tape) => ({ causal: false, mask: tape.constant(normals(H * T * T, 3), [1, H, T, T]) }));
    const padding = [1, 1, 1, 0, 1, 1, 0, 0];
    check((tape) => ({ causal: false, mask: tape.constant(padding, [B, 1, 1, T], "int32") }));
    check((tape) => ({ causal: true, segments: tape.constant([0, 0, 1, 1, 5, -1, 5, 2], [B, T], "int32") }));
  });

  it("agree with finite differences: dropout, and more or fewer keys than queries", () => {
    check(() => ({ causal: true, dropout: 0.4 }));
    for (const [queries, keys] of [
      [3, 5],
      [5, 3],
    ]) {
      for (const causal of [true, false]) {
        checkGradients(
          (tape, [q, k, v]) => attention(tape, q, k ?? q, v ?? q, { causal }),
          [
            [1, queries ?? 0, 2, 2],
            [1, keys ?? 0, 2, 2],
            [1, keys ?? 0, 2, 2],
          ],
        );
      }
    }
  });

  it("reach the learned table of relative positions", () => {
    const options = { positions: T, bidirectional: false, maxDistance: 3 } as const;
    checkGradients(
      (tape, [q, k, v, table]) => {
        const relative = relativePositionBias(tape, table ?? q, options);
        return attention(tape, q, k ?? q, v ?? q, { causal: true, relative });
      },
      [...shapes, [4, H]],
    );
  });
});

describe("dropout", () => {
  it("keeps the mean, and leaves a tape that does not train alone", () => {
    const T = 64;
    const run = (training: boolean, step: number) => {
      const tape = new Tape({ device, arena: device.createArena(), recording: false, training, seed: 3, step });
      const ones = tape.constant(Array(T * 2).fill(1), [1, T, 1, 2]);
      return [...attention(tape, ones, ones, ones, { causal: false, dropout: 0.25 }).toArray()];
    };
    for (const value of run(false, 0)) expect(value).toBeCloseTo(1, 12);
    const values = Array.from({ length: 20 }, (_, step) => run(true, step)).flat();
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    // 20·64·64 probabilities of 1/64, each kept with 3/4: standard deviation of the mean 0.002
    expect(Math.abs(mean - 1)).toBeLessThan(0.01);
    expect(new Set(values.map((value) => value.toFixed(9))).size).toBeGreaterThan(10);
  });
});

describe("what a query may not see", () => {
  const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);

  it.each(names)("a query that sees no key gives zeros and zero gradients on %s", (name) => {
    const on = createDevice(name);
    const [T, D] = [70, 4];
    const tape = new Tape({ device: on, arena: on.createArena(), recording: true, training: true });
    const [q, k, v] = [1, 2, 3].map((seed) => {
      const made = new Parameter(on, `${seed}`, [1, T, 1, D]);
      on.write(made.storage, normals(T * D, seed));
      return made;
    });
    if (q === undefined || k === undefined || v === undefined) throw new Error("three were made");
    const blind = (t: number) => t % 3 === 1 || t > 60;
    const rows = Array.from({ length: T * T }, (_, i) => (blind(Math.floor(i / T)) ? 0 : 1));
    const y = attention(tape, q, k, v, { causal: true, mask: tape.constant(rows, [1, 1, T, T], "int32") });
    const values = y.toArray();
    tape.backward(y, normals(T * D, 4));
    const dq = q.grad.toArray();
    for (let t = 0; t < T; t++) {
      for (const of of [values, dq]) {
        // A first query sees one key, whose probability has no gradient.
        const zero = of.slice(t * D, (t + 1) * D).every((value) => value === 0);
        expect(zero).toBe(blind(t) || (of === dq && t === 0));
      }
    }
    for (const gradient of [k, v]) expect([...gradient.grad.toArray()].every(Number.isFinite)).toBe(true);
    on.dispose();
  });

  it.each(names)("a packed document gives what it gives alone on %s", (name) => {
    const on = createDevice(name);
    const lengths = [50, 3, 200, 47];
    const [H, D] = [2, 8];
    const T = lengths.reduce((a, b) => a + b);
    const tape = new Tape({ device: on, arena: on.createArena(), recording: false, training: true });
    const whole = [1, 2, 3].map((seed) => normals(T * H * D, seed));
    const tensors = (from: number, count: number): [Tensor, Tensor, Tensor] => {
      const part = (values: number[] = []) =>
        tape.constant(values.slice(from * H * D, (from + count) * H * D), [1, count, H, D]);
      return [part(whole[0]), part(whole[1]), part(whole[2])];
    };
    const segments = tape.constant(
      lengths.flatMap((length, i) => Array<number>(length).fill(i)),
      [1, T],
      "int32",
    );
    const packed = attention(tape, ...tensors(0, T), { causal: true, segments }).toArray();
    let start = 0;
    for (const length of lengths) {
      const alone = attention(tape, ...tensors(start, length), { causal: true }).toArray();
      for (const [i, value] of alone.entries()) expect(packed[start * H * D + i]).toBeCloseTo(value, 5);
      start += length;
    }
    on.dispose();
  });
});

describe.skipIf(!nativeAvailable().available)("a long text (needs the native kernels)", () => {
  const T = 8192;

  /** CPU milliseconds of forward and backward, the least of three, and growth of resident memory in MB. */
  function cost(options: AttentionOptions): { readonly ms: number; readonly megabytes: number } {
    const on = createDevice("cpu", { threads: 1 });
    const [q, k, v] = [1, 2, 3].map((seed) => {
      const made = new Parameter(on, `${seed}`, [1, T, 1, 16]);
      on.write(
        made.storage,
        Float32Array.from({ length: T * 16 }, (_, i) => Math.sin(i * seed)),
      );
      return made;
    });
    if (q === undefined || k === undefined || v === undefined) throw new Error("three were made");
    const arena = on.createArena();
    const before = process.memoryUsage.rss();
    let [ms, most] = [Number.POSITIVE_INFINITY, before];
    for (let i = 0; i < 3; i++) {
      const start = process.cpuUsage();
      const tape = new Tape({ device: on, arena, recording: true, training: true });
      const y = attention(tape, q, k, v, options);
      tape.backward(y);
      most = Math.max(most, process.memoryUsage.rss());
      arena.reset();
      const { user, system } = process.cpuUsage(start);
      ms = Math.min(ms, (user + system) / 1000);
    }
    on.dispose();
    return { ms, megabytes: (most - before) / 2 ** 20 };
  }

  it("takes memory for itself and not for its square; causal takes half of the time, a window little", () => {
    const kinds = [{ causal: false }, { causal: true }, { causal: true, window: 512 }] as const;
    const least = [Infinity, Infinity, Infinity];
    const holds = ([all = 0, causal = 0, window = 0]: readonly number[]): boolean =>
      causal / all > 0.3 && causal / all < 0.7 && window / causal < 0.4;
    for (let round = 0; round < 5 && !holds(least); round++) {
      for (const [i, options] of kinds.entries()) {
        const { ms, megabytes } = cost(options);
        least[i] = Math.min(least[i] ?? 0, ms);
        // One matrix (T, T) of float32 is 256 MB.
        expect(megabytes).toBeLessThan(64);
      }
    }
    const [all = 0, causal = 0, window = 0] = least;
    expect(causal / all).toBeGreaterThan(0.3);
    expect(causal / all).toBeLessThan(0.7);
    expect(window / causal).toBeLessThan(0.4); // 8,192·512 pairs instead of 8,192²/2: 0.12, and ragged tiles
  });
});
