import { z } from "zod";
import { modelSectionSchema } from "../models/index.ts";
import { optimizerSettings, scheduleSettings } from "../optim/index.ts";
import { deviceChoices } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";

const count = z.int().positive();
const interval = z.int().min(0);

/** What both kinds of training share. */
const shared = {
  batch: count.default(16).describe("Sequences in one micro-batch: what memory has to hold at once."),
  accumulate: count
    .default(1)
    .describe("Micro-batches in one update. 4 of 8 sequences learn what 1 of 32 would, in a quarter of the memory."),
  activation_checkpointing: z
    .boolean()
    .default(false)
    .describe("Compute each layer's activations again in backward: a third more time, far less memory, same weights."),
  schedule: scheduleSettings
    .prefault({ name: "cosine", warmup_steps: 100 })
    .describe("How the learning rate changes over the run."),
  clip: z.number().positive().default(1).describe("Largest global norm of the gradients; larger ones are scaled down."),
  seed: z.int().min(0).default(1).describe("Fresh weights, order of the data and dropout all come from it."),
  device: z
    .enum(deviceChoices())
    .default("auto")
    .describe("cpu: native kernels. reference: plain TypeScript, slow. auto: cpu where it is built."),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("float32")
    .describe(
      "bfloat16 rounds what goes into matrix products: twice as fast where the processor has instructions for it.",
    ),
  threads: count.optional().describe("Threads of the cpu device; by default one a core. Changes speed, never results."),
  eval_every: interval.default(250).describe("Steps between evaluations on held-out data; 0 for only after the last."),
  sample_every: interval.default(250).describe("Steps between samples of the model's writing; 0 for none."),
  sample_tokens: count.default(100).describe("Length of a sample, in tokens."),
  sample_temperature: z.number().min(0).default(0.8).describe("Temperature of samples; 0 for the likeliest token."),
  checkpoint_every: interval.default(500).describe("Steps between checkpoints; 0 for only at the best and the last."),
  keep: count.default(2).describe("How many of the newest checkpoints to keep; the best is kept beside them."),
  log_every: count.default(10).describe("Steps between lines of progress where there is no live display."),
};

const sizes = {
  steps: count.optional().describe("Length of the run in updates. Give one of steps, tokens, epochs."),
  tokens: count.optional().describe("Length of the run in training tokens."),
  epochs: z.number().positive().optional().describe("Length of the run in passes over the training data."),
};

const oneLength = (settings: {
  steps?: number | undefined;
  tokens?: number | undefined;
  epochs?: number | undefined;
}) => [settings.steps, settings.tokens, settings.epochs].filter((value) => value !== undefined).length <= 1;
const oneLengthMessage = { error: "expected one of steps, tokens and epochs, got several" };

/** Settings of the `pretrain` section of a recipe. */
export const pretrainSettings = z
  .strictObject({
    model: modelSectionSchema()
      .prefault({})
      .describe("Shape of the model; its vocabulary comes from the tokenizer and its context from the key below."),
    context: count.default(256).describe("Tokens that the model sees at once."),
    ...sizes,
    optimizer: optimizerSettings.prefault({ name: "muon" }).describe("How weights are changed by their gradients."),
    dropout: z.number().min(0).lt(1).default(0).describe("Share of activations dropped in training."),
    ...shared,
    eval_tokens: count.default(131_072).describe("Most held-out tokens to score in an evaluation; fewer are all used."),
    sample_prompts: z.array(z.string()).default([""]).describe("What samples begin with; empty for a new document."),
  })
  .refine(oneLength, oneLengthMessage);

/** Settings of the `sft` section of a recipe. */
export const sftSettings = z
  .strictObject({
    context: count.optional().describe("Longest dialogue in tokens; by default the model's own context."),
    ...sizes,
    optimizer: optimizerSettings
      .prefault({ name: "adamw", learning_rate: 3e-4, weight_decay: 0.01 })
      .describe("How weights are changed by their gradients."),
    dropout: z.number().min(0).lt(1).optional().describe("Share of activations dropped; by default as pretrained."),
    packing: z
      .boolean()
      .default(false)
      .describe("Several dialogues in one row: faster for short ones, but an answer then also sees its neighbours."),
    ...shared,
    schedule: scheduleSettings
      .prefault({ name: "linear", warmup_steps: 20, final_ratio: 0 })
      .describe("How the learning rate changes over the run."),
    eval_tokens: count.default(131_072).describe("Most held-out tokens to score in an evaluation; fewer are all used."),
    sample_prompts: z.array(z.string()).default([]).describe("Questions to ask the model while it trains."),
  })
  .refine(oneLength, oneLengthMessage);

export type PretrainSettings = z.output<typeof pretrainSettings>;
export type SftSettings = z.output<typeof sftSettings>;
export type TrainSettings = PretrainSettings | SftSettings;

/** Used where a recipe gives no length. */
const DEFAULT_STEPS = 2000;
const DEFAULT_SFT_EPOCHS = 3;

/** The run's length in updates. @param tokensPerStep without padding, as far as it is known beforehand */
export function totalSteps(
  settings: TrainSettings,
  data: { readonly stepsPerEpoch: number; readonly tokensPerStep: number },
): number {
  if (settings.steps !== undefined) return settings.steps;
  if (settings.tokens !== undefined) return Math.max(1, Math.ceil(settings.tokens / data.tokensPerStep));
  const epochs = settings.epochs ?? ("model" in settings ? undefined : DEFAULT_SFT_EPOCHS);
  return epochs === undefined ? DEFAULT_STEPS : Math.max(1, Math.ceil(epochs * data.stepsPerEpoch));
}

/** Settings that change how a run is watched or how fast it goes, but not one bit of its weights. */
const harmless = new Set<string>([
  "threads",
  "activation_checkpointing", // the gradients have the same bits
  "device", // compared as resolved: "auto" and what it chose are the same
  "eval_every",
  "eval_tokens",
  "sample_every",
  "sample_tokens",
  "sample_temperature",
  "sample_prompts",
  "checkpoint_every",
  "keep",
  "log_every",
]);

/** Key paths and values of all that decides a run's weights: `optimizer.learning_rate` → 0.02. */
export function decisiveSettings(settings: TrainSettings, more: Readonly<Record<string, unknown>>): Decisive {
  const flat: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, below] of Object.entries(value)) visit(below, path === "" ? key : `${path}.${key}`);
    } else if (value !== undefined) flat[path] = JSON.stringify(value);
  };
  for (const [key, value] of Object.entries(settings)) if (!harmless.has(key)) visit(value, key);
  visit(more, "");
  return flat;
}

export type Decisive = Readonly<Record<string, string>>;

/**
 * A run can only go on with what it began with.
 * @throws NuwaError TRAINING naming each key that changed, with both values
 */
export function requireSameSettings(before: Decisive, now: Decisive, checkpoint: string): void {
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((key) => before[key] !== now[key])
    .toSorted();
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} (${before[key] ?? "unset"} before, ${now[key] ?? "unset"} now)`).join(", ");
  throw new NuwaError("TRAINING", `cannot go on from this checkpoint with other settings: ${list}`, {
    where: checkpoint,
    hint: "set them back to resume, or train into another folder",
  });
}
