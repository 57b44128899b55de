import { describe, expect, it } from "vitest";

import { expectValues, parameterOf, tensorOpsFixture, type Values } from "../../../test/helpers/tensor-ops.ts";
import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { concat, slice, sum } from "./axes.ts";
import { add, multiply } from "./elementwise.ts";
import { gru, lstm, rnn, type RecurrentWeights } from "./recurrent.ts";
import { reshape } from "./reshape.ts";

const device = new ReferenceDevice();
const tapeOn = (recording = true) => new Tape({ device, arena: device.createArena(), recording, training: true });
const fixture = tensorOpsFixture().recurrent;
const KINDS = ["lstm", "gru", "rnn_tanh", "rnn_relu"] as const;
type Kind = (typeof KINDS)[number];

interface Result {
  readonly output: Tensor;
  readonly hidden: Tensor;
  readonly cell?: Tensor;
}

function run(kind: Kind, tape: Tape, x: Tensor, weights: RecurrentWeights, hidden?: Tensor, cell?: Tensor): Result {
  if (kind === "lstm") return lstm(tape, x, weights, hidden && cell && { hidden, cell });
  if (kind === "gru") return gru(tape, x, weights, hidden);
  return rnn(tape, x, weights, { nonlinearity: kind === "rnn_relu" ? "relu" : "tanh", hidden });
}

/** Layer i of a tensor (layers, B, H). */
function layerOf({ shape, values }: Values, i: number): Values {
  const [, B = 0, H = 0] = shape;
  return { shape: [B, H], values: values.slice(i * B * H, (i + 1) * B * H) };
}

describe("PyTorch's layers", () => {
  it.each(KINDS)("%s: outputs, last states and every gradient", (kind) => {
    const expected = fixture[kind];
    if (expected === undefined) throw new Error("the fixture has every kind");
    const given = (name: string) => {
      const values = expected[name];
      if (values === undefined) throw new Error(`the fixture has ${name}`);
      return values;
    };
    const tape = tapeOn();
    const [count = 0] = given("hidden").shape;
    const x = parameterOf(device, given("x"));
    const states = (name: string) =>
      expected[name] === undefined
        ? []
        : Array.from({ length: count }, (_, i) => parameterOf(device, layerOf(given(name), i)));
    const [hiddens, cells] = [states("hidden"), states("cell")];
    const parameters = Object.entries(expected.weights).map(([name, { value, gradient }]) => {
      return { name, gradient, parameter: parameterOf(device, value) };
    });
    const named = (name: string) => {
      const found = parameters.find((one) => one.name === name);
      if (found === undefined) throw new Error(`the fixture has ${name}`);
      return found.parameter;
    };
    const weighed = (y: Tensor, d: Values) => sum(tape, multiply(tape, y, tape.constant(d.values, y.shape)));
    let output: Tensor = x;
    const terms: Tensor[] = [];
    for (let i = 0; i < count; i++) {
      const weights = {
        weightInput: named(`weight_ih_l${i}`),
        weightHidden: named(`weight_hh_l${i}`),
        biasInput: named(`bias_ih_l${i}`),
        biasHidden: named(`bias_hh_l${i}`),
      };
      const result = run(kind, tape, output, weights, hiddens[i], cells[i]);
      output = result.output;
      expectValues(result.hidden, layerOf(given("lastHidden"), i), "last hidden");
      terms.push(weighed(result.hidden, layerOf(given("dlastHidden"), i)));
      if (result.cell === undefined) continue;
      expectValues(result.cell, layerOf(given("lastCell"), i), "last cell");
      terms.push(weighed(result.cell, layerOf(given("dlastCell"), i)));
    }
    expectValues(output, given("output"), "output");
    const loss = terms.reduce((total, term) => add(tape, total, term), weighed(output, given("doutput")));
    tape.backward(loss);
    expectValues(x.grad, given("dx"), "dx");
    for (const { name, gradient, parameter } of parameters) expectValues(parameter.grad, gradient, name);
    for (const [i, hidden] of hiddens.entries()) expectValues(hidden.grad, layerOf(given("dhidden"), i), "dhidden");
    for (const [i, cell] of cells.entries()) expectValues(cell.grad, layerOf(given("dcell"), i), "dcell");
  });
});

describe("gradients by finite differences", () => {
  const [B, T, I, H] = [2, 3, 2, 3];
  const sizes = (kind: Kind) => {
    const G = kind === "lstm" ? 4 : kind === "gru" ? 3 : 1;
    const states = [[B, H], ...(kind === "lstm" ? [[B, H]] : [])];
    return [[B, T, I], [G * H, I], [G * H, H], [G * H], [G * H], ...states];
  };

  it.each(KINDS)("%s: to the inputs, the weights and the first state, from all results", (kind) => {
    checkGradients((tape, inputs) => {
      const [x, weightInput = x, weightHidden = x, biasInput, biasHidden, hidden, cell] = inputs;
      const result = run(kind, tape, x, { weightInput, weightHidden, biasInput, biasHidden }, hidden, cell);
      const flat = (tensor: Tensor) => reshape(tape, tensor, [tensor.length]);
      const cells = result.cell === undefined ? [] : [flat(result.cell)];
      return concat(tape, [flat(result.output), flat(result.hidden), ...cells], 0);
    }, sizes(kind));
  });

  it("from the last cell alone, and from the last state alone", () => {
    const weightsOf = (inputs: readonly Tensor[]) => {
      const [x, weightInput, weightHidden] = inputs;
      if (x === undefined || weightInput === undefined || weightHidden === undefined) throw new Error("three inputs");
      return { x, weights: { weightInput, weightHidden } };
    };
    const shapes = [
      [B, T, I],
      [4 * H, I],
      [4 * H, H],
    ];
    for (const which of ["hidden", "cell"] as const) {
      checkGradients((tape, inputs) => {
        const { x, weights } = weightsOf(inputs);
        return lstm(tape, x, weights)[which];
      }, shapes);
    }
  });

  it("through two pieces of a sequence, the state passed on", () => {
    checkGradients(
      (tape, inputs) => {
        const [x, weightInput = x, weightHidden = x] = inputs;
        const weights = { weightInput, weightHidden };
        const first = lstm(tape, slice(tape, x, 1, 0, 2), weights);
        return lstm(tape, slice(tape, x, 1, 2, 3), weights, first).output;
      },
      [
        [B, T, I],
        [4 * H, I],
        [4 * H, H],
      ],
    );
  });
});

describe("state", () => {
  it("two pieces with the state passed on give what one gives", () => {
    const tape = tapeOn(false);
    const given = fixture["lstm"];
    const of = (name: string) => {
      const weight = given?.weights[name];
      if (weight === undefined) throw new Error("the fixture has an LSTM");
      return parameterOf(device, weight.value);
    };
    const weights = { weightInput: of("weight_ih_l0"), weightHidden: of("weight_hh_l0") };
    const x = tape.constant(given?.["x"]?.values ?? [], [3, 4, 5]);
    const whole = lstm(tape, x, weights);
    const first = lstm(tape, slice(tape, x, 1, 0, 1), weights);
    const second = lstm(tape, slice(tape, x, 1, 1, 4), weights, first);
    const joined = concat(tape, [first.output, second.output], 1);
    expect(joined.toArray()).toEqual(whole.output.toArray());
    expect(second.cell.toArray()).toEqual(whole.cell.toArray());
  });
});
