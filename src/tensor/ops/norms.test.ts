import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Parameter } from "../tensor.ts";
import { add, multiply } from "./elementwise.ts";
import { layerNorm, rmsNorm } from "./norms.ts";

const device = new ReferenceDevice();
const epsilon = 1e-5;

function tapeOn(recording = false): Tape {
  return new Tape({ device, arena: device.createArena(), recording, training: true });
}

describe("layerNorm", () => {
  it("centres and scales each row", () => {
    const tape = tapeOn();
    const x = tape.constant([1, 3, 10, 14], [2, 2]);
    // Rows 2 ± 1 and 12 ± 2, without epsilon: ±1; then times (2, 3) plus (0.5, -1).
    const options = { weight: tape.constant([2, 3], [2]), bias: tape.constant([0.5, -1], [2]), epsilon: 0 };
    expect([...layerNorm(tape, x, options).toArray()]).toEqual([-1.5, 2, -1.5, 2]);
    expect([...layerNorm(tape, x, { epsilon: 3 }).toArray()].slice(0, 2)).toEqual([-0.5, 0.5]); // √(1 + 3) = 2
  });

  it("has the right gradients with weight and bias, one of them, or none", () => {
    checkGradients((tape, [x, weight, bias]) => layerNorm(tape, x, { weight, bias, epsilon }), [[3, 5], [5], [5]]);
    checkGradients((tape, [x, weight]) => layerNorm(tape, x, { weight, epsilon }), [[3, 5], [5]]);
    checkGradients((tape, [x, bias]) => layerNorm(tape, x, { bias, epsilon }), [[3, 5], [5]]);
    checkGradients((tape, [x]) => layerNorm(tape, x, { epsilon }), [[2, 2, 5]]);
  });

  it("adds where input, weight or bias are used twice", () => {
    checkGradients(
      (tape, [x, weight]) => {
        const y = add(tape, x, layerNorm(tape, x, { weight, bias: weight, epsilon }));
        return layerNorm(tape, y, { weight, epsilon });
      },
      [[3, 4], [4]],
    );
  });

  it("adds to one vector and sets the other when only one holds a gradient", () => {
    // The bias is used after the norm as well, so its gradient is there first.
    checkGradients(
      (tape, [x, weight, bias]) => {
        const y = layerNorm(tape, x, { weight, bias, epsilon });
        return multiply(tape, y, bias ?? x);
      },
      [[4], [4], [4]],
    );
  });

  it("trains its vectors when the input needs no gradient", () => {
    const tape = tapeOn(true);
    const bias = new Parameter(device, "bias", [2]);
    tape.backward(layerNorm(tape, tape.constant([1, 2, 3, 5], [2, 2]), { bias, epsilon }));
    expect([...bias.grad.toArray()]).toEqual([2, 2]);
  });
});

describe("rmsNorm", () => {
  it("divides by the root of the mean square", () => {
    const tape = tapeOn();
    const x = tape.constant([3, 4, 5, 5, 5, 5], [1, 6]);
    // mean square 125/6
    const expected = [3, 4, 5, 5, 5, 5].map((value) => value / Math.sqrt(125 / 6));
    const y = rmsNorm(tape, x, { epsilon: 0 }).toArray();
    for (const [i, value] of expected.entries()) expect(y[i]).toBeCloseTo(value, 14);
  });

  it("has the right gradients with and without a weight", () => {
    checkGradients((tape, [x, weight]) => rmsNorm(tape, x, { weight, epsilon }), [[3, 5], [5]]);
    checkGradients((tape, [x]) => rmsNorm(tape, x, { epsilon }), [[2, 3, 5]]);
    checkGradients(
      (tape, [x, weight]) => {
        const y = rmsNorm(tape, x, { weight, epsilon });
        return add(tape, x, rmsNorm(tape, y, { weight, epsilon }));
      },
      [[3, 4], [4]],
    );
  });

  it("stays finite on a row of zeros", () => {
    const tape = tapeOn();
    expect([...rmsNorm(tape, tape.constant([0, 0], [1, 2]), { epsilon }).toArray()]).toEqual([0, 0]);
    expect([...layerNorm(tape, tape.constant([0, 0], [1, 2]), { epsilon }).toArray()]).toEqual([0, 0]);
  });
});

it("names the op and both shapes", () => {
  const tape = tapeOn();
  const x = tape.empty([2, 3]);
  expect(() => rmsNorm(tape, x, { weight: tape.empty([4]), epsilon })).toThrow(
    "rmsNorm: expected x (..., C) and weight (C), got x (2, 3) and weight (4)",
  );
  expect(() => layerNorm(tape, x, { bias: tape.empty([2, 3]), epsilon })).toThrow(/^layerNorm: .*bias \(2, 3\)/);
});
