import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { philox4x32 } from "../philox.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Parameter } from "../tensor.ts";
import { activation, add, addOnto, dropout, gated, multiply, scale } from "./elementwise.ts";
import { linear } from "./linear.ts";

const device = new ReferenceDevice();
const KINDS = ["gelu", "gelu_tanh", "silu", "relu", "relu2"] as const;

function tapeOn(options: { training?: boolean; seed?: number; step?: number; microBatch?: number } = {}): Tape {
  return new Tape({ device, arena: device.createArena(), recording: false, training: true, ...options });
}

describe("gradients by finite differences", () => {
  it("add, scale, multiply", () => {
    checkGradients(
      (tape, [a, b]) => add(tape, a, b ?? a),
      [
        [2, 3],
        [2, 3],
      ],
    );
    checkGradients((tape, [a]) => scale(tape, a, -2.5), [[5]]);
    checkGradients(
      (tape, [a, b]) => multiply(tape, a, b ?? a),
      [
        [2, 3],
        [2, 3],
      ],
    );
  });

  it("adds up where one tensor is used twice", () => {
    checkGradients((tape, [x]) => add(tape, x, x), [[4]]);
    checkGradients((tape, [x]) => multiply(tape, x, x), [[4]]);
    checkGradients((tape, [x]) => gated(tape, x, x, "silu"), [[4]]);
    // The gradient that add hands to both of its inputs must not be changed for one by the other.
    checkGradients(
      (tape, [x, w]) => {
        const h = scale(tape, x, 2);
        const branch = activation(tape, linear(tape, h, w ?? x), "gelu");
        const residual = add(tape, h, branch);
        return add(tape, multiply(tape, residual, h), add(tape, residual, branch));
      },
      [
        [3, 4],
        [4, 4],
      ],
    );
  });

  it.each(KINDS)("activation %s and its gated form", (kind) => {
    checkGradients((tape, [x]) => activation(tape, x, kind), [[3, 7]]);
    checkGradients(
      (tape, [gate, up]) => gated(tape, gate, up ?? gate, kind),
      [
        [3, 7],
        [3, 7],
      ],
    );
    const wide = { shape: [4], values: [-9, -3.2, 3.2, 9] };
    checkGradients((tape, [x]) => activation(tape, x, kind), [wide]);
  });

  it("dropout", () => {
    checkGradients((tape, [x]) => dropout(tape, x, 0.4), [[33]]);
    checkGradients((tape, [x]) => add(tape, dropout(tape, x, 0.4), dropout(tape, x, 0.5)), [[33]]);
  });
});

describe("activation", () => {
  // torch.nn.functional in float64 gives these.
  it.each([
    ["gelu", [-0.15865525393145707, 0.8413447460685429, 2.99595030590511]],
    ["gelu_tanh", [-0.15880800939172324, 0.8411919906082768, 2.996362607918227]],
    ["silu", [-0.2689414213699951, 0.7310585786300049, 2.8577223804673]],
    ["relu", [0, 1, 3]],
    ["relu2", [0, 1, 9]],
  ] as const)("%s of -1, 1 and 3", (kind, expected) => {
    const tape = tapeOn();
    const values = activation(tape, tape.constant([-1, 1, 3], [3]), kind).toArray();
    for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 13);
  });
});

describe("dropout", () => {
  it("gives the input itself when the tape does not train or p is 0", () => {
    const still = tapeOn({ training: false });
    const x = still.constant([1, 2], [2]);
    expect(dropout(still, x, 0.5)).toBe(x);
    const tape = tapeOn();
    expect(dropout(tape, x, 0)).toBe(x);
  });

  it("drops where the Philox word is below p·2^32, and scales the rest", () => {
    const p = 0.3;
    const seed = 2 ** 32 + 9;
    const tape = tapeOn({ seed, step: 5, microBatch: 2 });
    const ones = tape.constant(new Float64Array(10).fill(1), [10]);
    dropout(tape, ones, p); // place 0
    const values = dropout(tape, ones, p).toArray(); // place 1
    const words = new Uint32Array(4);
    for (let i = 0; i < 10; i++) {
      philox4x32(words, i >> 2, 5, 1, 2, 9, 1);
      expect(values[i]).toBe((words[i & 3] ?? 0) < p * 2 ** 32 ? 0 : 1 / (1 - p));
    }
  });

  it("drops the share p", () => {
    const tape = tapeOn({ seed: 1 });
    const count = 40_000;
    const values = dropout(tape, tape.constant(new Float64Array(count).fill(1), [count]), 0.25).toArray();
    const dropped = Array.from(values).filter((value) => value === 0).length;
    expect(Math.abs(dropped - count / 4)).toBeLessThan(4 * Math.sqrt(count * 0.25 * 0.75));
  });

  it("refuses a share outside [0, 1)", () => {
    const tape = tapeOn();
    expect(() => dropout(tape, tape.constant([1], [1]), 1)).toThrow(/p from 0 to below 1 \(it is 1\)/);
    expect(() => dropout(tape, tape.constant([1], [1]), Number.NaN)).toThrow(/p from 0/);
  });
});

describe("shapes", () => {
  it("names the op and both shapes", () => {
    const tape = tapeOn();
    const a = tape.empty([2, 3]);
    const b = tape.empty([3, 2]);
    expect(() => add(tape, a, b)).toThrow("add: expected two tensors of one shape, got a (2, 3) and b (3, 2)");
    expect(() => multiply(tape, a, b)).toThrow(/^multiply: .*\(2, 3\).*\(3, 2\)/);
    expect(() => gated(tape, a, b, "silu")).toThrow(/^gated: .*gate \(2, 3\) and up \(3, 2\)/);
  });

  it("refuses another dtype and another device", () => {
    const tape = tapeOn();
    const ids = tape.empty([2], "int32");
    expect(() => activation(tape, ids, "relu")).toThrow("activation: expected float32 values, got x int32 (2)");
    const other = new ReferenceDevice();
    const elsewhere = new Tape({ device: other, arena: other.createArena(), recording: false, training: false });
    expect(() => scale(tape, elsewhere.empty([2]), 1)).toThrow(/^scale: expected every tensor on the tape's device/);
  });
});

describe("addOnto", () => {
  it("gives add's values and gradients, in b's memory", () => {
    const results = [add, addOnto].map((sum) => {
      const arena = device.createArena();
      const tape = new Tape({ device, arena, recording: true, training: true });
      const x = new Parameter(device, "x", [4]);
      device.write(x.storage, [1, -2, 3, 4]);
      const branch = scale(tape, x, 3);
      const out = sum(tape, x, branch);
      expect(out.storage === branch.storage).toBe(sum === addOnto);
      const values = scale(tape, out, 2);
      tape.backward(values);
      return [values.toArray(), x.grad.toArray()];
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[0]).toEqual([Float64Array.of(8, -16, 24, 32), Float64Array.of(8, 8, 8, 8)]);
  });

  it("leaves a parameter as it is", () => {
    const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
    const x = new Parameter(device, "x", [2]);
    device.write(x.storage, [1, 2]);
    expect(addOnto(tape, x, x).toArray()).toEqual(Float64Array.of(2, 4));
    expect(x.toArray()).toEqual(Float64Array.of(1, 2));
  });
});
