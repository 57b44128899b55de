import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { createDevice, nativeAvailable } from "../devices.ts";
import { Tape } from "../tape.ts";
import { Parameter, type Tensor } from "../tensor.ts";
import { attention, type AttentionOptions } from "./attention.ts";
import { alibiSlopes, alibiTable, relativePositionBias, relativePositionBucket } from "./relative-position.ts";

/** Made by test/fixtures/attention.py with PyTorch and Hugging Face transformers. */
const numbers = z.array(z.number());
const oneCase = z.object({
  q: numbers,
  k: numbers,
  v: numbers,
  dout: numbers,
  y: numbers,
  dq: numbers,
  dk: numbers,
  dv: numbers,
});
const fixture = z
  .object({
    sizes: z.object({ B: z.number(), T: z.number(), H: z.number(), K: z.number(), D: z.number() }),
    bidirectional: oneCase,
    causal: oneCase,
    window: oneCase,
    alibi: oneCase,
    segments: oneCase.extend({ segments: numbers }),
    mask: oneCase.extend({ mask: numbers }),
    t5: oneCase.extend({ table: numbers, dtable: numbers }),
    slopes: z.record(z.string(), numbers),
    buckets: z.object({ bidirectional: numbers, causal: numbers }),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../../test/fixtures/attention.json"), "utf8")));
const { B, T, H, K, D } = fixture.sizes;

const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);

describe.each(names)("attention on %s equals PyTorch's", (name) => {
  const device = createDevice(name);
  afterAll(() => device.dispose());
  const digits = name === "cpu" ? 5 : 7; // the fixture keeps nine decimals

  function parameter(label: string, shape: readonly number[], values: readonly number[]): Parameter {
    const made = new Parameter(device, label, shape);
    device.write(made.storage, values);
    return made;
  }

  function near(found: Tensor | undefined, expected: readonly number[]): void {
    const values = found?.toArray() ?? [];
    expect(values.length).toBe(expected.length);
    for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, digits);
  }

  /** Output and gradients; `build` makes the options on the tape. */
  function check(one: z.infer<typeof oneCase>, build: (tape: Tape) => AttentionOptions): void {
    const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
    const q = parameter("q", [B, T, H, D], one.q);
    const k = parameter("k", [B, T, K, D], one.k);
    const v = parameter("v", [B, T, K, D], one.v);
    const y = attention(tape, q, k, v, build(tape));
    near(y, one.y);
    tape.backward(y, one.dout);
    near(q.grad, one.dq);
    near(k.grad, one.dk);
    near(v.grad, one.dv);
  }

  it("bidirectional, causal, with a window", () => {
    check(fixture.bidirectional, () => ({ causal: false }));
    check(fixture.causal, () => ({ causal: true, scale: 0.7 }));
    check(fixture.window, () => ({ causal: true, window: 3 }));
  });

  it("with ALiBi, also from a table made for longer texts", () => {
    for (const positions of [T, T + 5]) {
      check(fixture.alibi, () => ({ causal: true, relative: alibiTable(device, H, positions) }));
    }
  });

  it("with segments and with masks, of numbers or of booleans", () => {
    const { segments } = fixture.segments;
    check(fixture.segments, (tape) => ({ causal: true, segments: tape.constant(segments, [B, T], "int32") }));
    const { mask } = fixture.mask;
    check(fixture.mask, (tape) => ({ causal: false, mask: tape.constant(mask, [B, 1, T, T], "int32") }));
    const added = mask.map((seen) => (seen === 1 ? 0 : Number.NEGATIVE_INFINITY));
    check(fixture.mask, (tape) => ({ causal: false, mask: tape.constant(added, [B, 1, T, T]) }));
  });

  it("with T5's learned biases, and their gradient", () => {
    const table = parameter("table", [8, H], fixture.t5.table);
    check(fixture.t5, (tape) => {
      const relative = relativePositionBias(tape, table, { positions: T, bidirectional: true, maxDistance: 6 });
      return { causal: false, scale: 1, relative };
    });
    near(table.grad, fixture.t5.dtable);
  });
});

describe("positions", () => {
  it("have the slopes of BLOOM, also for numbers of heads that are no power of two", () => {
    for (const [heads, slopes] of Object.entries(fixture.slopes)) {
      const found = alibiSlopes(Number(heads));
      expect(found.length).toBe(slopes.length);
      for (const [i, slope] of slopes.entries()) expect(found[i]).toBeCloseTo(slope, 7);
    }
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
  });

  it("have the buckets of T5", () => {
    const bucketsOf = (bidirectional: boolean) =>
      Array.from({ length: 401 }, (_, i) => relativePositionBucket(i - 200, 32, { bidirectional }));
    expect(bucketsOf(true)).toEqual(fixture.buckets.bidirectional);
    expect(bucketsOf(false)).toEqual(fixture.buckets.causal);
  });
});
