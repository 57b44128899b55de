import { existsSync } from "node:fs";
import * as path from "node:path";
import { architectureOfSection } from "../../models/index.ts";
import type { JsonValue } from "../../text/index.ts";
import { tokenizerSettings } from "../../tokenizer/index.ts";
import { requireTrainingMemory, train } from "../../train/index.ts";
import type { TrainEvent, TrainJob } from "../../train/index.ts";
import { decisiveSettings, pretrainSettings, sftSettings, type TrainSettings } from "../../train/settings.ts";
import { hashFile } from "../../io/hash.ts";
import { bytes, count, type Bar, type Progress } from "../progress.ts";
import { sectionOf } from "../recipe/general.ts";
import { findModel, type RunDirectory } from "../manifest/run-directory.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { Interrupted, type Stage, type StageContext, type StageOutcome } from "./stage.ts";
import { dialogueFiles } from "./dialogues.ts";
import type { PretrainSettings, SftSettings } from "../../train/index.ts";

/** Pretraining: packed tokens to a model that continues text. */
export const pretraining = defineRecipeStage({
  name: "pretrain",
  group: "training",
  summary: "Train the model to continue text.",
  schema: pretrainSettings,
  inherits: ["seed", "threads", "device"],
  create: (settings, { directory, recipe, require, where }) => {
    require("pack");
    // Sizes that do not fit together are said now, and not when the data is ready.
    const tokenizer = sectionOf(recipe, { name: "tokenizer", schema: tokenizerSettings });
    const { model, context, dropout } = settings;
    const vocabulary = tokenizer?.vocab_size ?? 256;
    architectureOfSection(model, { vocabulary, context, dropout }, { where: `${where}: pretrain.model` });
    return pretrainStage(directory, settings);
  },
});

/** Supervised fine-tuning: the pretrained model and dialogues to a model that answers. */
export const fineTuning = defineRecipeStage({
  name: "sft",
  group: "training",
  summary: "Supervised fine-tuning: train the model to answer.",
  schema: sftSettings,
  inherits: ["seed", "threads", "device"],
  create: (settings, { directory, require }) => {
    require("pretrain");
    require("dialogues");
    return sftStage(directory, settings);
  },
});

function pretrainStage(directory: RunDirectory, settings: PretrainSettings): Stage {
  return {
    name: "pretrain",
    version: 1,
    settings: decisive(settings),
    after: ["tokenizer", "pack"],
    outputs: [directory.checkpoints, directory.metrics],
    precious: true,
    isWhole: () => existsSync(path.join(directory.checkpoints, "latest", "model.safetensors")),
    requireFeasible: () => {
      const { model, context: T, dropout } = settings;
      // The real vocabulary is known when the tokenizer is trained, and it may come out smaller than asked for: what does
      // not fit with the smallest one fits with none. Training itself checks again, exactly.
      const architecture = architectureOfSection(model, { vocabulary: 256, context: T, dropout });
      requireTrainingMemory(architecture, { ...settings, T });
    },
    run: (context) =>
      runTraining(context, directory.checkpoints, {
        stage: "pretrain",
        settings,
        directory: directory.root,
        tokenizer: directory.tokenizer,
        tokens: directory.tokens,
      }),
  };
}

function sftStage(directory: RunDirectory, settings: SftSettings): Stage {
  const files = dialogueFiles(directory);
  const checkpoints = path.join(directory.sft, "checkpoints");
  return {
    name: "sft",
    version: 1,
    settings: decisive(settings),
    after: ["pretrain", "dialogues"],
    outputs: [directory.sft],
    precious: true,
    isWhole: () => existsSync(path.join(checkpoints, "latest", "model.safetensors")),
    run: (context) =>
      runTraining(context, checkpoints, {
        stage: "sft",
        settings,
        directory: directory.sft,
        tokenizer: directory.tokenizer,
        train: files.train,
        ...(isEmpty(context, "held_out") ? {} : { validation: files.heldOut }),
        init: pretrainedModel(directory),
      }),
  };
}

/** The model that pretraining left: the best on held-out text where there is such text, else the last. */
export function pretrainedModel(directory: RunDirectory): string {
  return findModel(directory.checkpoints);
}

function isEmpty({ manifest }: StageContext, figure: string): boolean {
  return (manifest.stage("dialogues")?.summary?.[figure] ?? 0) === 0;
}

/** Settings that decide the weights; how often to look at them does not. */
function decisive(settings: TrainSettings): Record<string, JsonValue> {
  const flat = decisiveSettings(settings, { device: settings.device });
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
      tell(event, bar, progress);
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

function tell(event: TrainEvent, bar: Bar, progress: Progress): void {
  switch (event.type) {
    case "started": {
      bar.setTotal(event.steps);
      const resumed = event.resumed_from > 0 ? `, goes on from step ${count(event.resumed_from)}` : "";
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
