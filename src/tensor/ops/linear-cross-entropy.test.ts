import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { MetaDevice } from "../meta.ts";
import { PhiloxStream } from "../philox.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Parameter } from "../tensor.ts";
import { add, scale } from "./elementwise.ts";
import { embedding } from "./embedding.ts";
import { chunkRows, linearCrossEntropy } from "./linear-cross-entropy.ts";
import { reshape } from "./reshape.ts";

const device = new ReferenceDevice();

function tapeOn(recording = false): Tape {
  return new Tape({ device, arena: device.createArena(), recording, training: true });
}

/** The textbook way, all logits at once. */
function naive(x: number[][], weight: number[][], targets: number[], weights: number[], normalizer: number) {
  const tokenLosses = x.map((row, i) => {
    const target = targets[i] ?? -1;
    if (target < 0) return 0;
    const logits = weight.map((column) => column.reduce((sum, value, c) => sum + value * (row[c] ?? 0), 0));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    return -Math.log(Math.exp(logits[target] ?? 0) / total) * (weights[i] ?? 1);
  });
  return { tokenLosses, loss: tokenLosses.reduce((a, b) => a + b, 0) / normalizer };
}

function matrix(random: PhiloxStream, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()));
}

describe("linearCrossEntropy", () => {
  it("is ln 2 for two equal logits, ln(1 + e^-1) for logits 1 and 0", () => {
    const tape = tapeOn();
    const weight = tape.constant([1, 0], [2, 1]);
    const targets = tape.constant([0, 0], [2], "int32");
    const { tokenLosses, loss } = linearCrossEntropy(tape, tape.constant([0, 1], [2, 1]), weight, targets, {
      normalizer: 2,
    });
    expect(tokenLosses.toArray()[0]).toBeCloseTo(Math.LN2, 14);
    expect(tokenLosses.toArray()[1]).toBeCloseTo(0.31326168751822286, 14);
    expect(loss.toArray()[0]).toBeCloseTo((Math.LN2 + 0.31326168751822286) / 2, 14);
  });

  it("equals the naive computation, with weights and ignored targets", () => {
    const random = new PhiloxStream(4);
    const [x, weight] = [matrix(random, 7, 3), matrix(random, 5, 3)];
    const targets = [0, 4, -1, 2, -100, 1, 3];
    const weights = [1, 0.5, 2, 0, 1, 3, 0.1];
    const expected = naive(x, weight, targets, weights, 4.6);
    const tape = tapeOn();
    const result = linearCrossEntropy(
      tape,
      tape.constant(x.flat(), [7, 3]),
      tape.constant(weight.flat(), [5, 3]),
      tape.constant(targets, [7], "int32"),
      { weights: tape.constant(weights, [7]), normalizer: 4.6 },
    );
    expect(result.loss.toArray()[0]).toBeCloseTo(expected.loss, 12);
    const found = result.tokenLosses.toArray();
    for (const [i, value] of expected.tokenLosses.entries()) expect(found[i]).toBeCloseTo(value, 12);
  });

  it("stays finite for logits far beyond what exp can hold", () => {
    const tape = tapeOn();
    const targets = tape.constant([1], [1], "int32");
    const weight = tape.constant([1000, 0], [2, 1]);
    const { loss } = linearCrossEntropy(tape, tape.constant([1], [1, 1]), weight, targets, { normalizer: 1 });
    expect(loss.toArray()[0]).toBe(1000);
  });

  const check = (seed: number, change: "none" | "scaled" | "sum") =>
    checkGradients(
      (tape, [x, weight]) => {
        const targets = tape.constant([0, 4, -1, 2, 1], [5], "int32");
        const weights = tape.constant([1, 0.5, 2, 1, 0], [5]);
        const table = weight ?? x;
        const { loss } = linearCrossEntropy(tape, x, table, targets, { weights, normalizer: 2.5 });
        if (change === "scaled") return scale(tape, loss, 0.3);
        if (change === "none") return loss;
        const again = linearCrossEntropy(tape, x, table, targets, { normalizer: 5 });
        return add(tape, scale(tape, loss, -2), again.loss);
      },
      [
        [5, 3],
        [6, 3],
      ],
      { seed },
    );

  it("sends gradients to x and weight", () => {
    check(1, "none");
  });

  it("puts them right when the gradient of the loss is not 1", () => {
    check(2, "scaled");
    check(3, "sum");
  });

  it("adds to a weight that is tied to the embedding", () => {
    checkGradients(
      (tape, [table]) => {
        const ids = tape.constant([1, 3, 1, 0], [2, 2], "int32");
        const x = reshape(tape, embedding(tape, table, ids), [4, 3]);
        const targets = tape.constant([3, 1, 0, 2], [4], "int32");
        return linearCrossEntropy(tape, x, table, targets, { normalizer: 4 }).loss;
      },
      [[4, 3]],
    );
  });

  it("gives the same in chunks as in one piece", () => {
    // 300,000 entries allow 16 rows at a time: 40 rows are three even chunks, the last one shorter.
    const V = 300_000;
    expect(chunkRows(40, V)).toBe(14);
    const random = new PhiloxStream(8);
    const x = matrix(random, 40, 1);
    const targets = Array.from({ length: 40 }, () => random.below(V));
    const weight = Array.from({ length: V }, () => [random.normal()]);
    const tape = tapeOn();
    const result = linearCrossEntropy(
      tape,
      tape.constant(x.flat(), [40, 1]),
      tape.constant(weight.flat(), [V, 1]),
      tape.constant(targets, [40], "int32"),
      { normalizer: 40 },
    );
    const rows = [0, 13, 14, 39];
    const expected = naive(
      rows.map((i) => x[i] ?? []),
      weight,
      rows.map((i) => targets[i] ?? 0),
      [],
      1,
    ).tokenLosses;
    for (const [n, i] of rows.entries()) expect(result.tokenLosses.toArray()[i]).toBeCloseTo(expected[n] ?? 0, 10);
  });

  it("never holds all logits", () => {
    const meta = new MetaDevice();
    const arena = meta.createArena();
    const tape = new Tape({ device: meta, arena, recording: true, training: true });
    const [N, C, V] = [4096, 64, 32_000];
    const weight = new Parameter(meta, "head", [V, C]);
    const x = tape.empty([N, C], "float32", true);
    const { loss } = linearCrossEntropy(tape, x, weight, tape.empty([N], "int32"), { normalizer: N });
    tape.backward(loss);
    expect(arena.peakBytes).toBeLessThan(2 * N * C * 4 + 16 * 2 ** 20 * 4 + 2 ** 16);
    // Half a gigabyte of logits, in chunks of an eighth of that.
    expect(chunkRows(N, V) * V).toBeLessThanOrEqual((N * V) / 7);
  });

  it("refuses what does not fit", () => {
    const tape = tapeOn();
    const x = tape.empty([2, 3]);
    const weight = tape.empty([5, 3]);
    const targets = tape.constant([0, 5], [2], "int32");
    const run = (
      ...[w, t, options]: [typeof weight, typeof targets, { normalizer: number; ignoreNegative?: boolean }]
    ) => linearCrossEntropy(tape, x, w, t, options);
    expect(() => run(weight, targets, { normalizer: 1 })).toThrow("expected targets from 0 to 4, got 5");
    const negative = tape.constant([0, -1], [2], "int32");
    expect(() => run(weight, negative, { normalizer: 1, ignoreNegative: false })).toThrow("from 0 to 4, got -1");
    expect(() => run(tape.empty([5, 4]), negative, { normalizer: 1 })).toThrow(/x \(2, 3\) and weight \(5, 4\)/);
    expect(() => run(weight, tape.constant([1], [1], "int32"), { normalizer: 1 })).toThrow(/targets int32 \(1\)/);
    expect(() => run(weight, negative, { normalizer: 0 })).toThrow("expected a normalizer above 0, got 0");
  });
});
