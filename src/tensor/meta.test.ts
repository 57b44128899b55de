import { describe, expect, it } from "vitest";

import type { Arena, Device } from "./device.ts";
import { createDevice, nativeAvailable } from "./devices.ts";
import { MetaDevice } from "./meta.ts";
import { attention } from "./ops/attention.ts";
import { activation, add } from "./ops/elementwise.ts";
import { linear } from "./ops/linear.ts";
import { linearCrossEntropy } from "./ops/linear-cross-entropy.ts";
import { layerNorm } from "./ops/norms.ts";
import { reshape } from "./ops/reshape.ts";
import { Tape } from "./tape.ts";
import { Parameter, readNow } from "./tensor.ts";

const [B, T, H, D, V, layers] = [4, 64, 4, 16, 1000, 3];
const C = H * D;

/** Forward, backward and update of a small transformer. */
function trainingStep(device: Device): { arena: Arena; parameters: number } {
  const parameters: Parameter[] = [];
  const parameter = (name: string, ...shape: number[]) => {
    const made = new Parameter(device, name, shape);
    parameters.push(made);
    return made;
  };
  const arena = device.createArena();
  const tape = new Tape({ device, arena, recording: true, training: true });
  const first = parameter("x", B * T, C); // stands in for the embeddings
  const made = Array.from({ length: layers }, (_, i) => ({
    qkv: [0, 1, 2].map((j) => parameter(`${i}.qkv.${j}`, C, C)),
    up: parameter(`${i}.up`, 4 * C, C),
    down: parameter(`${i}.down`, C, 4 * C),
  }));
  let x = add(tape, first, first);
  for (const layer of made) {
    const normed = layerNorm(tape, x, { epsilon: 1e-5 });
    const [q, k, v] = layer.qkv.map((w) => reshape(tape, linear(tape, normed, w), [B, T, H, D]));
    if (q === undefined || k === undefined || v === undefined) throw new Error("three projections");
    x = add(tape, x, reshape(tape, attention(tape, q, k, v, { causal: true }), [B * T, C]));
    x = add(tape, x, linear(tape, activation(tape, linear(tape, x, layer.up), "gelu"), layer.down));
  }
  const head = parameter("head", V, C);
  const targets = tape.constant(
    Array.from({ length: B * T }, () => 1),
    [B * T],
    "int32",
  );
  tape.backward(linearCrossEntropy(tape, x, head, targets, { normalizer: B * T }).loss);
  for (const one of parameters) {
    const [m, v] = [device.allocate("float32", one.length), device.allocate("float32", one.length)];
    const settings = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 1 };
    device.adamW(one.storage, one.grad.storage, m, v, null, settings);
  }
  return { arena, parameters: parameters.reduce((sum, one) => sum + one.length, 0) };
}

describe("MetaDevice", () => {
  it("counts 6 operations a weight and token for the products of a step, and attention's own", () => {
    const device = new MetaDevice();
    trainingStep(device);
    const products = ["linear", "linearBackwardInput", "linearBackwardWeight"];
    const flops = products.reduce((sum, kernel) => sum + (device.kernels.get(kernel)?.flops ?? 0), 0);
    const weights = layers * (3 * C * C + 8 * C * C) + V * C;
    expect(flops).toBe(6 * weights * B * T);
    const pairs = B * H * ((T * (T + 1)) / 2);
    expect(device.kernels.get("attention")).toMatchObject({ calls: layers, flops: layers * 4 * D * pairs });
    expect(device.kernels.get("attentionBackward")?.flops).toBe(layers * 10 * D * pairs);
    expect(device.flops).toBeGreaterThan(flops);
    expect(device.flops).toBeLessThan(1.2 * flops);
    device.resetCounts();
    expect([device.flops, device.kernelCalls]).toEqual([0, 0]);
  });

  it("counts four float32 a parameter with AdamW, and gives back what is released", () => {
    const device = new MetaDevice();
    const { parameters } = trainingStep(device);
    expect(device.persistentBytes).toBe(16 * parameters);
    const extra = device.allocate("int32", 10);
    expect(device.persistentBytes).toBe(16 * parameters + 40);
    device.release(extra);
    device.release(extra);
    expect(device.persistentBytes).toBe(16 * parameters);
    expect(device.peakBytes).toBe(16 * parameters + 40 + device.arenaReservedBytes + device.scratchBytes);
  });

  it.skipIf(!nativeAvailable().available)(
    "predicts the memory of the cpu device to the byte (needs the native kernels)",
    () => {
      const meta = new MetaDevice();
      const cpu = createDevice("cpu", { threads: 1 });
      const [predicted, taken] = [trainingStep(meta).arena, trainingStep(cpu).arena];
      expect(taken.peakBytes).toBe(predicted.peakBytes);
      expect(taken.reservedBytes).toBe(predicted.reservedBytes);
      expect(meta.arenaPeakBytes).toBe(predicted.peakBytes);
      cpu.dispose();
    },
  );

  it("works out a model that no machine here could hold", () => {
    const device = new MetaDevice();
    const arena = device.createArena();
    const tape = new Tape({ device, arena, recording: true, training: true });
    const [rows, width] = [2 ** 20, 12_288]; // GPT-3's width
    const weight = new Parameter(device, "up", [4 * width, width]);
    tape.backward(linear(tape, tape.empty([rows, width], "float32", true), weight));
    expect(device.flops).toBe(6 * rows * width * 4 * width);
    expect(device.persistentBytes).toBe(2 * 4 * 4 * width * width);
    // x and its gradient, the output (here the end itself, so kept) and its gradient
    expect(arena.peakBytes).toBe(4 * rows * width * (1 + 1 + 4 + 4));
  });

  it("reads zeros, of the right kind and length", () => {
    const device = new MetaDevice();
    expect(readNow(device, device.allocate("int32", 2))).toEqual(new Int32Array(2));
    expect(readNow(device, device.allocate("float32", 3).slice(1, 2))).toEqual(new Float32Array(2));
    expect(() => readNow(device, device.allocate("float32", 2 ** 30))).toThrow("holds no numbers");
    expect(() => device.write(device.allocate("float32", 2), [1])).toThrow("1 elements into a storage of 2");
  });
});
