import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { clipByGlobalNorm, createOptimizer, optimizerSettings } from "../optim/index.ts";
import { createDevice, nativeAvailable, Tape } from "../tensor/index.ts";
import { loadModel } from "./checkpoint/checkpoint.ts";
import { gather } from "./checkpoint/layout.ts";
import { SafetensorsFile } from "./checkpoint/safetensors.ts";

/** Models and numbers by PyTorch and transformers: see transformers_models.py there. */
const fixtures = join(import.meta.dirname, "../../test/fixtures");
const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);
const [B, T] = [2, 9];

/** Largest difference between two tensors, as a share of the largest value of the expected one. */
function relativeError(got: ArrayLike<number>, expected: Float32Array): number {
  expect(got.length).toBe(expected.length);
  const size = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-12);
  return expected.reduce((max, value, i) => Math.max(max, Math.abs(value - (got[i] ?? Number.NaN))), 0) / size;
}

describe.each(names)("on %s", (deviceName) => {
  const device = createDevice(deviceName);
  const arena = device.createArena();
  afterAll(() => device.dispose());

  test.each(["gpt2", "llama"])("%s from transformers gives its logits, loss and gradients", async (name) => {
    const file = await SafetensorsFile.open(join(fixtures, "models", name, "expected.safetensors"));
    const model = await loadModel(join(fixtures, "models", name), device);
    const tape = new Tape({ device, arena, recording: true, training: false });
    const tokens = tape.constant(await file.read("tokens"), [B, T], "int32");
    const targets = tape.constant(await file.read("targets"), [B, T], "int32");
    const logits = model.logits(tape, model.hidden(tape, tokens)).toArray();
    expect(relativeError(logits, await file.read("logits"))).toBeLessThan(1e-5);

    const { loss } = model.loss(tape, { tokens, targets }, { normalizer: B * T });
    expect(relativeError(loss.toArray(), await file.read("loss"))).toBeLessThan(1e-6);
    tape.backward(loss);
    const [format] = model.architecture.formats;
    expect(format?.modelType).toBe(name);
    for (const stored of format?.tensors(model.parameters) ?? []) {
      const gradient = await gather(stored, (parameter) => parameter.grad);
      const error = relativeError(gradient, await file.read(`gradient.${stored.name}`));
      expect(error, stored.name).toBeLessThan(1e-4);
    }
    arena.reset();
    await file.close();
    model.release();
  });

  test("ten AdamW steps on gpt2 give PyTorch's losses and gradient norms", async () => {
    const folder = join(fixtures, "models/gpt2");
    const file = await SafetensorsFile.open(join(folder, "expected.safetensors"));
    const model = await loadModel(folder, device);
    const optimizer = createOptimizer(
      optimizerSettings.parse({ name: "adamw", learning_rate: 0.01, weight_decay: 0.1 }),
      model.parameters,
    );
    const [ids, next] = [await file.read("tokens"), await file.read("targets")];
    const losses: number[] = [];
    const norms: number[] = [];
    for (let step = 0; step < 10; step++) {
      // dropout is off in the fixture
      const tape = new Tape({ device, arena, recording: true, training: false });
      const tokens = tape.constant(ids, [B, T], "int32");
      const targets = tape.constant(next, [B, T], "int32");
      const { loss } = model.loss(tape, { tokens, targets }, { normalizer: B * T });
      tape.backward(loss);
      const { norm, scale } = clipByGlobalNorm(device, arena, model.parameters, { maxNorm: 1 });
      optimizer.step({ learningRateScale: 1, gradientScale: scale });
      losses.push(loss.toArray()[0] ?? Number.NaN);
      norms.push((await device.read(norm))[0] ?? Number.NaN);
      arena.reset();
    }
    expect(relativeError(losses, await file.read("adamw.losses"))).toBeLessThan(1e-4);
    expect(relativeError(norms, await file.read("adamw.norms"))).toBeLessThan(1e-4);
    await file.close();
    optimizer.release();
    model.release();
  });
});
