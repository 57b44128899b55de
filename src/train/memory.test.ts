import { expect, it } from "vitest";
import { type CausalModel, createCausal, requireCausal, resolveArchitecture } from "../models/index.ts";
import { optimizerSettings } from "../optim/index.ts";
import { NuwaError } from "../text/errors.ts";
import { causalLoss } from "./objectives/causal-loss.ts";
import { type ModelPlan, trainedModel } from "./objectives/models.ts";
import { outlineArray } from "./objectives/objective.ts";
import { createDialogueObjective, sftSettings } from "./objectives/dialogue.ts";
import { measureTraining, memoryLimit, requireMemory, requireTrainingMemory } from "./memory.ts";

const GiB = 2 ** 30;
/** 1 GiB of weights, half a GiB a sequence. */
const predict = (batch: number): number => GiB + (batch * GiB) / 2;

function refusal(batch: number, available: number, checkpointed?: (batch: number) => number): NuwaError {
  try {
    requireMemory({ predict, checkpointed }, batch, available);
  } catch (error) {
    if (error instanceof NuwaError) return error;
  }
  throw new Error("was not refused");
}

it("lets through what fits, to the byte", () => {
  expect(() => requireMemory({ predict }, 6, 4 * GiB)).not.toThrow();
});

it("says what is needed, what there is, and the largest batch that fits", () => {
  const error = refusal(16, 4 * GiB);
  expect(error.code).toBe("MEMORY");
  expect(error.message).toBe("a batch of 16 needs about 9.00 GiB of memory, and 4.00 GiB are available");
  expect(error.hint).toBe("batch: 6 would fit; accumulate: 3 then learns about the same");
});

it("says so when not even one sequence fits", () => {
  expect(refusal(2, GiB).hint).toMatch(/even batch: 1 does not fit \(1.50 GiB\)/);
});

it("suggests activation checkpointing where that makes more fit", () => {
  const checkpointed = (batch: number): number => GiB + (batch * GiB) / 8;
  expect(refusal(16, 4 * GiB, checkpointed).hint).toBe(
    "batch: 6 would fit; accumulate: 3 then learns about the same; or activation_checkpointing: true would fit, a third slower",
  );
  expect(refusal(32, 4 * GiB, checkpointed).hint).toContain("true would fit with batch: 24");
  expect(refusal(2, 1.2 * GiB, checkpointed).hint).toBe(
    "activation_checkpointing: true would fit with batch: 1, a third slower",
  );
  expect(refusal(2, GiB, checkpointed).hint).toContain(
    "even batch: 1 with activation_checkpointing: true does not fit (1.13 GiB)",
  );
});

it("knows what a model takes: weights, gradients and moments at least, activations less with checkpointing", () => {
  const architecture = resolveArchitecture({ vocab_size: 1000, num_hidden_layers: 8, max_position_embeddings: 512 });
  const long = Array.from({ length: 513 }, (_, i) => i);
  const training = [{ ids: long, weights: long }];
  const settings = { ...sftSettings.parse({}), context: 512 };
  const objective = createDialogueObjective(trainedModel(architecture), { training, validation: undefined }, settings);
  const sizes = { batch: 8, optimizer: optimizerSettings.parse({ name: "adamw" }) };
  const limit = 192 * 2 ** 20;
  expect(() => requireTrainingMemory(objective, { ...sizes, activation_checkpointing: false }, limit)).toThrow(
    "a batch of 8",
  );
  expect(() => requireTrainingMemory(objective, { ...sizes, activation_checkpointing: true }, limit)).not.toThrow();
});

it("counts every model that an objective names: one more that is only read is its weights, one more that is trained all", () => {
  const architecture = resolveArchitecture({ vocab_size: 1000, num_hidden_layers: 4, max_position_embeddings: 64 });
  const plan = trainedModel(architecture);
  const read: ModelPlan<CausalModel> = {
    ...plan,
    trained: false,
    create: (device, seed) => createCausal(architecture, device, { seed, trainable: false }),
  };
  const measured = (others: Readonly<Record<string, ModelPlan<CausalModel>>>) =>
    measureTraining(
      {
        models: { model: plan, ...others },
        outline: (rows) => ({
          B: rows,
          T: 8,
          tokens: outlineArray(rows * 8),
          targets: outlineArray(rows * 8),
          normalizer: 1,
        }),
        loss: (tape, models, batch) => ({
          loss: causalLoss(tape, requireCausal(models["model"] ?? never()), batch).loss,
        }),
      },
      { batch: 2, optimizer: optimizerSettings.parse({ name: "adamw" }), activation_checkpointing: false },
    );
  const alone = measured({});
  const weights = 4 * alone.parameters;
  const [reference, second] = [measured({ reference: read }), measured({ second: plan })];
  expect(reference.parameters).toBe(alone.parameters);
  const within = (bytes: number, expected: number) => expect(Math.abs(bytes / expected - 1)).toBeLessThan(0.05);
  within(reference.totalBytes - alone.totalBytes, weights);
  expect(second.parameters).toBe(2 * alone.parameters);
  within(second.totalBytes - alone.totalBytes, 4 * weights); // weights, gradients, two moments
});

function never(): never {
  throw new Error("expected the model");
}

it("knows this machine's limit", () => {
  expect(memoryLimit()).toBeGreaterThan(2 ** 28);
});
