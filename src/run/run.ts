import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";
import * as path from "node:path";
import { version } from "./manifest/version.ts";
import { isExecutorDefinition } from "./executors/executor.ts";
import { builtInExecutors } from "./executors/list.ts";
import { stagesOf } from "./stages/chain.ts";
import { builtInStages } from "./stages/list.ts";
import type { RecipeStage } from "./stages/recipe-stage.ts";
import { writeWhole } from "../io/whole-file.ts";
import { withPlugins, type Plugin } from "../io/plugins.ts";
import { familiesWith } from "../models/index.ts";
import { takeLock } from "../io/lock.ts";
import { removeTemporaries } from "../io/temporary.ts";
import { Manifest } from "./manifest/manifest.ts";
import type { Progress } from "./progress.ts";
import { printRecipe } from "./recipe/print.ts";
import type { Recipe } from "./settings/general.ts";
import { recipeSchemaOf } from "./recipe/schema.ts";
import { writeReport } from "./report/write.ts";
import { RunDirectory } from "./manifest/run-directory.ts";
import { runStages, type RunnerOptions } from "./stages/runner.ts";
import type { Stage, StageContext } from "./stages/stage.ts";
import { NuwaError } from "../text/index.ts";

/** Where a run is, how its work is spread, and how it is stopped and watched. */
export interface RunOptions extends RunnerOptions {
  /** The run directory; default `runs/NAME` below `cwd`. */
  readonly directory?: string | undefined;
  readonly cwd: string;
  /** Who does the tasks of data stages, by name; default: `local`, threads of this machine. */
  readonly executor?: string | undefined;
  /** All stages that there are, in order; default: the built-in ones. */
  readonly stages?: Iterable<RecipeStage>;
  /** The recipe's plugins, loaded. */
  readonly plugins?: readonly Plugin[];
  readonly progress: Progress;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** The recipe's file, for messages. */
  readonly where: string;
}

/** A run directory that is this process's alone: its stages, and what they use. */
export interface OwnedRun {
  readonly directory: RunDirectory;
  readonly stages: readonly Stage[];
  readonly context: StageContext;
}

/**
 * Runs a recipe from raw documents to a model, in its run directory. Run again, it goes on from where it was, and does
 * only what is not done.
 *
 * @throws NuwaError for whatever cannot go on; Interrupted after Ctrl-C, with everything worth keeping on the disk
 */
export async function runRecipe(recipe: Recipe, options: RunOptions): Promise<RunDirectory> {
  const { stages: list = builtInStages } = options;
  if (recipe.sweep !== undefined && !isDataStage(options.until, list)) {
    throw new NuwaError("USAGE", "this recipe is a sweep", {
      where: options.where,
      hint: "`nuwa sweep` trains its variants; with `sweep: false` it is a recipe like others",
    });
  }
  return withRun(recipe, options, async ({ directory, stages, context }) => {
    await runStages(stages, context, {
      ...options,
      keepData: recipe.keep_data,
      // What is refused leaves the directory as it was, its recipe too.
      onAccepted: () => writeRecipe(directory, recipe, list),
    });
    await writeReport(directory, list);
    return directory;
  });
}

/** Whether a stage comes before all training. */
function isDataStage(name: string | undefined, list: Iterable<RecipeStage>): boolean {
  const stage = [...list].find((one) => one.name === name);
  return stage !== undefined && makesData(stage);
}

/** Whether a stage makes data, and not a model: such a stage is done once for all variants of a sweep. */
export function makesData({ group }: RecipeStage): boolean {
  return group === "data" || group === "tokenizer";
}

/** Writes the recipe as resolved into its run directory. */
export function writeRecipe(directory: RunDirectory, recipe: Recipe, list: Iterable<RecipeStage>): void {
  writeWhole(directory.recipe, printRecipe(recipeSchemaOf(list), recipe));
}

/**
 * Makes or opens a recipe's run directory, keeps other processes out of it, and works in it.
 *
 * @throws NuwaError FILE when another process is at work in it, or it cannot be written; VALUE for stages that do not fit
 */
export async function withRun<T>(recipe: Recipe, options: RunOptions, work: (run: OwnedRun) => Promise<T>): Promise<T> {
  const { cwd, progress, signal, where, stages: list = builtInStages } = options;
  const directory = new RunDirectory(path.resolve(cwd, options.directory ?? path.join("runs", recipe.name)));
  const stages = stagesOf(recipe, list, directory, where);
  directory.create();
  const release = takeLock(directory.lock, "this run");
  try {
    removeTemporaries(directory.root);
    const manifest = Manifest.open(directory.manifest, () => ({
      name: recipe.name,
      nuwa: version(),
      node: process.version,
      machine: machine(),
    }));
    const executors = withPlugins(builtInExecutors, "executors", options.plugins ?? [], isExecutorDefinition);
    const threads = recipe.threads ?? availableParallelism();
    const context = {
      directory,
      manifest,
      progress,
      signal,
      threads,
      families: familiesWith(options.plugins ?? []),
      executor: executors.get(options.executor ?? "local").create({ threads }),
      memoryBytes: recipe.memory_mb * 1e6,
      cwd,
    };
    return await work({ directory, stages, context });
  } finally {
    progress.clear();
    release();
  }
}

function machine(): Record<string, string | number> {
  const all = cpus();
  return {
    system: `${platform()} ${arch()}`,
    processor: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memory_bytes: totalmem(),
  };
}
