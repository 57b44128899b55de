import { describe, expect, it } from "vitest";

import { checkKernels, kernelNames } from "./checks.ts";
import type { Device, Storage } from "./device.ts";
import { createDevice, nativeAvailable } from "./devices.ts";
import { readNow } from "./tensor.ts";

const names = ["reference", "meta", ...(nativeAvailable().available ? ["cpu"] : [])];

describe.each(names)("kernels of the %s device", (name) => {
  const device = createDevice(name);
  const f = (length: number): Storage => device.allocate("float32", length);
  const i = (length: number): Storage => device.allocate("int32", length);
  const int8 = device.allocateMatrix("int8", 2, 32);

  /** Each would read or write memory of somebody else, or take one kind of number for another. */
  const mistakes: readonly [string, () => void, string][] = [
    ["fill of a matrix", () => device.fill(int8, 1), "fill: expected float32 or int32 for x, got int8"],
    ["copy of a matrix", () => device.copy(f(64), int8), "copy: expected float32 or int32 for x, got int8"],
    ["copy into less", () => device.copy(f(3), f(4)), "copy: expected 4 elements for out, got 3"],
    ["copy into more", () => device.copy(f(5), f(4)), "copy: expected 4 elements for out, got 5"],
    ["copy of ints", () => device.copy(f(4), i(4)), "copy: expected int32 for out, got float32"],
    ["axpby", () => device.axpby(f(4), f(4), 1, f(3), 1), "axpby: expected 4 elements for b, got 3"],
    ["axpby of ints", () => device.axpby(f(4), i(4), 1, f(4), 1), "axpby: expected float32 for a, got int32"],
    ["sum beyond the end", () => device.sum(f(2), 2, f(4)), "sum: expected less than 2 for the index into out, got 2"],
    ["argmax", () => device.argmax(i(2), f(5), 2, 3), "argmax: expected 6 elements for x, got 5"],
    ["argmax into floats", () => device.argmax(f(2), f(6), 2, 3), "argmax: expected int32 for out, got float32"],
    [
      "linear",
      () => device.linear(f(6), f(4), f(5), null, { rows: 2, inputs: 2, outputs: 3 }),
      "linear: expected 6 elements for weight, got 5",
    ],
    ["embedding", () => device.embedding(f(4), f(8), f(2), 2, 2), "embedding: expected int32 for ids, got float32"],
    [
      "crossEntropy",
      () => device.crossEntropy(f(2), f(6), i(1), null, { rows: 2, vocabulary: 3, gradientScale: null }),
      "crossEntropy: expected 2 elements for targets, got 1",
    ],
    [
      "adamW",
      () => {
        const rates = { learningRate: 1, beta1: 0.9, beta2: 0.9, epsilon: 1, weightDecay: 0, step: 1 };
        device.adamW(f(4), f(4), f(4), f(3), null, rates);
      },
      "adamW: expected 4 elements for v, got 3",
    ],
    ["topK", () => device.topK(i(4), f(2), { rows: 1, width: 2 }, 3), "topK: expected at most 2 for the count, got 3"],
  ];

  it.each(mistakes)("refuse %s", (_label, run, message) => {
    expect(run).toThrow(expect.objectContaining({ code: "SHAPE", message }));
  });

  it("take what is right, also through a slice", () => {
    const x = f(6);
    device.fill(x.slice(2, 3), 2);
    device.axpby(x, x, 3, x, 0);
    if (device.capabilities.values) expect([...readNow(device, x)]).toEqual([0, 0, 6, 6, 6, 0]);
  });

  it("release whole storages alone: a part, or an arena's, would take the memory of the rest", () => {
    const x = f(6);
    const arena = device.createArena();
    const inArena = arena.allocate("float32", 4);
    for (const part of [x.slice(0, 6), x.slice(1, 2), inArena]) {
      expect(() => device.release(part)).toThrow(/release: expected a whole storage/);
    }
    expect(() => arena.free(inArena.slice(0, 2))).toThrow();
    expect(() => arena.free(x)).toThrow();
    arena.free(inArena);
    device.fill(x, 1);
    device.release(x);
  });

  it("every one is checked, once", () => {
    const before = Reflect.get(device, "axpby", device);
    checkKernels(device);
    expect(Reflect.get(device, "axpby", device)).toBe(before);
    for (const kernel of kernelNames) expect(Object.hasOwn(device, kernel), kernel).toBe(true);
  });
});

describe.skipIf(!nativeAvailable().available)("a matrix of fewer bits on the cpu (needs the native kernels)", () => {
  it("is read by its own shape alone", () => {
    const device: Device = createDevice("cpu");
    const weight = device.allocateMatrix("int8", 2, 48);
    const x = device.allocate("float32", 32);
    const out = device.allocate("float32", 3);
    expect(() => device.linear(out, x, weight, null, { rows: 1, inputs: 32, outputs: 3 })).toThrow(
      "cpu: expected a int8 matrix (3, 32), got (2, 48)",
    );
    device.dispose();
  });
});
