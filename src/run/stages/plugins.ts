import { isDataStage, type DataStage } from "../../data/data-stage.ts";
import type { Plugin } from "../../io/plugins.ts";
import { NuwaError, Registry } from "../../text/index.ts";
import { choicesWith, isObjectiveDefinition } from "../../train/index.ts";
import { corpusStage } from "./corpus.ts";
import { builtInStages } from "./list.ts";
import { mapperStage } from "./map.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import { trainingStage } from "./train.ts";

/** The list's entry of a data stage of either kind. */
export function entryOf(stage: DataStage): RecipeStage {
  return stage.kind === "mapper" ? mapperStage(stage) : corpusStage(stage);
}

/**
 * The stages with those of plugins: a data stage after the stage that it names, else after the last one that writes
 * documents; the stage of an objective after the last one that trains. Stages that train choose from the optimizers,
 * schedules and devices of plugins too.
 *
 * @throws NuwaError VALUE for what is neither, a name that is taken, or an `after` that there is not
 */
export function stagesWith(
  plugins: readonly Plugin[],
  stages: Registry<RecipeStage> = builtInStages,
): Registry<RecipeStage> {
  if (plugins.length === 0) return stages;
  const choices = choicesWith(plugins);
  let list = [...stages].map((stage) => stage.with?.(choices) ?? stage);
  for (const { file, definitions } of plugins) {
    for (const stage of definitions.stages ?? []) {
      if (!isDataStage(stage)) {
        throw new NuwaError("VALUE", '"stages" holds something that is not a data stage', {
          where: file,
          hint: "make it with defineStage or defineCorpusStage of nuwa/data",
        });
      }
      const entry = entryOf(stage);
      const before =
        entry.after === undefined
          ? list.findLastIndex(({ writesDocuments }) => writesDocuments)
          : list.indexOf(new Registry("stage", list).get(entry.after, file));
      list = list.toSpliced(before + 1, 0, entry);
    }
    for (const objective of definitions.objectives ?? []) {
      if (!isObjectiveDefinition(objective)) {
        throw new NuwaError("VALUE", '"objectives" holds something that is not an objective', {
          where: file,
          hint: "make it with defineObjective of nuwa/train",
        });
      }
      const before = list.findLastIndex(({ group }) => group === "training");
      list = list.toSpliced(before + 1, 0, trainingStage(objective, choices));
    }
  }
  return new Registry("stage", list);
}
