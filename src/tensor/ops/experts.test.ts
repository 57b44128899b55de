import { describe, expect, it } from "vitest";

import { expectValues, parameterOf, tensorOpsFixture } from "../../../test/helpers/tensor-ops.ts";
import { checkGradients } from "../gradcheck.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { sum } from "./axes.ts";
import { add, gated, multiply, scale } from "./elementwise.ts";
import {
  combineExperts,
  dispatchTokens,
  groupedLinear,
  loadBalancingLoss,
  routerZLoss,
  routeTokens,
  type RoutingOptions,
} from "./experts.ts";
import { linear } from "./linear.ts";
import { reshape } from "./reshape.ts";

const device = new ReferenceDevice();
const tapeOn = (recording = true) => new Tape({ device, arena: device.createArena(), recording, training: true });

/** A gated expert layer, written out. */
function experts(tape: Tape, x: Tensor, weights: readonly Tensor[], options: RoutingOptions) {
  const [router = x, gate = x, up = x, down = x] = weights;
  const logits = linear(tape, x, router);
  const routing = routeTokens(tape, logits, options);
  const rows = dispatchTokens(tape, x, routing);
  const active = gated(tape, groupedLinear(tape, rows, gate, routing), groupedLinear(tape, rows, up, routing), "silu");
  const output = combineExperts(tape, groupedLinear(tape, active, down, routing), routing);
  return { output, logits, routing };
}

describe("Mixtral's block", () => {
  it("outputs, both losses and every gradient are those of transformers", () => {
    const fixture = tensorOpsFixture().experts;
    const value = (name: string) => {
      const weight = fixture.weights[name];
      if (weight === undefined) throw new Error(`the fixture has ${name}`);
      return weight;
    };
    const [E, I, C] = [4, 5, 6];
    // gate and up stand in one tensor (E, 2I, C) there
    const fused = value("experts.gate_up_proj");
    const half = (all: { values: number[] }, which: number) => ({
      shape: [E, I, C],
      values: Array.from({ length: E }, (_, e) =>
        all.values.slice((2 * e + which) * I * C, (2 * e + which + 1) * I * C),
      ).flat(),
    });
    const router = parameterOf(device, value("gate.weight").value);
    const [gate, up] = [0, 1].map((which) => parameterOf(device, half(fused.value, which)));
    const down = parameterOf(device, value("experts.down_proj").value);
    if (gate === undefined || up === undefined) throw new Error("two halves");
    const x = parameterOf(device, fixture.x);
    const tape = tapeOn();
    const rows = reshape(tape, x, [10, C]);
    const result = experts(tape, rows, [router, gate, up, down], { topK: 2, renormalize: true });
    const float32 = 1e-6; // transformers takes the router's softmax in float32, whatever the model
    const output = reshape(tape, result.output, fixture.y.shape);
    expectValues(output, fixture.y, "output", float32);
    const balance = loadBalancingLoss(tape, result.routing);
    const z = routerZLoss(tape, result.logits);
    expect(balance.toArray()[0]).toBeCloseTo(fixture.balance, 6);
    expect(z.toArray()[0]).toBeCloseTo(fixture.z, 8);
    const weighed = sum(tape, multiply(tape, output, tape.constant(fixture.dy.values, fixture.dy.shape)));
    tape.backward(add(tape, weighed, add(tape, scale(tape, balance, 0.3), scale(tape, z, 0.2))));
    expectValues(x.grad, fixture.dx, "dx", float32);
    expectValues(router.grad, value("gate.weight").gradient, "router", float32);
    expectValues(gate.grad, half(fused.gradient, 0), "gate", float32);
    expectValues(up.grad, half(fused.gradient, 1), "up", float32);
    expectValues(down.grad, value("experts.down_proj").gradient, "down", float32);
  });
});

describe("gradients by finite differences", () => {
  const shapes = [
    [5, 3],
    [3, 3],
    [3, 4, 3],
    [3, 4, 3],
    [3, 3, 4],
  ];
  it.each([
    ["no limit", { topK: 2, renormalize: true }],
    ["probabilities as they are", { topK: 1, renormalize: false }],
    ["dropped tokens", { topK: 2, renormalize: true, capacity: 2 }],
  ] as const)("%s", (_, options) => {
    checkGradients((tape, [x, ...weights]) => experts(tape, x, weights, options).output, shapes);
  });

  it("the router's losses", () => {
    const options = { topK: 2, renormalize: true };
    checkGradients((tape, [logits]) => loadBalancingLoss(tape, routeTokens(tape, logits, options)), [[6, 4]]);
    checkGradients((tape, [logits]) => routerZLoss(tape, logits), [[6, 4]]);
  });
});

describe("routing, by hand", () => {
  const route = (values: number[], rows: number, options: RoutingOptions) => {
    const tape = tapeOn(false);
    return routeTokens(tape, tape.constant(values, [rows, values.length / rows]), options);
  };

  it("takes the likeliest, equal ones by lower index", () => {
    const routing = route([1, 5, 5, 0, 2, 2, 2, 2, -1, -3, -1, 9], 3, { topK: 2, renormalize: true });
    expect([...routing.ids.toArray()]).toEqual([1, 2, 0, 1, 3, 0]);
    expect(routing.weights.toArray()[0]).toBeCloseTo(0.5, 14);
    expect(routing.weights.toArray()[4]).toBeCloseTo(1 / (1 + Math.exp(-10)), 14);
  });

  it("groups by expert in the order of the tokens, and drops what is over the capacity", () => {
    // experts chosen: 1, 0, 1, 1, 2
    const values = [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1];
    const free = route(values, 5, { topK: 1, renormalize: false });
    expect([...free.tokens.toArray()]).toEqual([1, 0, 2, 3, 4]);
    expect([...free.position.toArray()]).toEqual([1, 0, 2, 3, 4]);
    expect([...free.offsets.toArray()]).toEqual([0, 1, 4, 5]);
    expect([...free.shares.toArray()]).toEqual([0.2, 0.6, 0.2]);
    const limited = route(values, 5, { topK: 1, renormalize: false, capacity: 2 });
    expect([...limited.tokens.toArray()]).toEqual([1, 0, 2, 4, 3]);
    expect([...limited.position.toArray()]).toEqual([1, 0, 2, -1, 3]);
    expect([...limited.offsets.toArray()]).toEqual([0, 1, 3, 4]);
    expect([...limited.shares.toArray()]).toEqual([0.2, 0.6, 0.2]); // what was asked for counts
  });

  it("a dropped token gets nothing", () => {
    const tape = tapeOn(false);
    const logits = tape.constant([9, 0, 9, 0], [2, 2]);
    const routing = routeTokens(tape, logits, { topK: 1, renormalize: true, capacity: 1 });
    const x = tape.constant([1, 2], [2, 1]);
    const y = groupedLinear(tape, dispatchTokens(tape, x, routing), tape.constant([3, 5], [2, 1, 1]), routing);
    expect([...combineExperts(tape, y, routing).toArray()]).toEqual([3, 0]);
  });

  it("the balance loss is k when all are chosen alike, and E when one takes all", () => {
    const tape = tapeOn(false);
    const balanced = routeTokens(tape, tape.constant([0, 0, 0, 0], [2, 2]), { topK: 2, renormalize: true });
    expect(loadBalancingLoss(tape, balanced).toArray()[0]).toBeCloseTo(2, 14);
    const one = routeTokens(tape, tape.constant([900, 0, 900, 0], [2, 2]), { topK: 1, renormalize: true });
    expect(loadBalancingLoss(tape, one).toArray()[0]).toBeCloseTo(2, 14);
  });
});
