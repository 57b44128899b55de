import type { z } from "zod";
import type { Families } from "../../models/index.ts";
import { NuwaError } from "../../text/errors.ts";
import { Registry } from "../../text/registry.ts";
import type { Tokenizer } from "../../tokenizer/index.ts";
import type { TrainJob } from "../job.ts";
import {
  builtInChoices,
  type TrainingChoices,
  type TrainingKeys,
  trainingKeysOf,
  type TrainSettings,
} from "../settings.ts";
import type { Objective, StepOutline } from "./objective.ts";

/** What an objective may open its data with. */
export interface PrepareContext {
  /** Its paths, among them the outputs of the stages that it reads. */
  readonly job: TrainJob;
  readonly tokenizer: Tokenizer;
  /** The families of models that there are. */
  readonly families: Families;
}

/** What an objective is, before its data is there. @typeParam S its recipe section, as resolved */
export interface ObjectiveOptions<S extends TrainSettings> {
  /** What is learned: `next-token`. */
  readonly name: string;
  /** Its recipe section, its command and the stage of its checkpoints: `pretrain`. By default the name. */
  readonly stage?: string;
  /** Goes up when the same settings and data give other weights than before. */
  readonly version: number;
  /** The recipe section, from the keys that all of them share, and the families of models that there are. */
  schema(keys: TrainingKeys, families: Families): z.ZodType<S>;
  /** Of the section and of the command: one sentence without a full stop. */
  readonly description: string;
  /** Stages of a recipe whose output it reads, beside the model it begins with. */
  reads(settings: S): readonly string[];
  /** `required`: it goes on with the model of `init`, or of the training stage before it. `optional`: it may be fresh. */
  readonly init: "optional" | "required";
  /** What a checkpoint holds. Chat, evaluation and the training stages after it go on with the last causal model. */
  readonly model: "causal" | "scalar";
  /** Length of a run whose recipe gives none. */
  readonly defaultLength: { readonly steps: number } | { readonly epochs: number };
  /**
   * Values that a released run's checkpoint stands for where it lacks a key, because the key is newer. Keys that decide
   * nothing for these settings too.
   */
  implied?(settings: S): Readonly<Record<string, unknown>>;
  /** What is known of a step from the settings alone, to refuse what cannot fit this machine before the data is made. */
  outline?(settings: S, families: Families): StepOutline | undefined;
  /** The section of the report. */
  readonly report: { readonly title: string; readonly lead: string };
  /**
   * Opens and checks all its files, before any memory is taken.
   *
   * @throws NuwaError DATA, FILE, CHECKPOINT or VALUE for files and settings that cannot be trained with
   */
  prepare(settings: S, context: PrepareContext): Promise<Objective>;
}

/** An objective whose settings are still unchecked data: what a registry holds. */
export interface ObjectiveDefinition extends Omit<
  ObjectiveOptions<TrainSettings>,
  "stage" | "schema" | "reads" | "implied" | "outline" | "prepare"
> {
  readonly stage: string;
  readonly schema: z.ZodType<TrainSettings>;
  /** The same, whose section chooses from these families, optimizers, schedules and devices. */
  with(choices: TrainingChoices): ObjectiveDefinition;
  /** @throws NuwaError VALUE where they are not settings of this objective */
  settings(values: unknown): TrainSettings;
  reads(values: unknown): readonly string[];
  implied(values: unknown): Readonly<Record<string, unknown>>;
  outline(values: unknown): StepOutline | undefined;
  prepare(context: Omit<PrepareContext, "families">): Promise<Objective>;
}

/**
 * Defines an objective. Put into the registry, it has a recipe section, a command, a stage that resumes, and its place
 * in the report.
 *
 * @example
 * export const dpo = defineObjective({
 *   name: "dpo",
 *   version: 1,
 *   schema: (keys) => z.strictObject({ ...keys, beta: z.number().default(0.1).describe("Pull to the reference.") }),
 *   …
 * });
 */
export function defineObjective<S extends TrainSettings>(options: ObjectiveOptions<S>): ObjectiveDefinition {
  return defineWith(options, builtInChoices);
}

function defineWith<S extends TrainSettings>(
  options: ObjectiveOptions<S>,
  choices: TrainingChoices,
): ObjectiveDefinition {
  const { name, stage = name } = options;
  const { families } = choices;
  const schema = options.schema(trainingKeysOf(choices), families);
  const parse = (values: unknown): S => {
    const { success, data, error } = schema.safeParse(values);
    if (success) return data;
    const [issue] = error.issues;
    const where = [stage, ...(issue?.path ?? [])].join(".");
    throw new NuwaError("VALUE", issue?.message ?? "not settings of this objective", { where, cause: error });
  };
  return {
    ...options,
    stage,
    schema,
    with: (more) => defineWith(options, more),
    settings: parse,
    reads: (values) => options.reads(parse(values)),
    implied: (values) => options.implied?.(parse(values)) ?? {},
    outline: (values) => options.outline?.(parse(values), families),
    prepare: (context) => options.prepare(parse(context.job.settings), { ...context, families }),
  };
}

/** Whether a plugin's value was made by {@link defineObjective}. */
export function isObjectiveDefinition(value: unknown): value is ObjectiveDefinition {
  return (
    typeof value === "object" &&
    value !== null &&
    ["name", "stage", "description"].every((key) => typeof Reflect.get(value, key) === "string") &&
    ["settings", "reads", "prepare", "with"].every((key) => typeof Reflect.get(value, key) === "function")
  );
}

/** The objective of a stage. @throws NuwaError VALUE with the nearest name when no objective has it */
export function objectiveOfStage(objectives: Iterable<ObjectiveDefinition>, stage: string): ObjectiveDefinition {
  const byStage = [...objectives].map((definition) => ({ name: definition.stage, definition }));
  return new Registry("training stage", byStage).get(stage).definition;
}
