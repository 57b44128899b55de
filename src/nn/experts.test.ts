import { afterAll, describe, expect, test } from "vitest";
import { expectValues, tensorOpsFixture } from "../../test/helpers/tensor-ops.ts";
import { ReferenceDevice, Tape } from "../tensor/index.ts";
import { Experts } from "./experts.ts";
import { normal } from "./initializers.ts";
import { ParameterStore } from "./parameters.ts";

const device = new ReferenceDevice();
afterAll(() => device.dispose());
const newTape = (): Tape => new Tape({ device, arena: device.createArena(), recording: false, training: false });

test("with Mixtral's weights, what transformers computes", () => {
  const fixture = tensorOpsFixture().experts;
  const [E, I, C] = [4, 5, 6];
  const store = new ParameterStore(device);
  const layer = new Experts(store, "moe", {
    hiddenSize: C,
    intermediateSize: I,
    experts: E,
    topK: 2,
    activation: "silu",
    gated: true,
  });
  const value = (name: string) => fixture.weights[name]?.value.values ?? [];
  const fused = value("experts.gate_up_proj"); // (E, 2I, C) there
  const half = (which: number) =>
    Array.from({ length: E }, (_, e) => fused.slice((2 * e + which) * I * C, (2 * e + which + 1) * I * C)).flat();
  device.write(store.byName("moe.gate.weight").storage, value("gate.weight"));
  device.write(store.byName("moe.experts.gate_proj").storage, half(0));
  device.write(store.byName("moe.experts.up_proj").storage, half(1));
  device.write(store.byName("moe.experts.down_proj").storage, value("experts.down_proj"));
  const tape = newTape();
  const x = tape.constant(fixture.x.values, fixture.x.shape);
  const { output, balanceLoss, zLoss } = layer.forwardWithLosses(tape, x);
  // transformers takes the router's softmax in float32
  expectValues(output, fixture.y, "output", 1e-6);
  expect(layer.forward(tape, x).toArray()).toEqual(output.toArray());
  expect(balanceLoss.toArray()[0]).toBeCloseTo(fixture.balance, 6);
  expect(zLoss.toArray()[0]).toBeCloseTo(fixture.z, 8);
});

describe("options", () => {
  const create = (own: { readonly capacityFactor?: number }) => {
    const store = new ParameterStore(device);
    const sizes = { hiddenSize: 3, intermediateSize: 4, experts: 2, topK: 1 };
    const layer = new Experts(store, "m", { ...sizes, activation: "relu", gated: false, renormalize: false, ...own });
    for (const parameter of store) normal(parameter, 1, 3);
    return { store, layer };
  };

  test("without a gate there are two tensors of experts, and none is for Muon", () => {
    const { store } = create({});
    expect(store.names).toEqual(["m.gate.weight", "m.experts.up_proj", "m.experts.down_proj"]);
    expect(store.ofKind("experts").length).toBe(2);
    expect(store.ofKind("matrix").map(({ name }) => name)).toEqual(["m.gate.weight"]);
  });

  test("a capacity drops tokens: they get nothing from the layer", () => {
    const same = Array.from({ length: 8 }, () => [1, 2, 3]).flat(); // eight equal tokens choose one expert
    const rows = (own: { readonly capacityFactor?: number }) => {
      const tape = newTape();
      const values = create(own)
        .layer.forward(tape, tape.constant(same, [2, 4, 3]))
        .toArray();
      return Array.from({ length: 8 }, (_, i) => Array.from(values.slice(3 * i, 3 * i + 3)));
    };
    const free = rows({});
    expect(new Set(free.map(String)).size).toBe(1);
    // 1.25 · 8 tokens / 2 experts = 5
    expect(rows({ capacityFactor: 1.25 })).toEqual(free.map((row, i) => (i < 5 ? row : [0, 0, 0])));
  });
});
