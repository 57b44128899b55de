import { expect, test } from "vitest";
import { ParameterStore } from "../nn/index.ts";
import { type Device, PhiloxStream, ReferenceDevice } from "../tensor/index.ts";
import { AdamW } from "./adamw.ts";
import { createOptimizer, optimizerSettings } from "./registry.ts";

/** A store of five parameters with gradients, one of them odd-sized, as a model makes it. */
function makeStore(device: Device): ParameterStore {
  const store = new ParameterStore(device);
  store.parameter("norm", [5], "vector");
  store.parameter("up", [3, 7], "matrix");
  store.parameter("bias", [3], "vector");
  store.parameter("tokens", [4, 5], "embedding");
  store.parameter("down", [7, 3], "matrix");
  const random = new PhiloxStream(4);
  for (const parameter of store) {
    for (const storage of [parameter.storage, parameter.grad.storage]) {
      device.write(
        storage,
        Array.from({ length: parameter.length }, () => random.normal()),
      );
    }
    parameter.gradReady = true;
  }
  return store;
}

const values = (store: ParameterStore): number[][] => [...store].map((parameter) => [...parameter.toArray()]);

test("parameters and gradients of a model are slices of one buffer each, by kind, on cache lines", () => {
  const store = makeStore(new ReferenceDevice());
  const order = [...store].toSorted((a, b) => (a.range?.start ?? 0) - (b.range?.start ?? 0));
  expect(order.map(({ name }) => name)).toEqual(["up", "down", "tokens", "norm", "bias"]);
  expect([...store].map(({ name }) => name)).toEqual(["norm", "up", "bias", "tokens", "down"]);
  const buffers = new Set([...store].map(({ range }) => range?.buffers));
  expect(buffers.size).toBe(1);
  let next = 0;
  for (const { range, length } of order) {
    expect(range?.start).toBe(next);
    expect((range?.length ?? 0) % 16).toBe(0);
    expect(range?.length).toBeGreaterThanOrEqual(length);
    next += range?.length ?? 0;
  }
  const [whole] = buffers;
  expect(whole?.values.length).toBe(next);
  expect(whole?.gradients?.length).toBe(next);
});

test("a group of neighbours is one kernel call; a parameter without a gradient is left out of it", () => {
  const device = new ReferenceDevice();
  const lengths: number[] = [];
  const { adamW } = device;
  Object.defineProperty(device, "adamW", {
    value: (...args: Parameters<Device["adamW"]>) => {
      lengths.push(args[0].length);
      adamW(...args);
    },
  });
  const store = makeStore(device);
  const optimizer = createOptimizer(optimizerSettings.parse({ name: "adamw" }), store);
  optimizer.step({ learningRateScale: 1 });
  // up, down and tokens (32 + 32 + 20), then norm and bias (16 + 3)
  expect(lengths.splice(0)).toEqual([84, 19]);
  for (const parameter of store) parameter.gradReady = parameter.name !== "down";
  const before = [...store.byName("down").toArray()];
  optimizer.step({ learningRateScale: 1 });
  expect(lengths).toEqual([21, 20, 19]);
  expect([...store.byName("down").toArray()]).toEqual(before);
});

test.each(["adamw", "lion", "sgd", "muon", "adafactor"])("%s: the same bits alone and among neighbours", (name) => {
  const [together, alone] = [makeStore(new ReferenceDevice()), makeStore(new ReferenceDevice())];
  const settings = optimizerSettings.parse({ name });
  const whole = createOptimizer(settings, together);
  const single = [...alone].map((parameter) => createOptimizer(settings, [parameter]));
  for (let step = 0; step < 3; step++) {
    for (const store of [together, alone]) for (const parameter of store) parameter.gradReady = true;
    whole.step({ learningRateScale: 1 });
    for (const optimizer of single) optimizer.step({ learningRateScale: 1 });
  }
  expect(values(together)).toEqual(values(alone));
  const state = [...whole.state()].map(([key, tensor]): [string, number[]] => [key, [...tensor.toArray()]]);
  const states = single.flatMap((optimizer) => [...optimizer.state()]);
  expect(new Map(state)).toEqual(new Map(states.map(([key, tensor]) => [key, [...tensor.toArray()]])));
});

test("parameters made after the first was used get a buffer of their own, and are stepped over all the same", () => {
  const store = makeStore(new ReferenceDevice());
  const late = store.parameter("late", [2, 2], "matrix");
  store.device.fill(late.grad.storage, 1);
  late.gradReady = true;
  expect(late.range?.buffers).not.toBe(store.byName("up").range?.buffers);
  const optimizer = new AdamW([{ parameters: [...store], learningRate: 0.5, weightDecay: 0 }], {
    beta1: 0.9,
    beta2: 0.9,
    epsilon: 0,
  });
  optimizer.step({ learningRateScale: 1 });
  for (const value of late.toArray()) expect(value).toBeCloseTo(-0.5, 12);
  store.release();
  expect(() => store.byName("late")).toThrow(/no parameter/);
});
