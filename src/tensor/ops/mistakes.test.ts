import { describe, expect, it } from "vitest";

import { NuwaError } from "../../text/errors.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import * as ops from "./index.ts";

const device = new ReferenceDevice();
const elsewhere = new ReferenceDevice();
const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
const generating = new Tape({ device, arena: device.createArena(), recording: false, training: false });

type Made = Readonly<Record<string, Tensor>>;
type Spec = readonly [dtype: "float32" | "int32", shape: readonly number[]];

interface Case {
  /** Inputs that are right, by the labels that errors give them. */
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly run: (given: Made) => unknown;
  /** For each label, shapes that do not fit, and the label of what they do not fit to (nothing when it stands alone). */
  readonly wrong: readonly (readonly [label: string, shape: readonly number[], beside?: string])[];
}

const f = (...shape: number[]): Spec => ["float32", shape];
const i = (...shape: number[]): Spec => ["int32", shape];
const at = (given: Made, label: string): Tensor => {
  const tensor = given[label];
  if (tensor === undefined) throw new Error(`no input ${label}`);
  return tensor;
};
/** A case of ops that take x alone, whatever its shape. */
const alone = (op: (tape: Tape, x: Tensor) => unknown): Case => ({
  inputs: { x: f(2, 3) },
  run: (given) => op(tape, at(given, "x")),
  wrong: [],
});
const pair = (op: (tape: Tape, a: Tensor, b: Tensor) => unknown, a: string, b: string): Case => ({
  inputs: { [a]: f(2, 3), [b]: f(2, 3) },
  run: (given) => op(tape, at(given, a), at(given, b)),
  wrong: [
    [a, [3, 2], b],
    [b, [2, 3, 1], a],
  ],
});
const linearCase = (op: (tape: Tape, x: Tensor, weight: Tensor, bias: Tensor) => unknown): Case => ({
  inputs: { x: f(2, 3), weight: f(4, 3), bias: f(4) },
  run: (given) => op(tape, at(given, "x"), at(given, "weight"), at(given, "bias")),
  wrong: [
    ["x", [2, 4], "weight"],
    ["weight", [4], "x"],
    ["bias", [3], "weight"],
  ],
});
const recurrentCase = (gates: number, states: readonly string[], run: Case["run"]): Case => ({
  inputs: {
    x: f(2, 5, 3),
    weightInput: f(gates * 4, 3),
    weightHidden: f(gates * 4, 4),
    biasInput: f(gates * 4),
    biasHidden: f(gates * 4),
    ...Object.fromEntries(states.map((state) => [state, f(2, 4)])),
  },
  run,
  wrong: [
    ["x", [2, 3]],
    ["x", [2, 5, 4], "weightInput"],
    ["x", [2, 0, 3]],
    ["weightInput", [gates * 4 + 1, 3], "x"],
    ["weightHidden", [gates * 4 + 1, 4]],
    ["biasInput", [1], "weightHidden"],
    ["biasHidden", [gates * 4, 1], "weightHidden"],
    ...states.map((state) => [state, [3, 4], "x"] as const),
  ],
});
const weightsOf = (given: Made) => ({
  weightInput: at(given, "weightInput"),
  weightHidden: at(given, "weightHidden"),
  biasInput: at(given, "biasInput"),
  biasHidden: at(given, "biasHidden"),
});
const routing = {
  weights: f(4, 2),
  position: i(4, 2),
  tokens: i(8),
  offsets: i(4),
  shares: f(3),
  probabilities: f(4, 3),
};
const routingOf = (given: Made): ops.Routing => {
  const own = (label: keyof typeof routing) => given[label] ?? tape.empty(routing[label][1], routing[label][0]);
  return {
    weights: own("weights"),
    position: own("position"),
    tokens: own("tokens"),
    offsets: own("offsets"),
    shares: own("shares"),
    probabilities: own("probabilities"),
    ids: tape.empty([4, 2], "int32"),
  };
};
const attentionWrong: Case["wrong"] = [
  ["q", [2, 4, 6], "k"],
  ["q", [2, 5, 2, 4], "k"],
  ["k", [2, 5, 2], "q"],
  ["v", [2, 5, 1, 3], "k"],
];

/** Every op that is exported, but for those that take no tensors. */
const cases: Readonly<Record<string, Case>> = {
  activation: alone((t, x) => ops.activation(t, x, "gelu")),
  activationLinear: linearCase((t, x, weight, bias) => ops.activationLinear(t, x, "gelu", weight, bias)),
  add: pair(ops.add, "a", "b"),
  addOnto: pair(ops.addOnto, "a", "b"),
  attention: {
    inputs: { q: f(2, 5, 2, 3), k: f(2, 5, 2, 3), v: f(2, 5, 2, 3), relative: f(2, 9), segments: i(2, 5) },
    run: (given) => {
      const options = { causal: true, relative: at(given, "relative"), segments: at(given, "segments") };
      return ops.attention(tape, at(given, "q"), at(given, "k"), at(given, "v"), options);
    },
    wrong: [...attentionWrong, ["relative", [2, 7], "q"], ["relative", [9], "k"], ["segments", [2, 6], "k"]],
  },
  attentionStep: {
    inputs: {
      q: f(2, 1, 4, 6),
      k: f(2, 1, 2, 6),
      v: f(2, 1, 2, 6),
      keys: f(2, 5, 2, 6),
      values: f(2, 5, 2, 6),
      positions: i(2),
      ropeTable: f(5, 6),
    },
    run: (given) => {
      const cache = { keys: at(given, "keys"), values: at(given, "values"), positions: at(given, "positions") };
      const options = { ...cache, ropeTable: at(given, "ropeTable") };
      return ops.attentionStep(generating, at(given, "q"), at(given, "k"), at(given, "v"), options);
    },
    wrong: [
      ["q", [2, 2, 4, 6], "k"],
      ["k", [2, 1, 3, 6], "q"],
      ["v", [2, 1, 2, 5], "k"],
      ["keys", [3, 5, 2, 6], "q"],
      ["values", [2, 4, 2, 6], "keys"],
      ["positions", [3], "q"],
      ["ropeTable", [4, 6], "keys"],
    ],
  },
  attentionWithCache: {
    inputs: { q: f(2, 1, 2, 3), k: f(2, 5, 2, 3), v: f(2, 5, 2, 3) },
    run: (given) => ops.attentionWithCache(generating, at(given, "q"), at(given, "k"), at(given, "v"), { length: 3 }),
    wrong: attentionWrong,
  },
  binaryCrossEntropy: pair(ops.binaryCrossEntropy, "logits", "targets"),
  broadcast: alone((t, x) => ops.broadcast(t, x, 0, 2)),
  combineExperts: {
    inputs: { y: f(8, 5), weights: routing.weights, position: routing.position },
    run: (given) => ops.combineExperts(tape, at(given, "y"), routingOf(given)),
    wrong: [
      ["y", [7, 5], "position"],
      ["weights", [4, 3], "position"],
    ],
  },
  concat: {
    inputs: { "tensor 0": f(2, 3), "tensor 1": f(2, 1) },
    run: (given) => ops.concat(tape, [at(given, "tensor 0"), at(given, "tensor 1")], 1),
    wrong: [["tensor 1", [3, 1], "tensor 0"]],
  },
  crossEntropy: {
    inputs: { logits: f(3, 5), targets: i(3), weights: f(3) },
    run: (given) =>
      ops.crossEntropy(tape, at(given, "logits"), at(given, "targets"), { weights: at(given, "weights") }),
    wrong: [
      ["logits", [4, 5], "targets"],
      ["targets", [3, 1], "logits"],
      ["weights", [2], "targets"],
    ],
  },
  dispatchTokens: {
    inputs: { x: f(4, 5), tokens: routing.tokens, position: routing.position },
    run: (given) => ops.dispatchTokens(tape, at(given, "x"), routingOf(given)),
    wrong: [["x", [5, 5], "position"]],
  },
  dropout: alone((t, x) => ops.dropout(t, x, 0.5)),
  embedding: {
    inputs: { table: f(7, 3), ids: i(2, 2) },
    run: (given) => ops.embedding(tape, at(given, "table"), at(given, "ids")),
    wrong: [["table", [7], "ids"]],
  },
  exp: alone(ops.exp),
  gated: pair((t, a, b) => ops.gated(t, a, b, "silu"), "gate", "up"),
  gather: {
    inputs: { x: f(2, 3), ids: i(2, 1) },
    run: (given) => ops.gather(tape, at(given, "x"), 1, at(given, "ids")),
    wrong: [
      ["x", [3, 3], "ids"],
      ["ids", [2], "x"],
    ],
  },
  groupedLinear: {
    inputs: { x: f(8, 5), weight: f(3, 6, 5), offsets: routing.offsets },
    run: (given) => ops.groupedLinear(tape, at(given, "x"), at(given, "weight"), routingOf(given)),
    wrong: [
      ["x", [7, 5], "tokens"],
      ["weight", [3, 6, 4], "x"],
      ["weight", [4, 6, 5], "offsets"],
    ],
  },
  gru: recurrentCase(3, ["hidden"], (given) => ops.gru(tape, at(given, "x"), weightsOf(given), at(given, "hidden"))),
  layerNorm: {
    inputs: { x: f(2, 3), weight: f(3), bias: f(3) },
    run: (given) => {
      const vectors = { weight: at(given, "weight"), bias: at(given, "bias") };
      return ops.layerNorm(tape, at(given, "x"), { ...vectors, epsilon: 1e-5 });
    },
    wrong: [
      ["weight", [4], "x"],
      ["bias", [3, 1], "x"],
    ],
  },
  linear: linearCase(ops.linear),
  linearCrossEntropy: {
    inputs: { x: f(2, 3), weight: f(5, 3), targets: i(2), weights: f(2) },
    run: (given) => {
      const options = { weights: at(given, "weights"), normalizer: 1 };
      return ops.linearCrossEntropy(tape, at(given, "x"), at(given, "weight"), at(given, "targets"), options);
    },
    wrong: [
      ["x", [2, 3, 1], "weight"],
      ["weight", [5, 4], "x"],
      ["targets", [3], "x"],
      ["weights", [3], "targets"],
    ],
  },
  linearLogProbs: {
    inputs: { x: f(2, 3), weight: f(5, 3), targets: i(2) },
    run: (given) => ops.linearLogProbs(tape, at(given, "x"), at(given, "weight"), at(given, "targets")),
    wrong: [
      ["x", [2], "weight"],
      ["weight", [5, 4], "x"],
      ["targets", [1], "x"],
    ],
  },
  loadBalancingLoss: {
    inputs: { probabilities: routing.probabilities, shares: routing.shares },
    run: (given) => ops.loadBalancingLoss(tape, routingOf(given)),
    wrong: [["probabilities", [4, 2], "shares"]],
  },
  log: alone(ops.log),
  logSigmoid: alone(ops.logSigmoid),
  logSoftmax: { ...alone(ops.logSoftmax), wrong: [["x", []]] },
  logSumExp: { ...alone(ops.logSumExp), wrong: [["x", []]] },
  lstm: recurrentCase(4, ["hidden", "cell"], (given) =>
    ops.lstm(tape, at(given, "x"), weightsOf(given), { hidden: at(given, "hidden"), cell: at(given, "cell") }),
  ),
  mean: { ...alone((t, x) => ops.mean(t, x, 1)), wrong: [["x", [3]]] },
  meanSquaredError: pair(ops.meanSquaredError, "a", "b"),
  multiply: pair(ops.multiply, "a", "b"),
  preferenceLoss: pair(ops.preferenceLoss, "chosen", "rejected"),
  relativePositionBias: {
    inputs: { table: f(8, 2) },
    run: (given) => ops.relativePositionBias(tape, at(given, "table"), { positions: 5, bidirectional: true }),
    wrong: [
      ["table", [8]],
      ["table", [3, 2]],
    ],
  },
  reshape: { ...alone((t, x) => ops.reshape(t, x, [3, 2])), wrong: [["x", [2, 2]]] },
  rmsNorm: {
    inputs: { x: f(2, 3), weight: f(3) },
    run: (given) => ops.rmsNorm(tape, at(given, "x"), { weight: at(given, "weight"), epsilon: 1e-5 }),
    wrong: [["weight", [2], "x"]],
  },
  rnn: recurrentCase(1, ["hidden"], (given) =>
    ops.rnn(tape, at(given, "x"), weightsOf(given), { hidden: at(given, "hidden") }),
  ),
  rope: {
    inputs: { x: f(1, 2, 1, 4), table: f(2, 4), positions: i(1, 2) },
    run: (given) => ops.rope(tape, at(given, "x"), at(given, "table"), { positions: at(given, "positions") }),
    wrong: [
      ["positions", [2], "x"],
      ["x", [1, 3, 1, 4], "table"],
      ["table", [2, 3], "x"],
    ],
  },
  routerZLoss: {
    inputs: { logits: f(4, 3) },
    run: (given) => ops.routerZLoss(tape, at(given, "logits")),
    wrong: [["logits", [4]]],
  },
  routeTokens: {
    inputs: { logits: f(4, 3) },
    run: (given) => ops.routeTokens(tape, at(given, "logits"), { topK: 2, renormalize: true }),
    wrong: [
      ["logits", [4]],
      ["logits", [4, 1]],
    ],
  },
  scale: alone((t, x) => ops.scale(t, x, 2)),
  sigmoid: alone(ops.sigmoid),
  sampleTokens: {
    inputs: { logits: f(2, 3) },
    run: (given) => {
      const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, uniform: 0 };
      return ops.sampleTokens(tape, at(given, "logits"), [plain, plain]).logprobs;
    },
    wrong: [
      ["logits", [3]],
      ["logits", [3, 3]],
    ],
  },
  slice: { ...alone((t, x) => ops.slice(t, x, 1, 0, 3)), wrong: [["x", [2, 2]]] },
  softmax: { ...alone(ops.softmax), wrong: [["x", []]] },
  square: alone(ops.square),
  subtract: pair(ops.subtract, "a", "b"),
  sum: { ...alone((t, x) => ops.sum(t, x, 1)), wrong: [["x", [3]]] },
  tanh: alone(ops.tanh),
  transpose: { ...alone((t, x) => ops.transpose(t, x, 0, 1)), wrong: [["x", [3]]] },
  writeCache: {
    inputs: { cache: f(2, 5, 1, 3), values: f(2, 2, 1, 3) },
    run: (given) => ops.writeCache(tape, at(given, "cache"), at(given, "values"), 0),
    wrong: [
      ["cache", [2, 5, 2, 3], "values"],
      ["values", [2, 6, 1, 3], "cache"],
    ],
  },
};

/** Exports that take no tensors. */
const OTHERS = ["alibiSlopes", "alibiTable", "chunkRows", "relativePositionBucket", "ropeTable"];

const shapeIn = (shape: readonly number[]): string => `(${shape.join(", ")})`;

function make([dtype, shape]: Spec, on = device): Tensor {
  const storage = on.allocate(
    dtype,
    shape.reduce((a, b) => a * b, 1),
  );
  return new Tensor(on, storage, shape, dtype === "float32");
}

/** The message of the NuwaError that the op throws when one of its inputs is another. */
function mistake({ inputs, run }: Case, label: string, instead: Tensor): string {
  const given = Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, make(spec)]));
  try {
    run({ ...given, [label]: instead });
  } catch (error) {
    if (error instanceof NuwaError) return error.message;
    throw error;
  }
  return "nothing was thrown";
}

it("the table has every op", () => {
  const exported = Object.entries(ops).filter(([, member]) => typeof member === "function");
  const names = exported.map(([name]) => name).filter((name) => !OTHERS.includes(name));
  expect(Object.keys(cases).toSorted()).toEqual(names.toSorted());
});

describe.each(Object.entries(cases))("%s", (op, one) => {
  it("takes what fits", () => {
    const given = Object.fromEntries(Object.entries(one.inputs).map(([name, spec]) => [name, make(spec)]));
    expect(() => one.run(given)).not.toThrow();
  });

  it("names itself and both shapes when one does not fit", () => {
    for (const [label, shape, beside] of one.wrong) {
      const [dtype] = one.inputs[label] ?? ["float32"];
      const message = mistake(one, label, make([dtype, shape]));
      expect(message, label).toMatch(new RegExp(`^${op}: `, "u"));
      expect(message, label).toContain(shapeIn(shape));
      if (beside === undefined) continue;
      const [, other] = one.inputs[beside] ?? routing[beside as keyof typeof routing];
      expect(message, `${label} beside ${beside}`).toContain(shapeIn(other));
    }
  });

  // reshape moves nothing: any dtype will do
  if (op !== "reshape")
    it("names itself and the tensor when the dtype is another", () => {
      for (const [label, [dtype, shape]] of Object.entries(one.inputs)) {
        const message = mistake(one, label, make([dtype === "int32" ? "float32" : "int32", shape]));
        expect(message, label).toMatch(new RegExp(`^${op}: .*${dtype}`, "u"));
        expect(message, label).toContain(shapeIn(shape));
      }
    });

  it("names itself and the tensor when it is on another device", () => {
    for (const [label, spec] of Object.entries(one.inputs)) {
      const message = mistake(one, label, make(spec, elsewhere));
      expect(message, label).toMatch(new RegExp(`^${op}: .*device`, "u"));
      expect(message, label).toContain(shapeIn(spec[1]));
    }
  });
});
