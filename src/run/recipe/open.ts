import { existsSync } from "node:fs";
import * as path from "node:path";
import { loadPlugins, pluginAddresses, type Plugin } from "../../io/plugins.ts";
import type { Registry } from "../../text/index.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { stagesWith } from "../stages/plugins.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import { generalKeys, type Recipe } from "../settings/general.ts";
import { readOneKey, type LoadOptions } from "./load.ts";
import { readRecipe } from "./recipe.ts";

/** A recipe with all that its plugins add. */
export interface OpenRecipe {
  readonly recipe: Recipe;
  readonly plugins: readonly Plugin[];
  /** All stages that there are for it, in order. */
  readonly stages: Registry<RecipeStage>;
}

export interface OpenOptions extends Pick<LoadOptions, "set" | "env"> {
  /** What the plugins' paths are relative to. */
  readonly cwd: string;
}

/**
 * Reads a recipe: its plugins first, since they say which sections there can be; then all of it.
 *
 * @throws NuwaError naming file, line and key of every mistake, or the plugin that cannot be loaded
 */
export async function openRecipe(file: string, options: OpenOptions): Promise<OpenRecipe> {
  const plugins = await loadPlugins(pluginAddresses(pluginFiles(file, options.set), options.cwd));
  const stages = stagesWith(plugins);
  return { recipe: readRecipe(file, { ...options, stages }), plugins, stages };
}

/**
 * The plugins that a model needs: those named, and those of the recipe where `place` is a run directory.
 *
 * @param files relative to `cwd`, as a recipe's own are
 */
export async function pluginsFor(place: string, files: readonly string[], cwd: string): Promise<Plugin[]> {
  const { recipe } = new RunDirectory(path.resolve(cwd, place));
  const own = existsSync(recipe) ? pluginFiles(recipe) : [];
  return loadPlugins([...new Set(pluginAddresses([...own, ...files], cwd))]);
}

/** What a recipe names under `plugins`. What is not a list of files is told with its line when the whole is checked. */
function pluginFiles(file: string, set: readonly string[] = []): string[] {
  return generalKeys.plugins.safeParse(readOneKey(file, "plugins", set)).data ?? [];
}

/** The recipe of a run as it was resolved, for those who look into the run. */
export function openRun(directory: RunDirectory, cwd: string = process.cwd()): Promise<OpenRecipe> {
  return openRecipe(directory.recipe, { cwd, env: {} });
}
