import { describe, expect, it } from "vitest";

import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { broadcast, concat, gather, mean, slice, sum, transpose } from "./axes.ts";
import { add, multiply, subtract } from "./elementwise.ts";
import { exp, log, logSigmoid, logSoftmax, logSumExp, sigmoid, softmax, square, tanh } from "./functions.ts";

const device = new ReferenceDevice();
const tapeOn = () => new Tape({ device, arena: device.createArena(), recording: false, training: true });
const count = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("axes, by hand", () => {
  it("transpose", () => {
    const tape = tapeOn();
    const x = tape.constant(count(6), [2, 3]);
    expect([...transpose(tape, x, 0, 1).toArray()]).toEqual([0, 3, 1, 4, 2, 5]);
    const cube = transpose(tape, tape.constant(count(12), [2, 3, 2]), 2, 0);
    expect(cube.shape).toEqual([2, 3, 2]);
    expect([...cube.toArray()]).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
    expect(transpose(tape, x, -1, -1).toArray()).toEqual(x.toArray());
  });

  it("slice and concat", () => {
    const tape = tapeOn();
    const x = tape.constant(count(12), [2, 3, 2]);
    const [left, right] = [slice(tape, x, 1, 0, 1), slice(tape, x, 1, 1, 3)];
    expect([...left.toArray()]).toEqual([0, 1, 6, 7]);
    expect(right.shape).toEqual([2, 2, 2]);
    expect(concat(tape, [left, right], -2).toArray()).toEqual(x.toArray());
    expect([...concat(tape, [right, left], 1).toArray()]).toEqual([2, 3, 4, 5, 0, 1, 8, 9, 10, 11, 6, 7]);
    expect(slice(tape, x, 2, 1, 1).shape).toEqual([2, 3, 0]);
  });

  it("gather", () => {
    const tape = tapeOn();
    const x = tape.constant(count(6), [2, 3]);
    const ids = tape.constant([2, 0, 1, 1], [2, 2], "int32");
    expect([...gather(tape, x, 1, ids).toArray()]).toEqual([2, 0, 4, 4]);
    const down = tape.constant([1, 0, 1], [1, 3], "int32");
    expect([...gather(tape, x, 0, down).toArray()]).toEqual([3, 1, 5]);
    expect(() => gather(tape, x, 1, tape.constant([3, 0], [2, 1], "int32"))).toThrow(
      "gather: expected ids from 0 to 2",
    );
  });

  it("sum, mean and broadcast", () => {
    const tape = tapeOn();
    const x = tape.constant(count(6), [2, 3]);
    expect([...sum(tape, x, 0).toArray()]).toEqual([3, 5, 7]);
    expect([...mean(tape, x, 1).toArray()]).toEqual([1, 4]);
    expect([...sum(tape, x).toArray()]).toEqual([15]);
    expect([...mean(tape, x).toArray()]).toEqual([2.5]);
    const row = tape.constant([1, 2], [2]);
    expect([...broadcast(tape, row, 0, 2).toArray()]).toEqual([1, 2, 1, 2]);
    expect([...broadcast(tape, row, 1, 2).toArray()]).toEqual([1, 1, 2, 2]);
  });

  it("refuses an axis that is not there", () => {
    const tape = tapeOn();
    const x = tape.empty([2, 3]);
    expect(() => sum(tape, x, 2)).toThrow(
      "sum: expected an axis from 0 to 1, or −1 for the last (it is 2), got x (2, 3)",
    );
    expect(() => slice(tape, x, 0, 1, 3)).toThrow(
      "slice: expected 0 ≤ start ≤ end ≤ 2 (they are 1 and 3), got x (2, 3)",
    );
  });
});

describe("functions", () => {
  // torch in float64 gives these.
  it.each([
    ["tanh", tanh, [-0.76159415595576, 0.4621171572600098, 0.9950547536867305]],
    ["sigmoid", sigmoid, [0.2689414213699951, 0.6224593312018546, 0.9525741268224334]],
    ["logSigmoid", logSigmoid, [-1.3132616875182228, -0.47407698418010663, -0.04858735157374196]],
    ["exp", exp, [0.36787944117144233, 1.6487212707001282, 20.085536923187668]],
    ["square", square, [1, 0.25, 9]],
  ] as const)("%s of -1, 0.5 and 3", (_, f, expected) => {
    const tape = tapeOn();
    const values = f(tape, tape.constant([-1, 0.5, 3], [3])).toArray();
    for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 13);
  });

  it("softmax and its logarithm, also far out", () => {
    const tape = tapeOn();
    const x = tape.constant([1, 2, 3, -2000, 0, 1000], [2, 3]);
    const expected = [0.09003057317038046, 0.24472847105479764, 0.6652409557748219, 0, 0, 1];
    for (const [i, value] of softmax(tape, x).toArray().entries()) expect(value).toBeCloseTo(expected[i] ?? 9, 14);
    const logs = logSoftmax(tape, x).toArray();
    for (const i of [0, 1, 2]) expect(logs[i]).toBeCloseTo(Math.log(expected[i] ?? 9), 13);
    expect(Array.from(logs.slice(3))).toEqual([-3000, -1000, 0]);
    expect([...logSumExp(tape, x).toArray()].map((value) => Number(value.toFixed(12)))).toEqual([3.407605964444, 1000]);
  });
});

describe("gradients by finite differences", () => {
  it.each(Object.entries({ tanh, sigmoid, logSigmoid, exp, square, softmax, logSoftmax, logSumExp }))("%s", (_, f) => {
    checkGradients((tape, [x]) => f(tape, x), [[3, 4]]);
    checkGradients((tape, [x]) => f(tape, add(tape, x, x)), [[2, 3]]); // used twice
  });

  it("log", () => {
    checkGradients((tape, [x]) => log(tape, x), [{ shape: [3], values: [0.3, 1, 7] }]);
  });

  it("moves and sums", () => {
    checkGradients((tape, [x]) => transpose(tape, x, 0, 2), [[2, 3, 4]]);
    checkGradients((tape, [x]) => slice(tape, x, 1, 1, 3), [[2, 3, 2]]);
    checkGradients(
      (tape, [a, b = a]) => concat(tape, [a, b, a], 1),
      [
        [2, 1, 2],
        [2, 3, 2],
      ],
    );
    checkGradients((tape, [x]) => gather(tape, x, 1, tape.constant([2, 0, 1, 1], [2, 2], "int32")), [[2, 3]]);
    for (const axis of [0, 1, 2, undefined]) {
      checkGradients((tape, [x]) => sum(tape, x, axis), [[2, 3, 2]]);
      checkGradients((tape, [x]) => mean(tape, x, axis), [[2, 3, 2]]);
    }
    for (const axis of [0, 1, 2]) checkGradients((tape, [x]) => broadcast(tape, x, axis, 3), [[2, 2]]);
    checkGradients(
      (tape, [a, b = a]) => multiply(tape, subtract(tape, a, b), subtract(tape, b, add(tape, a, b))),
      [
        [2, 3],
        [2, 3],
      ],
    );
  });

  it("each of them twice on one input adds up", () => {
    checkGradients(
      (tape, [x]) => {
        const parts = [transpose(tape, x, 0, 1), slice(tape, x, 1, 0, 2), broadcast(tape, mean(tape, x, 0), 1, 2)];
        return parts.reduce((a, b) => add(tape, a, b));
      },
      [[2, 2]],
    );
  });
});
