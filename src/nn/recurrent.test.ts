import { afterAll, describe, expect, test } from "vitest";
import { expectValues, tensorOpsFixture, type Values } from "../../test/helpers/tensor-ops.ts";
import { ReferenceDevice, slice, sum, Tape } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { normal } from "./initializers.ts";
import { ParameterStore } from "./parameters.ts";
import { CarriedState, Gru, Lstm, type RecurrentState, Rnn } from "./recurrent.ts";

const device = new ReferenceDevice();
afterAll(() => device.dispose());
const newTape = (recording = false, training = false): Tape =>
  new Tape({ device, arena: device.createArena(), recording, training });

const options = { inputs: 5, hiddenSize: 6 };
const layers = {
  lstm: (store: ParameterStore) => new Lstm(store, "r", { ...options, layers: 2 }),
  gru: (store: ParameterStore) => new Gru(store, "r", { ...options, layers: 2 }),
  rnn_tanh: (store: ParameterStore) => new Rnn(store, "r", options),
  rnn_relu: (store: ParameterStore) => new Rnn(store, "r", { ...options, nonlinearity: "relu" }),
};

/** Layer i of a tensor (layers, B, H). */
function layerOf({ shape, values }: Values, i: number): Values {
  const [, B = 0, H = 0] = shape;
  return { shape: [B, H], values: values.slice(i * B * H, (i + 1) * B * H) };
}

describe("with PyTorch's weights, by its names, what PyTorch computes", () => {
  test.each(Object.entries(layers))("%s", (kind, create) => {
    const fixture = tensorOpsFixture().recurrent[kind];
    const [x, hidden, output] = [fixture?.["x"], fixture?.["hidden"], fixture?.["output"]];
    if (fixture === undefined || x === undefined || hidden === undefined) throw new Error("the fixture has all kinds");
    const store = new ParameterStore(device);
    const layer = create(store);
    expect(store.names.map((name) => name.slice(2)).toSorted()).toEqual(Object.keys(fixture.weights).toSorted());
    for (const [name, { value }] of Object.entries(fixture.weights)) {
      const parameter = store.byName(`r.${name}`);
      expect(parameter.shape).toEqual(value.shape);
      device.write(parameter.storage, value.values);
    }
    const tape = newTape();
    const states = (name: string) => {
      const all = fixture[name];
      if (all === undefined) return [];
      return Array.from({ length: all.shape[0] ?? 0 }, (_, i) => {
        const own = layerOf(all, i);
        return tape.constant(own.values, own.shape);
      });
    };
    const start = { hidden: states("hidden"), cell: states("cell") };
    const result = layer.forward(tape, tape.constant(x.values, x.shape), start);
    expectValues(result.output, output, "output");
    const last = fixture["lastHidden"];
    if (last === undefined) throw new Error("the fixture has the last state");
    for (const [i, state] of result.state.hidden.entries()) expectValues(state, layerOf(last, i), `state ${i}`);
    expect(result.state.cell.length).toBe(kind === "lstm" ? 2 : 0);
  });
});

describe("state", () => {
  const store = new ParameterStore(device);
  const layer = new Lstm(store, "l", { inputs: 3, hiddenSize: 4, layers: 2 });
  for (const parameter of store) normal(parameter, 0.5, 1);
  const values = Array.from({ length: 2 * 6 * 3 }, (_, i) => Math.sin(i));

  test("carried over from one tape to the next, the text goes on as if it were one", () => {
    const whole = newTape();
    const expected = layer.forward(whole, whole.constant(values, [2, 6, 3])).output;
    const carried = new CarriedState(device);
    const outputs: number[][] = [];
    for (const start of [0, 2, 4]) {
      const tape = newTape();
      const piece = slice(tape, tape.constant(values, [2, 6, 3]), 1, start, start + 2);
      const { output, state } = layer.forward(tape, piece, carried.state);
      outputs.push(Array.from(output.toArray()));
      carried.save(state);
      tape.arena.reset();
    }
    // (B, T, H): two time steps of each of two rows a piece
    const found = [0, 1].flatMap((row) => outputs.flatMap((piece) => piece.slice(row * 8, row * 8 + 8)));
    expect(found).toEqual(Array.from(expected.toArray()));
    carried.reset();
    expect(carried.state).toBeUndefined();
  });

  test("gradients stop at a carried state", () => {
    const carried = new CarriedState(device);
    const first = newTape(true);
    carried.save(layer.forward(first, first.constant(values, [2, 6, 3])).state);
    const tape = newTape(true);
    const x = slice(tape, tape.constant(values, [2, 6, 3]), 1, 0, 2);
    const { output } = layer.forward(tape, x, carried.state);
    tape.backward(sum(tape, output));
    expect(carried.state?.hidden.every((state) => state.grad === undefined)).toBe(true);
    expect(store.byName("l.weight_hh_l0").gradReady).toBe(true);
    store.clearGradients();
  });

  test("of another number of layers is refused", () => {
    const tape = newTape();
    const state: RecurrentState = { hidden: [], cell: [] };
    expect(() => layer.forward(tape, tape.constant(values, [2, 6, 3]), state)).toThrow(NuwaError);
  });
});

test("dropout stands between layers, not after the last", () => {
  const weights = (store: ParameterStore) => {
    for (const parameter of store) normal(parameter, 0.5, 1);
  };
  const run = (count: number, training: boolean) => {
    const store = new ParameterStore(device);
    const layer = new Gru(store, "g", { inputs: 3, hiddenSize: 8, layers: count, dropout: 0.5 });
    weights(store);
    const tape = newTape(false, training);
    const x = tape.constant(
      Array.from({ length: 12 }, (_, i) => i / 6),
      [1, 4, 3],
    );
    return Array.from(layer.forward(tape, x).output.toArray());
  };
  expect(run(1, true)).toEqual(run(1, false));
  expect(run(2, true)).not.toEqual(run(2, false));
});
