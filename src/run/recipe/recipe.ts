import { NuwaError } from "../../text/index.ts";
import { loadRecipe, nameFromFile, type LoadOptions } from "./load.ts";
import { inherit, recipeSchema, type Recipe } from "./schema.ts";

/**
 * A recipe from its file, overrides applied, defaults filled in, checked.
 * `NUWA_THREADS` and `NUWA_DEVICE` go before the file, `--set` before both.
 *
 * @throws NuwaError naming file, line and key of every mistake
 */
export function readRecipe(file: string, options: Pick<LoadOptions, "set" | "env"> = {}): Recipe {
  const env = options.env ?? process.env;
  const named = ["threads", "device"].flatMap((key) => {
    const value = env[`NUWA_${key.toUpperCase()}`];
    return value === undefined || value === "" ? [] : [`${key}=${value}`];
  });
  return loadRecipe(recipeSchema, file, {
    set: options.set ?? [],
    env: { NUWA_SET: [...named, env["NUWA_SET"] ?? ""].join(";") },
    prepare: (value) => inherit({ name: nameFromFile(file), ...value }),
  });
}

/** The stages of a recipe as a person reads them in a message. */
export function requireStage(recipe: Recipe, stage: keyof Recipe, where: string): void {
  if (recipe[stage] !== undefined) return;
  throw new NuwaError("VALUE", `the recipe leaves out the stage "${stage}"`, { where, hint: `add "${stage}:" to it` });
}
