import { z } from "zod";
import { type Plugin, withPlugins } from "../io/plugins.ts";
import { type Families, families, familiesWith } from "../models/index.ts";
import {
  isOptimizerDefinition,
  isScheduleDefinition,
  type OptimizerDefinition,
  optimizers,
  optimizerSchema,
  type ScheduleDefinition,
  schedules,
  scheduleSchema,
} from "../optim/index.ts";
import { deviceChoices, type DeviceDefinition, devices, isDevice } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Registry } from "../text/registry.ts";

const count = z.int().positive();
const interval = z.int().min(0);

/** What a training section chooses from by name. */
export interface TrainingChoices {
  readonly families: Families;
  readonly optimizers: Registry<OptimizerDefinition>;
  readonly schedules: Registry<ScheduleDefinition>;
  readonly devices: Registry<DeviceDefinition>;
}

/** The optimizers and schedules that come with Nuwa. */
export const builtInChoices: TrainingChoices = { families, optimizers, schedules, devices };

/** With those of plugins. @throws NuwaError VALUE for a plugin's value that is no such definition, or whose name is taken */
export function choicesWith(plugins: readonly Plugin[]): TrainingChoices {
  return {
    families: familiesWith(plugins),
    optimizers: withPlugins(optimizers, "optimizers", plugins, isOptimizerDefinition),
    schedules: withPlugins(schedules, "schedules", plugins, isScheduleDefinition),
    devices: withPlugins(devices, "devices", plugins, isDevice),
  };
}

/** The keys that every training section has, in the order of `--print-recipe`. An objective may give some others' defaults. */
export const trainingKeysOf = (choices: TrainingChoices) => ({
  init: z
    .string()
    .optional()
    .describe("Model directory or run to begin with: its weights, its shape and its tokenizer."),
  steps: count.optional().describe("Length of the run in updates. Give one of steps, tokens, epochs."),
  tokens: count.optional().describe("Length of the run in training tokens."),
  epochs: z.number().positive().optional().describe("Length of the run in passes over the training data."),
  optimizer: optimizerSchema(choices.optimizers)
    .prefault({ name: "adamw" })
    .describe("How weights are changed by their gradients."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe("Share of activations dropped; by default as in the model that it begins with."),
  batch: count.default(16).describe("Sequences in one micro-batch: what memory has to hold at once."),
  accumulate: count
    .default(1)
    .describe("Micro-batches in one update. 4 of 8 sequences learn what 1 of 32 would, in a quarter of the memory."),
  activation_checkpointing: z
    .boolean()
    .default(false)
    .describe("Compute each layer's activations again in backward: a third more time, far less memory, same weights."),
  schedule: scheduleSchema(choices.schedules)
    .prefault({ name: "cosine", warmup_steps: 100 })
    .describe("How the learning rate changes over the run."),
  clip: z.number().positive().default(1).describe("Largest global norm of the gradients; larger ones are scaled down."),
  seed: z.int().min(0).default(1).describe("Fresh weights, order of the data and dropout all come from it."),
  device: z
    .enum(deviceChoices(choices.devices))
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
  eval_tokens: count.default(131_072).describe("Most held-out tokens to score in an evaluation; fewer are all used."),
  sample_prompts: z.array(z.string()).default([]).describe("What samples begin with."),
});

/** The keys that every training stage's section has. */
export type TrainingKeys = ReturnType<typeof trainingKeysOf>;

const trainingSchema = z.strictObject(trainingKeysOf(builtInChoices));

/** What the trainer reads of a section, whatever its objective. */
export type TrainSettings = z.output<typeof trainingSchema>;

/** Keys of which a recipe gives one. */
export const lengthKeys = ["steps", "tokens", "epochs"] as const;

/** How long a run is, in one of three units. */
export type Lengths = Pick<TrainSettings, (typeof lengthKeys)[number]>;

/**
 * For the `refine` of a training section's schema: at most one length.
 * @example schema: (keys) => z.strictObject({ ...keys, beta: z.number() }).refine(hasOneLength, oneLengthMessage)
 */
export const hasOneLength = (settings: Lengths): boolean =>
  lengthKeys.filter((key) => settings[key] !== undefined).length <= 1;
/** What is wrong with settings that give the length of a run more than once. */
export const oneLengthMessage = { error: "expected one of steps, tokens and epochs, got several" };

/**
 * The run's length in updates.
 *
 * @param data.tokensPerStep without padding, as far as it is known beforehand
 * @param byDefault where the settings give none
 */
export function totalSteps(
  settings: Lengths,
  data: { readonly stepsPerEpoch: number; readonly tokensPerStep: number },
  byDefault: Lengths,
): number {
  const isSet = lengthKeys.some((key) => settings[key] !== undefined);
  const { steps, tokens, epochs = 1 } = isSet ? settings : byDefault;
  if (steps !== undefined) return steps;
  if (tokens !== undefined) return Math.max(1, Math.ceil(tokens / data.tokensPerStep));
  return Math.max(1, Math.ceil(epochs * data.stepsPerEpoch));
}

/** Settings that change how a run is watched or how fast it goes, but not one bit of its weights. */
const harmless = new Set<string>([
  ...lengthKeys, // compared as the number of steps that they come to
  "init", // compared by its weights
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

/** Key path to JSON text of all that decides a run's weights. */
export type Decisive = Readonly<Record<string, string>>;

/**
 * Key paths and values of all that decides a run's weights: `optimizer.learning_rate` → 0.02.
 *
 * @param more what decides beside the section
 * @param implied values that stand for a missing key: those are left out
 */
export function decisiveSettings(
  settings: TrainSettings,
  more: Readonly<Record<string, unknown>>,
  implied: Readonly<Record<string, unknown>> = {},
): Decisive {
  const flat: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, below] of Object.entries(value)) visit(below, path === "" ? key : `${path}.${key}`);
    } else if (value !== undefined) flat[path] = JSON.stringify(value);
  };
  for (const [key, value] of Object.entries(settings)) {
    if (!harmless.has(key) && !(key in implied && implied[key] === value)) visit(value, key);
  }
  visit(more, "");
  return flat;
}

/** Whether the settings of two runs differ in their length alone. */
export function differsInLength(before: Decisive, now: Decisive): boolean {
  const changed = changedKeys(before, now);
  return changed.length === 1 && changed[0] === "steps";
}

function changedKeys(before: Decisive, now: Decisive): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((key) => before[key] !== now[key] && !unitsOfLength.has(key))
    .toSorted();
}

/** Of released checkpoints, which have the length as it was asked for beside the number of steps. */
const unitsOfLength = new Set<string>(lengthKeys.filter((key) => key !== "steps"));

/**
 * A run can only go on with what it began with.
 * @throws NuwaError TRAINING naming each key that changed, with both values
 */
export function requireSameSettings(before: Decisive, now: Decisive, checkpoint: string): void {
  const changed = changedKeys(before, now);
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} (${before[key] ?? "unset"} before, ${now[key] ?? "unset"} now)`).join(", ");
  throw new NuwaError("TRAINING", `cannot go on from this checkpoint with other settings: ${list}`, {
    where: checkpoint,
    hint: "set them back to resume, or train into another folder",
  });
}
