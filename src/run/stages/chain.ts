import { NuwaError } from "../../text/index.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import type { Recipe } from "../settings/general.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import type { Stage } from "./stage.ts";

/**
 * The stages that a recipe asks for, in order, each told which stage's documents it reads.
 *
 * @param list all stages that there are, in order
 * @param where the recipe's file, for messages
 * @throws NuwaError VALUE when a stage needs another that the recipe leaves out, or what a stage itself refuses
 */
export function stagesOf(recipe: Recipe, list: Iterable<RecipeStage>, directory: RunDirectory, where: string): Stage[] {
  const all = [...list];
  const stages: Stage[] = [];
  let last: string | undefined;
  let lastModel: string | undefined;
  for (const { name, group, create, writesDocuments, writesModel } of all) {
    if (recipe[name] === undefined) continue;
    const lacking = (needed: string, otherwise = ""): NuwaError =>
      new NuwaError("VALUE", `"${name}" needs "${needed}", which the recipe leaves out`, {
        where,
        hint: `add "${needed}:" to it${otherwise}`,
      });
    const documents = last;
    const model = lastModel;
    const stage = create(recipe[name], {
      recipe,
      directory,
      where,
      documents: () => {
        if (documents === undefined) throw lacking(firstSource(all));
        return documents;
      },
      model: () => {
        if (model === undefined) {
          const first = all.find((stage) => stage.writesModel)?.name ?? "pretrain";
          throw lacking(first, group === "training" ? `, or a model directory to begin with (${name}.init: DIR)` : "");
        }
        return model;
      },
      require: (needed) => {
        if (recipe[needed] === undefined) throw lacking(needed);
        return needed;
      },
    });
    if (stage === undefined) continue;
    stages.push(stage);
    if (writesDocuments) last = name;
    if (writesModel) lastModel = name;
  }
  if (stages.length > 0) return stages;
  const some = all.slice(0, 3).map(({ name }) => `"${name}:"`);
  throw new NuwaError("VALUE", "the recipe asks for no stage", { where, hint: `add sections: ${some.join(", ")} …` });
}

/** The stage that documents come from when no other has made any. */
function firstSource(all: readonly RecipeStage[]): string {
  return all.find(({ writesDocuments }) => writesDocuments)?.name ?? "documents";
}
