import { builtInStages } from "../stages/list.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import type { Recipe } from "../settings/general.ts";
import { loadRecipe, nameFromFile, type LoadOptions } from "./load.ts";
import { inherit, recipeSchemaOf } from "./schema.ts";

/**
 * A recipe from its file, overrides applied, defaults filled in, checked.
 * `NUWA_THREADS` and `NUWA_DEVICE` go before the file, `--set` before both.
 *
 * @throws NuwaError naming file, line and key of every mistake
 */
export function readRecipe(
  file: string,
  options: Pick<LoadOptions, "set" | "env" | "overrides"> & { readonly stages?: Iterable<RecipeStage> } = {},
): Recipe {
  const stages = options.stages ?? builtInStages;
  const env = options.env ?? process.env;
  const named = ["threads", "device"].flatMap((key) => {
    const value = env[`NUWA_${key.toUpperCase()}`];
    return value === undefined || value === "" ? [] : [`${key}=${value}`];
  });
  return loadRecipe(recipeSchemaOf(stages), file, {
    set: options.set ?? [],
    overrides: options.overrides ?? [],
    env: { NUWA_SET: [...named, env["NUWA_SET"] ?? ""].join(";") },
    prepare: (value) => inherit(stages)({ name: nameFromFile(file), ...value }),
  });
}
