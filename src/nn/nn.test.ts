import { afterAll, describe, expect, test } from "vitest";
import { createDevice, Tape } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { normal, normalValues } from "./initializers.ts";
import { KvCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { GatedMlp, Mlp } from "./mlp.ts";
import { LayerNorm, RMSNorm } from "./norm.ts";
import { ParameterStore } from "./parameters.ts";

const device = createDevice("reference");
const arena = device.createArena();
afterAll(() => device.dispose());
const newTape = (): Tape => new Tape({ device, arena, recording: false, training: false });

describe("ParameterStore", () => {
  test("keeps the order of creation, and finds by name and kind", () => {
    const store = new ParameterStore(device);
    store.parameter("b.weight", [2, 3], "matrix");
    store.parameter("a.bias", [2], "vector");
    store.parameter("table", [5, 3], "embedding");
    expect(store.names).toEqual(["b.weight", "a.bias", "table"]);
    expect(store.totalElements).toBe(6 + 2 + 15);
    expect(store.ofKind("vector", "matrix").map(({ name }) => name)).toEqual(["b.weight", "a.bias"]);
    expect(store.byName("table").shape).toEqual([5, 3]);
    expect([...store.byName("table").toArray()]).toEqual(Array.from({ length: 15 }, () => 0));
    store.release();
    expect(store.names).toEqual([]);
  });

  test("a wrong name is answered with the nearest", () => {
    const store = new ParameterStore(device);
    store.parameter("lm_head.weight", [2, 3], "head");
    expect(() => store.parameter("lm_head.weight", [1], "vector")).toThrow(NuwaError);
    try {
      store.byName("lm_haed.weight");
      expect.unreachable();
    } catch (error) {
      expect(error instanceof NuwaError && error.toLine()).toContain('did you mean "lm_head.weight"?');
    }
  });

  test("a model that only runs has no gradients", () => {
    const store = new ParameterStore(device, { trainable: false });
    const parameter = store.parameter("w", [4], "vector");
    expect(parameter.requiresGrad).toBe(false);
    expect(parameter.grad.length).toBe(0);
  });
});

describe("initialisation", () => {
  test("is normal: mean, variance and tails", () => {
    const values = normalValues(100_000, 2, 42, "w");
    const share = (count: number): number => count / values.length;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03); // standard error 0.006
    expect(Math.abs(variance - 4)).toBeLessThan(0.09); // standard error 0.018
    expect(share(values.filter((value) => Math.abs(value) < 2).length)).toBeCloseTo(0.6827, 2);
    expect(share(values.filter((value) => Math.abs(value) > 4).length)).toBeCloseTo(0.0455, 2);
    // neighbours share a block of the generator: they must not be correlated
    let product = 0;
    for (let i = 0; i + 1 < values.length; i++) product += (values[i] ?? 0) * (values[i + 1] ?? 0);
    expect(Math.abs(product / values.length / 4)).toBeLessThan(0.015);
  });

  test("depends on seed and name only, and a longer tensor begins like a shorter one", () => {
    const values = normalValues(7, 1, 1, "w");
    expect(normalValues(7, 1, 1, "w")).toEqual(values);
    expect(normalValues(40, 1, 1, "w").subarray(0, 7)).toEqual(values);
    for (const [seed, name] of [
      [2, "w"],
      [1, "v"],
      [1 + 2 ** 32, "w"],
    ] as const) {
      expect(normalValues(7, 1, seed, name)).not.toEqual(values);
    }
    const parameter = new ParameterStore(device).parameter("w", [7], "vector");
    normal(parameter, 1, 1);
    expect(Float32Array.from(parameter.toArray())).toEqual(values);
  });
});

describe("layers, by hand", () => {
  test("linear", () => {
    const layer = new Linear(new ParameterStore(device), "l", { inputs: 2, outputs: 3, bias: true });
    device.write(layer.weight.storage, [1, 2, 3, 4, 5, 6]);
    if (layer.bias !== undefined) device.write(layer.bias.storage, [10, 20, 30]);
    const tape = newTape();
    const y = layer.forward(tape, tape.constant([1, -1], [1, 2]));
    expect([...y.toArray()]).toEqual([9, 19, 29]);
    expect(y.shape).toEqual([1, 3]);
  });

  test("norms", () => {
    const store = new ParameterStore(device);
    const layerNorm = new LayerNorm(store, "ln", 2, { epsilon: 0, bias: false });
    device.write(layerNorm.weight.storage, [1, 10]);
    const rmsNorm = new RMSNorm(store, "rms", 2, { epsilon: 0, weight: false });
    const tape = newTape();
    const x = tape.constant([1, 7], [1, 2]);
    expect([...layerNorm.forward(tape, x).toArray()]).toEqual([-1, 10]);
    // divided by the root of (1 + 49)/2
    const [first, second] = rmsNorm.forward(tape, x).toArray();
    expect(first).toBeCloseTo(1 / 5, 12);
    expect(second).toBeCloseTo(7 / 5, 12);
    expect(store.names).toEqual(["ln.weight"]);
  });

  test("feed-forward, plain and gated", () => {
    const options = { hiddenSize: 1, intermediateSize: 1, activation: "relu2", bias: false } as const;
    const tape = newTape();
    const x = tape.constant([3], [1, 1]);
    const plain = new Mlp(new ParameterStore(device), "m", options);
    device.write(plain.up.weight.storage, [2]);
    device.write(plain.down.weight.storage, [0.5]);
    expect([...plain.forward(tape, x).toArray()]).toEqual([18]); // (3·2)² / 2
    const gated = new GatedMlp(new ParameterStore(device), "m", options);
    device.write(gated.gate.weight.storage, [2]);
    device.write(gated.up.weight.storage, [-1]);
    device.write(gated.down.weight.storage, [0.5]);
    expect([...gated.forward(tape, x).toArray()]).toEqual([-54]); // (3·2)² · −3 / 2
  });
});

test("a cache counts its steps and refuses what does not fit", () => {
  const cache = KvCache.create(device, { batch: 2, capacity: 5, layers: 3, keyValueHeads: 2, headSize: 4 });
  expect(cache.layers.map(({ keys }) => keys.shape)).toEqual(Array.from({ length: 3 }, () => [2, 5, 2, 4]));
  cache.advance(3);
  expect(() => cache.advance(3)).toThrow(/at most 5 tokens in the cache, got 3 \+ 3/);
  expect(cache.length).toBe(3);
  cache.truncate(1);
  cache.advance(4);
  cache.reset();
  expect(cache.length).toBe(0);
  for (const length of [-1, 1, 0.5]) expect(() => cache.truncate(length)).toThrow(NuwaError);
  cache.release();
});
