import { NuwaError } from "../text/index.ts";
import type { Recipe } from "./recipe/schema.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { Stage } from "./stage.ts";
import { collectStage } from "./stages/collect.ts";
import { mapStage } from "./stages/map.ts";
import { packStage } from "./stages/pack.ts";
import { tokenizerStage } from "./stages/tokenizer.ts";

/** The names of all stages, in order. */
export const STAGE_NAMES = [
  "collect",
  "extract",
  "clean",
  "filter",
  "dedup",
  "tokenizer",
  "pack",
  "pretrain",
  "dialogues",
  "sft",
  "eval",
] as const;

/**
 * The stages that a recipe asks for, in order, each told which stage it reads from.
 * @throws NuwaError VALUE when a stage needs another that the recipe leaves out
 */
export function stagesOf(recipe: Recipe, directory: RunDirectory, where: string): Stage[] {
  const stages: Stage[] = [];
  const need = <T>(section: T | undefined, name: string, forStage: string): T => {
    if (section !== undefined) return section;
    throw new NuwaError("VALUE", `"${forStage}" needs "${name}", which the recipe leaves out`, {
      where,
      hint: `add "${name}:"`,
    });
  };
  const collectSettings = need(recipe.collect, "collect", "every run");
  stages.push(collectStage(directory, collectSettings, recipe.shard_mb));
  let data = "collect";
  const push = (stage: Stage): void => {
    stages.push(stage);
    data = stage.name;
  };
  if (recipe.extract !== undefined) push(mapStage(directory, { stage: "extract", settings: recipe.extract }, data));
  if (recipe.clean !== undefined) push(mapStage(directory, { stage: "clean", settings: recipe.clean }, data));
  if (recipe.filter !== undefined) push(mapStage(directory, { stage: "filter", settings: recipe.filter }, data));
  if (recipe.tokenizer !== undefined) stages.push(tokenizerStage(directory, recipe.tokenizer, data));
  if (recipe.pack !== undefined) {
    need(recipe.tokenizer, "tokenizer", "pack");
    stages.push(packStage(directory, recipe.pack, data));
  }
  return stages;
}
