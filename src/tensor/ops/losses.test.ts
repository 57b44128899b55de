import { describe, expect, it } from "vitest";

import { expectValues, parameterOf, tensorOpsFixture } from "../../../test/helpers/tensor-ops.ts";
import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { linearCrossEntropy, linearLogProbs } from "./linear-cross-entropy.ts";
import { binaryCrossEntropy, crossEntropy, meanSquaredError, preferenceLoss } from "./losses.ts";
import { scale } from "./elementwise.ts";

const device = new ReferenceDevice();
const tapeOn = (recording = true) => new Tape({ device, arena: device.createArena(), recording, training: true });
const fixture = tensorOpsFixture().losses;
const smoothing = { labelSmoothing: 0.1, zLoss: 1e-2 };

describe("PyTorch's losses", () => {
  it("cross-entropy with label smoothing, z-loss, weights and an ignored row", () => {
    const tape = tapeOn();
    const logits = parameterOf(device, fixture.logits);
    const targets = tape.constant(fixture.targets.values, [6], "int32");
    const weights = tape.constant(fixture.weights.values, [6]);
    expectValues(crossEntropy(tape, logits, targets, { labelSmoothing: 0.1 }), fixture.smoothed, "smoothed");
    const losses = crossEntropy(tape, logits, targets, { weights, ...smoothing });
    expectValues(losses, fixture.losses, "losses");
    tape.backward(losses, fixture.dout.values);
    expectValues(logits.grad, fixture.dlogits, "dlogits");
  });

  it("the same from the last linear layer", () => {
    const tape = tapeOn();
    const one = parameterOf(device, fixture.logits); // times the identity
    const identity = Array.from({ length: 49 }, (_, i) => (i % 8 === 0 ? 1 : 0));
    const targets = tape.constant(fixture.targets.values, [6], "int32");
    // each row's upstream gradient goes in as its weight
    const upstream = fixture.weights.values.map((weight, i) => weight * (fixture.dout.values[i] ?? 0));
    const weights = tape.constant(upstream, [6]);
    const table = tape.constant(identity, [7, 7]);
    const { loss, tokenLosses } = linearCrossEntropy(tape, one, table, targets, {
      weights,
      normalizer: 1,
      ...smoothing,
    });
    for (const [i, value] of fixture.losses.values.entries()) {
      expect(tokenLosses.toArray()[i]).toBeCloseTo(value * (fixture.dout.values[i] ?? 0), 8);
    }
    tape.backward(loss);
    expectValues(one.grad, fixture.dlogits, "dlogits");
  });

  it("binary cross-entropy, mean squared error, preference loss", () => {
    const tape = tapeOn();
    const { binary, pairs } = fixture;
    const logits = parameterOf(device, binary.logits);
    const losses = binaryCrossEntropy(tape, logits, tape.constant(binary.targets.values, [5]));
    expectValues(losses, binary.losses, "binary");
    const [chosen, rejected] = [tape.constant(pairs.chosen.values, [5]), tape.constant(pairs.rejected.values, [5])];
    expectValues(preferenceLoss(tape, chosen, rejected), pairs.losses, "preference");
    expect(meanSquaredError(tape, chosen, rejected).toArray()[0]).toBeCloseTo(pairs.mse, 8);
    tape.backward(losses, [1, 2, 3, 4, 5]);
    expectValues(logits.grad, binary.dlogits, "dlogits");
  });
});

describe("gradients by finite differences", () => {
  const pair = [
    [2, 3],
    [2, 3],
  ];
  it("losses over given values", () => {
    checkGradients((tape, [a, b = a]) => meanSquaredError(tape, a, b), pair);
    checkGradients((tape, [a, b = a]) => preferenceLoss(tape, a, b), pair);
    checkGradients((tape, [a]) => binaryCrossEntropy(tape, a, tape.constant([0, 1, 0.3], [3])), [[3]]);
    checkGradients(
      (tape, [logits]) => {
        const targets = tape.constant([0, 3, -1, 2], [2, 2], "int32");
        const weights = tape.constant([1, 0.5, 1, 2], [2, 2]);
        return crossEntropy(tape, logits, targets, { weights, ...smoothing });
      },
      [[2, 2, 4]],
    );
  });

  const table = [
    [5, 3],
    [6, 3],
  ];
  it("linearCrossEntropy with label smoothing and z-loss, whatever the gradient of the loss", () => {
    checkGradients((tape, [x, weight = x]) => {
      const targets = tape.constant([0, 4, -1, 2, 1], [5], "int32");
      const weights = tape.constant([1, 0.5, 2, 1, 0], [5]);
      const { loss } = linearCrossEntropy(tape, x, weight, targets, { weights, normalizer: 2.5, ...smoothing });
      return scale(tape, loss, 0.7);
    }, table);
  });

  it("linearLogProbs", () => {
    checkGradients((tape, [x, weight = x]) => {
      const targets = tape.constant([0, 4, -1, 2, 1], [5], "int32");
      return linearLogProbs(tape, x, weight, targets);
    }, table);
  });
});

describe("by hand", () => {
  it("linearLogProbs is minus the losses, and 0 where there is no target", () => {
    const tape = tapeOn(false);
    const x = tape.constant([0, 1, 1], [3, 1]);
    const weight = tape.constant([1, 0], [2, 1]);
    const found = linearLogProbs(tape, x, weight, tape.constant([0, 0, -1], [3], "int32")).toArray();
    expect(found[0]).toBeCloseTo(-Math.LN2, 14);
    expect(found[1]).toBeCloseTo(-0.31326168751822286, 14);
    expect(found[2]).toBeCloseTo(0, 14);
  });

  it("stays finite far out", () => {
    const tape = tapeOn(false);
    const x = tape.constant([-800, 800], [2]);
    const found = binaryCrossEntropy(tape, x, tape.constant([1, 1], [2])).toArray();
    expect([...found]).toEqual([800, 0]);
  });

  it("refuses coefficients that make no sense", () => {
    const tape = tapeOn(false);
    const [logits, targets] = [tape.constant([1, 2], [1, 2]), tape.constant([0], [1], "int32")];
    expect(() => crossEntropy(tape, logits, targets, { labelSmoothing: 1.5 })).toThrow("from 0 to 1, got 1.5");
    expect(() => crossEntropy(tape, logits, targets, { zLoss: -1 })).toThrow("0 or more, got -1");
  });
});
