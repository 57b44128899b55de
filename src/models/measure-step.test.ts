import { describe, expect, test } from "vitest";
import { createOptimizer, optimizerSettings } from "../optim/index.ts";
import { createDevice, nativeAvailable, Tape } from "../tensor/index.ts";
import { createCpuDevice } from "../tensor/cpu/device.ts";
import { classic } from "../../test/helpers/models.ts";
import { createCausal } from "./causal-model.ts";
import { measureStep } from "./measure-step.ts";
import { architectureOfPreset, resolveArchitecture } from "./section.ts";

const adamw = optimizerSettings.parse({ name: "adamw" });

describe("measureStep", () => {
  test("counts the parameters of GPT-2 (124,439,808) and LLaMA 7B (6,738,415,616)", () => {
    const gpt2 = architectureOfPreset("gpt2");
    const step = measureStep(gpt2, { B: 1, T: 1024, optimizer: adamw });
    expect(step.parameters).toBe(124_439_808);
    // weights, gradients and two moments, 4 bytes each, and next to nothing else
    expect(step.persistentBytes / (16 * step.parameters)).toBeCloseTo(1, 3);
    // 6 FLOPs a weight and token in matrices (Kaplan et al. 2020), plus causal attention: 6·L·T·C a token
    const perToken = 6 * (124_439_808 - 1024 * 768) + 6 * 12 * 1024 * 768;
    expect(step.flopsPerStep / (1024 * perToken)).toBeGreaterThan(0.98);
    expect(step.flopsPerStep / (1024 * perToken)).toBeLessThan(1.1);

    const llama = architectureOfPreset("llama-7b");
    const forward = measureStep(llama, { B: 1, T: 128 });
    expect(forward.parameters).toBe(6_738_415_616);
    expect(forward.persistentBytes / (4 * forward.parameters)).toBeCloseTo(1, 2);
  });

  test("a larger batch takes more activations and the same state; more micro-batches only time", () => {
    const architecture = resolveArchitecture({ vocab_size: 1000 });
    const one = measureStep(architecture, { B: 2, T: 64, optimizer: adamw });
    const twice = measureStep(architecture, { B: 4, T: 64, optimizer: adamw });
    const two = measureStep(architecture, { B: 2, T: 64, optimizer: adamw, microBatches: 2 });
    expect(twice.persistentBytes).toBe(one.persistentBytes);
    expect(twice.arenaPeakBytes).toBeGreaterThan(1.8 * one.arenaPeakBytes);
    expect(two.totalBytes).toBe(one.totalBytes);
    expect(two.flopsPerStep).toBeGreaterThan(1.8 * one.flopsPerStep);
    const running = measureStep(architecture, { B: 2, T: 64 });
    expect(running.arenaPeakBytes).toBeLessThan(one.arenaPeakBytes);
  });

  test("activation checkpointing: one more forward of the layers, and of their activations one layer's only", () => {
    const shape = { ...classic, vocab_size: 64, num_hidden_layers: 12, hidden_size: 64 };
    const architecture = resolveArchitecture({ ...shape, num_attention_heads: 4, max_position_embeddings: 256 });
    const options = { B: 4, T: 256, optimizer: adamw };
    const kept = measureStep(architecture, options);
    const again = measureStep(architecture, { ...options, checkpointing: true });
    expect(again.persistentBytes).toBe(kept.persistentBytes);
    const forward = measureStep(architecture, { B: 4, T: 256 });
    expect(again.flopsPerStep / (kept.flopsPerStep + forward.flopsPerStep)).toBeCloseTo(1, 1);
    // 12 inputs of layers (1 MB / 4 each), and what one layer makes
    const layerInput = 4 * 256 * 64 * 4;
    expect(again.arenaPeakBytes).toBeLessThan((12 + 24) * layerInput);
    expect(kept.arenaPeakBytes).toBeGreaterThan(12 * 12 * layerInput);
  });

  test.skipIf(!nativeAvailable().available)(
    "predicts what the cpu device's arena takes, to the byte (needs the native kernels)",
    () => {
      const architecture = resolveArchitecture({ vocab_size: 300, num_hidden_layers: 2, hidden_size: 32 });
      const device = createDevice("cpu");
      const arena = device.createArena();
      const model = createCausal(architecture, device);
      const optimizer = createOptimizer(adamw, model.parameters);
      const tape = new Tape({ device, arena, recording: true, training: true });
      const ids = new Int32Array(3 * 20);
      const tokens = tape.constant(ids, [3, 20], "int32");
      const { loss } = model.loss(tape, { tokens, targets: tape.constant(ids, [3, 20], "int32") }, { normalizer: 60 });
      tape.backward(loss);
      const predicted = measureStep(architecture, { B: 3, T: 20, optimizer: adamw });
      expect(arena.peakBytes).toBe(predicted.arenaPeakBytes);
      optimizer.release();
      device.dispose();
    },
  );

  test.skipIf(!nativeAvailable().available)(
    "predicts what kernels keep for themselves within a fifth (needs the native kernels)",
    () => {
      const architecture = resolveArchitecture({
        vocab_size: 3000,
        num_hidden_layers: 1,
        hidden_size: 256,
        num_attention_heads: 4,
      });
      const device = createCpuDevice({ threads: 2 });
      const arena = device.createArena();
      const model = createCausal(architecture, device);
      const tape = new Tape({ device, arena, recording: true, training: true });
      const ids = new Int32Array(4 * 256);
      const [tokens, targets] = [tape.constant(ids, [4, 256], "int32"), tape.constant(ids, [4, 256], "int32")];
      tape.backward(model.loss(tape, { tokens, targets }, { normalizer: 1024 }).loss);
      const { scratchBytes } = measureStep(architecture, { B: 4, T: 256, optimizer: adamw });
      expect(device.scratchBytes / scratchBytes).toBeGreaterThan(0.8);
      expect(device.scratchBytes / scratchBytes).toBeLessThan(1.2);
      device.dispose();
    },
  );
});
