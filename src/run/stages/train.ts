import { existsSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import type { JsonValue } from "../../text/index.ts";
import { NuwaError } from "../../text/index.ts";
import {
  builtInChoices,
  decisiveSettings,
  lengthKeys,
  type ObjectiveDefinition,
  requireTrainingMemory,
  train,
  type TrainEvent,
  type TrainJob,
  type TrainingChoices,
  type TrainSettings,
} from "../../train/index.ts";
import { hashFile } from "../../io/hash.ts";
import { canonicalJson } from "../../io/json.ts";
import { pluginAddresses } from "../../io/plugins.ts";
import { bytes, count, type Bar, type Progress } from "../progress.ts";
import { findModel, type RunDirectory } from "../manifest/run-directory.ts";
import { defineRecipeStage, type RecipeStage, type StageLinks } from "./recipe-stage.ts";
import { Interrupted } from "../interrupted.ts";
import type { Stage, StageContext, StageOutcome } from "./stage.ts";

/**
 * The list's entry of an objective: a section, a command and a stage that trains and resumes.
 * @param choices what its section chooses from, with plugins' own
 */
export function trainingStage(objective: ObjectiveDefinition, choices: TrainingChoices = builtInChoices): RecipeStage {
  const definition = objective.with(choices);
  return defineRecipeStage({
    name: definition.stage,
    group: "training",
    summary: `${definition.description}.`,
    schema: definition.schema,
    inherits: ["seed", "threads", "device"],
    writesModel: definition.model === "causal",
    report: definition.report,
    with: (more) => trainingStage(definition, more),
    create: (settings, links) => createStage(definition, choices, settings, links),
  });
}

function createStage(
  definition: ObjectiveDefinition,
  choices: TrainingChoices,
  settings: TrainSettings,
  links: StageLinks,
): Stage {
  const { stage: name } = definition;
  const { directory, recipe, where } = links;
  const { init } = settings;
  const previous = init === undefined && definition.init === "required" ? links.model() : undefined;
  const reads = definition.reads(settings).map((needed) => links.require(needed));
  // Sizes that do not fit together are said now, and not when the data is ready.
  const outline = locate(where, () => definition.outline(settings));
  // What is trained with the recipe's own tokenizer; a model that is gone on with brings its own.
  const ownTokenizer = recipe["tokenizer"] !== undefined || init === undefined;
  const folder = directory.training(name);
  const checkpoints = directory.checkpoints(name);
  const modelOf = (cwd: string): string | undefined => {
    if (init !== undefined) return findModel(path.resolve(cwd, init));
    return previous === undefined ? undefined : trainedModelOf(directory, previous);
  };
  return {
    name,
    version: definition.version,
    settings: decisive(definition, settings),
    after: [
      ...(previous === undefined && ownTokenizer ? [links.require("tokenizer")] : []),
      ...(previous === undefined ? [] : [previous]),
      ...reads,
    ],
    outside: async ({ cwd }): Promise<Record<string, string>> => {
      const model = init === undefined ? undefined : modelOf(cwd);
      return model === undefined ? {} : { init: hashFile(path.join(model, "model.safetensors")) };
    },
    outputs: directory.trainingOutputs(name),
    precious: true,
    isWhole: () => existsSync(path.join(checkpoints, "latest", "model.safetensors")),
    canGoOn: (before) => differsInLength(before, decisive(definition, settings)),
    requireFeasible: () => {
      if (outline !== undefined) requireTrainingMemory(outline, { ...settings, optimizers: choices.optimizers }); // training checks again, exactly
    },
    run: (context) => {
      const model = modelOf(context.cwd);
      return runTraining(context, checkpoints, {
        stage: name,
        settings,
        directory: folder,
        tokenizer: ownTokenizer || model === undefined ? directory.tokenizer : model,
        inputs: Object.fromEntries(reads.map((read) => [read, outputOf(directory, read)])),
        init: model,
        plugins: pluginAddresses(recipe.plugins ?? [], context.cwd),
      });
    },
  };
}

/** The model that a training stage left: the best on held-out data where there is such data, else the last. */
export function trainedModelOf(directory: RunDirectory, stage: string): string {
  return findModel(directory.checkpoints(stage));
}

/** The folder that a stage wrote: of a training stage, its model. */
function outputOf(directory: RunDirectory, stage: string): string {
  if (existsSync(directory.checkpoints(stage))) return trainedModelOf(directory, stage);
  const named: Readonly<Record<string, string>> = {
    tokenizer: directory.tokenizer,
    pack: directory.tokens,
    dialogues: directory.dialogues,
  };
  return named[stage] ?? directory.data(stage);
}

/** What goes wrong in the section is said with the recipe's file. */
function locate<Result>(where: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof NuwaError)) throw error;
    throw new NuwaError(error.code, error.message, {
      where: error.where === undefined ? where : `${where}: ${error.where}`,
      hint: error.hint,
      cause: error,
    });
  }
}

const settingsSchema = z.record(z.string(), z.unknown());
const lengthSchema = z.number().optional().catch(undefined);

/** Whether settings differ in the length of the run alone, which does not become shorter as far as can be told here. */
function differsInLength(before: unknown, now: Readonly<Record<string, JsonValue>>): boolean {
  const { data } = settingsSchema.safeParse(before);
  if (data === undefined) return false;
  const isLength = (key: string): boolean => lengthKeys.some((one) => one === key);
  const rest = (all: Readonly<Record<string, unknown>>): string =>
    canonicalJson(Object.fromEntries(Object.entries(all).filter(([key]) => !isLength(key))));
  const isShorter = lengthKeys.some((key) => {
    const [old = 0, wanted = Number.POSITIVE_INFINITY] = [lengthSchema.parse(data[key]), lengthSchema.parse(now[key])];
    return wanted < old;
  });
  return rest(data) === rest(now) && !isShorter;
}

/** Settings that decide the weights; how often they are evaluated does not. */
function decisive(definition: ObjectiveDefinition, settings: TrainSettings): Record<string, JsonValue> {
  const lengths = Object.fromEntries(lengthKeys.map((key) => [key, settings[key]]));
  const more = { ...lengths, device: settings.device };
  const flat = decisiveSettings(settings, more, definition.implied(settings));
  return Object.fromEntries(Object.entries(flat).map(([key, value]) => [key, JSON.parse(value) as JsonValue]));
}

async function runTraining(context: StageContext, checkpoints: string, job: TrainJob): Promise<StageOutcome> {
  const { progress, signal } = context;
  const bar = progress.bar(job.stage, "steps");
  const training = train(job);
  const stop = (): void => {
    void training.stop();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let parameters = 0;
  let best: (TrainEvent & { type: "eval" }) | undefined;
  try {
    for await (const event of training) {
      show(event, bar, progress);
      if (event.type === "started") ({ parameters } = event);
      if (event.type === "eval" && event.best) best = event;
    }
    const done = await training.done;
    if (done.stopped)
      throw new Interrupted(`stopped at step ${done.step}; run the same command again to go on from there`);
    const perByte = best?.bits_per_byte;
    const held = best === undefined ? "" : `, held-out loss ${best.val_loss.toFixed(3)}`;
    const byte = perByte === undefined ? "" : ` (${perByte.toFixed(3)} bits a byte)`;
    bar.done(`${count(done.step)} steps, ${count(parameters)} parameters, loss ${figure(done.loss)}${held}${byte}`);
    return {
      output: hashFile(path.join(findModel(checkpoints), "model.safetensors")),
      summary: {
        steps: done.step,
        parameters,
        loss: done.loss,
        val_loss: best?.val_loss ?? null,
        bits_per_byte: perByte ?? null,
        bits_per_character: best?.bits_per_character ?? null,
      },
    };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function show(event: TrainEvent, bar: Bar, progress: Progress): void {
  switch (event.type) {
    case "started": {
      bar.setTotal(event.steps);
      const resumed = event.resumed_from > 0 ? `, goes on from step ${count(event.resumed_from)}` : "";
      const { lengthened } = event;
      if (lengthened !== undefined) {
        progress.line(
          `  lengthened from ${count(lengthened.from)} to ${count(event.steps)} steps: ${lengthened.schedule}`,
        );
      }
      progress.line(
        `  ${count(event.parameters)} parameters on ${event.device}, ${count(event.tokens_per_step)} tokens a step, ` +
          `about ${bytes(event.memory_bytes)} of memory${resumed}`,
      );
      break;
    }
    case "step":
      bar.update(event.step, `loss ${figure(event.loss)}, ${count(event.tokens_per_s)} tokens/s`);
      break;
    case "eval": {
      const byte = event.bits_per_byte === undefined ? "" : `, ${event.bits_per_byte.toFixed(3)} bits a byte`;
      progress.line(
        `  step ${String(event.step).padStart(5)}  held-out loss ${event.val_loss.toFixed(3)}${byte}${event.best ? "  best so far" : ""}`,
      );
      break;
    }
    case "sample": {
      const text = `${event.prompt}${event.text}`.replaceAll(/\s+/g, " ").trim();
      progress.line(
        `  step ${String(event.step).padStart(5)}  writes: ${text.slice(0, 120)}${text.length > 120 ? "…" : ""}`,
      );
      break;
    }
    case "warning":
      progress.warn(event.message);
      break;
    case "checkpoint":
    case "done":
    case "error":
      break;
  }
}

function figure(loss: number | null): string {
  return loss === null ? "?" : loss.toFixed(3);
}
