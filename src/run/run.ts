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
import { takeLock } from "../io/lock.ts";
import { removeTemporaries } from "../io/temporary.ts";
import { Manifest } from "./manifest/manifest.ts";
import type { Progress } from "./progress.ts";
import { printRecipe } from "./recipe/print.ts";
import type { Recipe } from "./recipe/general.ts";
import { recipeSchemaOf } from "./recipe/schema.ts";
import { writeReport } from "./report/write.ts";
import { RunDirectory } from "./manifest/run-directory.ts";
import { runStages, type RunnerOptions } from "./stages/runner.ts";

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

/**
 * Runs a recipe from raw documents to a model, in its run directory. Run again, it goes on from where it was, and does
 * only what is not done.
 *
 * @throws NuwaError for whatever cannot go on; Interrupted after Ctrl-C, with everything worth keeping on the disk
 */
export async function runRecipe(recipe: Recipe, options: RunOptions): Promise<RunDirectory> {
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
      executor: executors.get(options.executor ?? "local").create({ threads }),
      memoryBytes: recipe.memory_mb * 1e6,
      cwd,
    };
    await runStages(stages, context, {
      ...options,
      keepData: recipe.keep_data,
      // What is refused leaves the directory as it was, its recipe too.
      onAccepted: () => writeWhole(directory.recipe, printRecipe(recipeSchemaOf(list), recipe)),
    });
    await writeReport(directory, list);
  } finally {
    progress.clear();
    release();
  }
  return directory;
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
