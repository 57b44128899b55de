import { afterAll, describe, expect, test } from "vitest";

import { createDevice, nativeAvailable, PhiloxStream, Tape } from "../../../tensor/index.ts";
import { type CausalModel, createCausal, packedPositions, type TokenBatch } from "../../causal-model.ts";
import type { GptSettings } from "../decoder/config.ts";
import { gpt } from "./family.ts";

const V = 17;
const T = 12;
const settings: Record<string, Partial<GptSettings>> = {
  learned: { position: "learned" },
  rope: { position: "rope" },
  alibi: { position: "alibi" },
  "sliding window": { position: "rope", sliding_window: 3 },
  "sliding window over learned positions": { position: "learned", sliding_window: 2 },
};

const random = new PhiloxStream(8);
const draw = (length: number) => Int32Array.from({ length }, () => random.below(V));
/** Texts of unlike lengths, as they lie in two rows of 12: the second row ends in padding. */
const rows = [
  [5, 4, 3],
  [7, 1],
].map((lengths) => lengths.map((length) => ({ ids: draw(length), next: draw(length) })));
const texts = rows.flat();
const count = texts.reduce((sum, { ids }) => sum + ids.length, 0);

/** All texts in two rows; `without` leaves out what keeps them apart. */
function packed(tape: Tape, without: "nothing" | "segments" | "positions" = "nothing"): TokenBatch {
  const [tokens, targets] = [new Int32Array(2 * T), new Int32Array(2 * T).fill(-1)];
  const segments = new Int32Array(2 * T).fill(-1);
  for (const [row, own] of rows.entries()) {
    let start = row * T;
    for (const [segment, { ids, next }] of own.entries()) {
      tokens.set(ids, start);
      targets.set(next, start);
      segments.fill(segment, start, start + ids.length);
      start += ids.length;
    }
  }
  const put = (values: Int32Array) => tape.constant(values, [2, T], "int32");
  return {
    tokens: put(tokens),
    targets: put(targets),
    ...(without !== "segments" && { segments: put(segments) }),
    ...(without !== "positions" && { positions: put(packedPositions(segments, T)) }),
  };
}

const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);

describe.each(names)("texts packed into rows, on %s", (name) => {
  const device = createDevice(name);
  const arena = device.createArena();
  afterAll(() => device.dispose());

  /** Loss and gradients of the sum of both kinds of use: `loss` and `logProbabilities`. */
  function run(model: CausalModel, batches: (tape: Tape) => readonly TokenBatch[]) {
    let loss = 0;
    let logProbabilities = 0;
    for (let i = 0; ; i++) {
      const tape = new Tape({ device, arena, recording: true, training: true });
      const batch = batches(tape)[i];
      if (batch === undefined) break;
      const result = model.loss(tape, batch, { normalizer: count });
      loss += result.loss.toArray()[0] ?? Number.NaN;
      tape.backward(result.loss);
      const values = model.logProbabilities(tape, batch).toArray();
      for (const value of values) logProbabilities += value;
      arena.reset();
    }
    const gradients = [...model.parameters].map(
      (parameter) => [parameter.name, [...parameter.grad.toArray()]] as const,
    );
    model.parameters.clearGradients();
    return { loss, logProbabilities, gradients };
  }

  const alone = (tape: Tape): TokenBatch[] =>
    texts.map(({ ids, next }) => ({
      tokens: tape.constant(ids, [1, ids.length], "int32"),
      targets: tape.constant(next, [1, ids.length], "int32"),
    }));

  test.each(Object.entries(settings))("%s: the loss and gradients of each text alone", (_name, own) => {
    const sizes = { vocab_size: V, num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 4 };
    const architecture = gpt.resolve({ ...sizes, zero_init_projections: false, initializer_range: 0.3, ...own });
    const model = createCausal(architecture, device, { seed: 6 });
    const expected = run(model, alone);
    const found = run(model, (tape) => [packed(tape)]);
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
    expect(Math.abs(found.logProbabilities / -count - expected.loss)).toBeLessThan(1e-6);
    for (const [i, [parameter, gradient]] of expected.gradients.entries()) {
      for (const [j, value] of gradient.entries()) {
        const other = found.gradients[i]?.[1][j] ?? Number.NaN;
        expect(Math.abs(other - value), `${parameter}[${j}]`).toBeLessThan(name === "cpu" ? 1e-5 : 1e-9);
      }
    }
    const mixed = run(model, (tape) => [packed(tape, "segments")]);
    expect(Math.abs(mixed.loss - expected.loss)).toBeGreaterThan(1e-3);
    if (own.position === "learned") {
      const counted = run(model, (tape) => [packed(tape, "positions")]);
      expect(Math.abs(counted.loss - expected.loss)).toBeGreaterThan(1e-3);
    }
    model.release();
  });
});

test("positions count from each segment's start, in each row", () => {
  const segments = Int32Array.of(0, 0, 0, 1, 1, -1, /* next row */ 4, 4, 2, -1, -1, -1);
  expect([...packedPositions(segments, 6)]).toEqual([0, 1, 2, 0, 1, 0, 0, 1, 0, 0, 0, 0]);
  expect([...packedPositions(Int32Array.of(3, 3, 3, 3), 2)]).toEqual([0, 1, 0, 1]);
});

test.each(["learned", "rope"] as const)(
  "%s: no text may be longer than the model, but a row of them may",
  (position) => {
    const device = createDevice("reference");
    const model = createCausal(gpt.resolve({ vocab_size: V, max_position_embeddings: 4, position }), device);
    const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
    const tokens = tape.constant(draw(6), [1, 6], "int32");
    const positions = (...values: number[]) => tape.constant(values, [1, 6], "int32");
    expect(() => model.hidden(tape, tokens, { positions: positions(0, 1, 2, 3, 4, 0) })).toThrow(
      /at most 4 tokens, got 5/,
    );
    expect(model.hidden(tape, tokens, { positions: positions(0, 1, 2, 0, 1, 2) }).shape).toEqual([1, 6, 128]);
    const cache = model.createCache(1, 4);
    expect(() => model.hidden(tape, tokens, { cache, positions: positions(0, 1, 2, 0, 1, 2) })).toThrow(/a cache/);
    device.dispose();
  },
);

test("ALiBi goes by distance in the row, so that a row may not be longer than the model", () => {
  const device = createDevice("reference");
  const model = createCausal(gpt.resolve({ vocab_size: V, max_position_embeddings: 4, position: "alibi" }), device);
  const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
  const positions = tape.constant([0, 1, 2, 0, 1, 2], [1, 6], "int32");
  const run = () => model.hidden(tape, tape.constant(draw(6), [1, 6], "int32"), { positions });
  expect(run).toThrow(/at most 4 tokens, got 6/);
  device.dispose();
});
