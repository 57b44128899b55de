import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Parameter, type Tensor } from "../tensor.ts";
import { activation, add, scale } from "./elementwise.ts";
import { embedding } from "./embedding.ts";
import { activationLinear, linear } from "./linear.ts";
import { reshape } from "./reshape.ts";

const device = new ReferenceDevice();

function tapeOn(recording = false): Tape {
  return new Tape({ device, arena: device.createArena(), recording, training: true });
}

describe("linear", () => {
  it("multiplies rows by the weight's rows and adds the bias", () => {
    const tape = tapeOn();
    const x = tape.constant([1, 2, 3, 4, 5, 6], [1, 2, 3]);
    const weight = tape.constant([1, 0, -1, 2, 1, 0.5], [2, 3]);
    // (1·1 − 3, 2 + 2 + 1.5), (4 − 6, 8 + 5 + 3), plus (10, 20)
    const y = linear(tape, x, weight, tape.constant([10, 20], [2]));
    expect(y.shape).toEqual([1, 2, 2]);
    expect([...y.toArray()]).toEqual([8, 25.5, 8, 36]);
  });

  it("has the right gradients, with and without a bias, and where the weight is used twice", () => {
    checkGradients((tape, [x, w, b]) => linear(tape, x, w ?? x, b), [[2, 3, 4], [5, 4], [5]]);
    checkGradients((tape, [x, w]) => linear(tape, x, w ?? x), [[4], [5, 4]]);
    checkGradients((tape, [x, w, b]) => linear(tape, linear(tape, x, w ?? x, b), w ?? x, b), [[3, 4], [4, 4], [4]]);
    checkGradients((tape, [w]) => linear(tape, w, w), [[4, 4]]);
  });

  it("sends no gradient to a frozen weight", () => {
    const tape = tapeOn(true);
    const weight = new Parameter(device, "w", [2, 2], { trainable: false });
    const x = new Parameter(device, "x", [1, 2]);
    device.write(weight.storage, [1, 2, 3, 4]);
    tape.backward(linear(tape, x, weight));
    expect(weight.gradReady).toBe(false);
    expect([...x.grad.toArray()]).toEqual([4, 6]);
  });

  it("works on no rows at all", () => {
    const tape = tapeOn();
    expect(linear(tape, tape.empty([0, 3]), tape.empty([2, 3])).shape).toEqual([0, 2]);
  });

  it("names the op, the parameter and both shapes", () => {
    const tape = tapeOn();
    const weight = new Parameter(device, "h.0.mlp.weight", [4, 3]);
    expect(() => linear(tape, tape.empty([2, 5]), weight)).toThrow(
      'linear: expected x (..., I) and weight (O, I), got x (2, 5) and weight "h.0.mlp.weight" (4, 3)',
    );
    expect(() => linear(tape, tape.empty([2, 3]), weight, tape.empty([3]))).toThrow(/bias \(O\).*bias \(3\)/);
  });
});

describe("embedding", () => {
  it("picks rows", () => {
    const tape = tapeOn();
    const table = tape.constant([0, 1, 10, 11, 20, 21], [3, 2]);
    const x = embedding(tape, table, tape.constant([2, 0, 2, 1], [2, 2], "int32"));
    expect(x.shape).toEqual([2, 2, 2]);
    expect([...x.toArray()]).toEqual([20, 21, 0, 1, 20, 21, 10, 11]);
  });

  it("adds the gradients of a row that is picked twice, and of two uses of one table", () => {
    checkGradients((tape, [table]) => embedding(tape, table, tape.constant([2, 0, 2], [3], "int32")), [[4, 2]]);
    checkGradients(
      (tape, [table]) => {
        const first = embedding(tape, table, tape.constant([2, 0], [2], "int32"));
        return add(tape, first, embedding(tape, table, tape.constant([0, 1], [2], "int32")));
      },
      [[4, 2]],
    );
  });

  it("refuses ids outside the table before they reach a kernel", () => {
    const tape = tapeOn();
    const table = tape.empty([10, 2]);
    const run = (ids: number[]) => embedding(tape, table, tape.constant(ids, [ids.length], "int32"));
    expect(() => run([3, 10])).toThrow("embedding: expected ids from 0 to 9, got 10");
    expect(() => run([3, -1])).toThrow("embedding: expected ids from 0 to 9, got -1");
    expect(() => embedding(tape, table, tape.empty([2]))).toThrow("embedding: expected int32 values");
    expect(run([]).shape).toEqual([0, 2]);
  });

  it("keeps what is known of ids through a reshape", () => {
    const tape = tapeOn();
    const ids = reshape(tape, tape.constant([1, 99], [2], "int32"), [1, 2]);
    expect(() => embedding(tape, tape.empty([10, 2]), ids)).toThrow("got 99");
  });
});

describe("reshape", () => {
  it("shares memory and hands the gradient through", () => {
    const tape = tapeOn();
    const x = tape.constant([1, 2, 3, 4, 5, 6], [2, 3]);
    const y = reshape(tape, x, [3, 2]);
    expect(y.storage).toBe(x.storage);
    checkGradients(
      (t, [a, w]) => linear(t, reshape(t, a, [3, 2]), w ?? a),
      [
        [2, 3],
        [4, 2],
      ],
    );
    checkGradients((t, [a]) => add(t, reshape(t, a, [6]), reshape(t, reshape(t, a, [1, 6]), [6])), [[2, 3]]);
  });

  it("refuses another number of elements", () => {
    const tape = tapeOn();
    expect(() => reshape(tape, tape.empty([2, 3]), [4])).toThrow("reshape: expected 4 elements for (4), got x (2, 3)");
  });
});

describe("activationLinear", () => {
  const kinds = ["gelu", "gelu_tanh", "silu", "relu2"] as const;

  it.each(kinds)("%s: gradients by finite differences, also where x is used elsewhere", (kind) => {
    const shapes = [[3, 4], [2, 4], [2]];
    checkGradients((tape, [x, w, b]) => activationLinear(tape, x, kind, w ?? x, b), shapes);
    checkGradients(
      (tape, [x, w]) => {
        const h = scale(tape, x, 1.5);
        return linear(tape, h, activationLinear(tape, h, kind, w ?? x));
      },
      [
        [4, 4],
        [4, 4],
      ],
    );
  });

  it("gives the bits of the two ops", () => {
    const results = [false, true].map((fused) => {
      const tape = tapeOn(true);
      const weight = new Parameter(device, "w", [2, 3]);
      device.write(weight.storage, [1, -2, 3, 0.5, 0.25, -1]);
      const input = new Parameter(device, "x", [40, 3]);
      device.write(
        input.storage,
        Array.from({ length: 120 }, (_, i) => Math.sin(i)),
      );
      const h = scale(tape, input, 2);
      const activated = (x: Tensor) =>
        fused ? activationLinear(tape, x, "gelu", weight) : linear(tape, activation(tape, x, "gelu"), weight);
      const out = activated(h);
      const values = out.toArray();
      tape.backward(out);
      return { values, dw: weight.grad.toArray(), dx: input.grad.toArray() };
    });
    const [apart, fused] = results;
    expect(fused).toEqual(apart);
  });

  it("names itself in errors", () => {
    const tape = tapeOn(true);
    const [x, w] = [tape.constant([1, 2, 3], [1, 3]), tape.constant([1, 2], [1, 2])];
    expect(() => activationLinear(tape, x, "relu", w)).toThrow("activationLinear: expected x (..., I)");
  });
});
