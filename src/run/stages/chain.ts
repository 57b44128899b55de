import { resolveGptConfig } from "../../models/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import type { Stage } from "./stage.ts";
import { collectStage } from "./collect.ts";
import { dedupStage } from "./dedup.ts";
import { dialoguesStage } from "./dialogues.ts";
import { evalStage } from "./eval.ts";
import { linesStage } from "./lines.ts";
import { mapStage } from "./map.ts";
import { packStage } from "./pack.ts";
import { biasStage, perplexityStage, spellingStage } from "./prepared.ts";
import { substringStage } from "./substring.ts";
import { samplesStage } from "./samples.ts";
import { tokenizerStage } from "./tokenizer.ts";
import { pretrainStage, sftStage } from "./train.ts";

/** The names of all stages, in order. */
export const STAGE_NAMES = [
  "collect",
  "extract",
  "clean",
  "filter",
  "spelling",
  "harm",
  "perplexity",
  "privacy",
  "dedup",
  "lines",
  "substring",
  "bias",
  "decontaminate",
  "tokenizer",
  "pack",
  "pretrain",
  "dialogues",
  "sft",
  "samples",
  "eval",
] as const;

/**
 * The stages that a recipe asks for, in order, each told which stage it reads from.
 *
 * @param where the recipe's file, for messages
 * @throws NuwaError VALUE when a stage needs another that the recipe leaves out, or the model's sizes do not fit
 */
export function stagesOf(recipe: Recipe, directory: RunDirectory, where: string): Stage[] {
  const need = <T>(section: T | undefined, name: string, forWhat: string): T => {
    if (section !== undefined) return section;
    const message = `${forWhat} needs "${name}", which the recipe leaves out`;
    throw new NuwaError("VALUE", message, { where, hint: `add "${name}:" to it` });
  };
  const stages: Stage[] = [collectStage(directory, need(recipe.collect, "collect", "a run"), recipe.shard_mb)];
  let data = "collect";
  const push = (stage: Stage): void => {
    stages.push(stage);
    data = stage.name;
  };
  if (recipe.extract !== undefined) push(mapStage(directory, { stage: "extract", settings: recipe.extract }, data));
  if (recipe.clean !== undefined) push(mapStage(directory, { stage: "clean", settings: recipe.clean }, data));
  if (recipe.filter !== undefined) {
    const { domains, addresses } = recipe.filter.url;
    push(
      mapStage(directory, { stage: "filter", settings: recipe.filter }, data, { files: [...domains, ...addresses] }),
    );
  }
  if (recipe.spelling !== undefined) push(spellingStage(directory, recipe.spelling, data));
  if (recipe.harm !== undefined) {
    const { words, allow, classifier } = recipe.harm;
    const files = [...words, ...allow, ...(classifier === undefined ? [] : [classifier])];
    push(mapStage(directory, { stage: "harm", settings: recipe.harm }, data, { files }));
  }
  if (recipe.perplexity !== undefined) push(perplexityStage(directory, recipe.perplexity, data));
  if (recipe.privacy !== undefined) push(mapStage(directory, { stage: "privacy", settings: recipe.privacy }, data));
  if (recipe.dedup !== undefined) push(dedupStage(directory, recipe.dedup, data));
  if (recipe.lines !== undefined) push(linesStage(directory, recipe.lines, data));
  if (recipe.substring !== undefined) push(substringStage(directory, recipe.substring, data));
  if (recipe.bias !== undefined) push(biasStage(directory, recipe.bias, data));
  if (recipe.decontaminate !== undefined) {
    const { decontaminate: settings } = recipe;
    push(mapStage(directory, { stage: "decontaminate", settings }, data, { files: settings.benchmarks }));
  }
  if (recipe.tokenizer !== undefined) stages.push(tokenizerStage(directory, recipe.tokenizer, data));
  if (recipe.pack !== undefined) {
    need(recipe.tokenizer, "tokenizer", '"pack"');
    stages.push(packStage(directory, recipe.pack, data));
  }
  if (recipe.pretrain !== undefined) {
    need(recipe.pack, "pack", '"pretrain"');
    checkModel(recipe, where);
    stages.push(pretrainStage(directory, recipe.pretrain));
  }
  if (recipe.dialogues !== undefined) stages.push(dialoguesStage(directory, recipe.dialogues));
  if (recipe.sft !== undefined) {
    need(recipe.pretrain, "pretrain", '"sft"');
    need(recipe.dialogues, "dialogues", '"sft"');
    stages.push(sftStage(directory, recipe.sft));
  }
  const { seed, device } = recipe;
  if (recipe.samples !== undefined && recipe.samples.length > 0) {
    need(recipe.pretrain, "pretrain", '"samples"');
    stages.push(samplesStage(directory, { prompts: recipe.samples, seed, device }));
  }
  if (recipe.eval !== undefined) {
    need(recipe.pretrain, "pretrain", '"eval"');
    const after = recipe.sft === undefined ? "pretrain" : "sft";
    stages.push(evalStage(directory, { settings: recipe.eval, device, seed, after }));
  }
  return stages;
}

/** Sizes that do not fit together are said now, and not when the data is ready. */
function checkModel(recipe: Recipe, where: string): void {
  if (recipe.pretrain === undefined) return;
  const { model, context, dropout } = recipe.pretrain;
  const vocabularySize = recipe.tokenizer?.vocab_size ?? 256;
  resolveGptConfig(
    { ...model, vocab_size: vocabularySize, max_position_embeddings: context, dropout },
    `${where}: pretrain.model`,
  );
}
