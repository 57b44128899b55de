import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { type CausalModel, resolveArchitecture } from "../models/index.ts";
import { optimizerSettings } from "../optim/index.ts";
import { createDevice, nativeAvailable } from "../tensor/index.ts";
import { causalLoss } from "./objectives/causal-loss.ts";
import { trainedModel, trainedOf } from "./objectives/models.ts";
import { type Batch, type Objective, outlineArray } from "./objectives/objective.ts";
import { Trainer } from "./trainer.ts";

const MiB = 2 ** 20;

/** Collects garbage, so that what is left is held. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc === "function") gc();
}

it.skipIf(!nativeAvailable().available)(
  "1,000 training steps leave resident memory flat (needs the native kernels)",
  async () => {
    const device = createDevice("cpu", { threads: 2 });
    const sizes = { num_hidden_layers: 1, hidden_size: 32, num_attention_heads: 2, max_position_embeddings: 32 };
    const arena = device.createArena();
    const [B, T] = [16, 32];
    const array = outlineArray(B * T);
    const objective: Objective<{ readonly model: CausalModel }> = {
      models: { model: trainedModel(resolveArchitecture({ ...sizes, vocab_size: 64 })) },
      outline: () => ({ B, T, tokens: array, targets: array, normalizer: B * T }),
      loss: (tape, { model }, batch) => ({ loss: causalLoss(tape, model, batch).loss }),
      stepsPerEpoch: 1000,
      endTokens: [],
      fingerprint: "",
      warnings: [],
      close: () => Promise.resolve(),
      // Lengths vary, as those of dialogues do: the arena must find room without growing for ever.
      next: (step: number) => {
        const length = T - (step % 5);
        const tokens = Int32Array.from({ length: B * length }, (_, i) => (step + i * 7) % 64);
        const targets = tokens.map((token) => (token + 7) % 64);
        const batch: Batch = { tokens, targets, B, T: length, normalizer: B * length };
        return Promise.resolve({ batches: [batch], tokens: B * length });
      },
    };
    const schedule = () => 1;
    const models = { model: objective.models.model.create(device, 0) };
    const trained = trainedOf(objective.models, models, optimizerSettings.parse({ name: "muon" }));
    const rates = { schedule, learningRate: 0.01, clip: 1 };
    const trainer = new Trainer({ objective, models, trained, device, ...rates, seed: 1, arena });
    const resident: number[] = [];
    let reserved = 0;
    const losses: number[] = [];
    for (let step = 0; step < 1000; step++) {
      losses.push((await trainer.step(step)).loss);
      if (step === 199) reserved = arena.reservedBytes;
      if (step % 50 === 49) {
        collect();
        resident.push(process.memoryUsage.rss());
      }
    }
    const least = (values: readonly number[]): number => Math.min(...values) / MiB;
    // One leaked activation (16, 32, 32) a step would be 64 KiB · 600 = 37 MiB.
    expect(arena.reservedBytes).toBe(reserved);
    expect(least(resident.slice(16)) - least(resident.slice(4, 8))).toBeLessThan(8);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    device.dispose();
  },
  60_000,
);
