import { existsSync, statSync } from "node:fs";
import * as path from "node:path";
import type { Command } from "commander";
import {
  openRecipe,
  type OpenRecipe,
  printRecipe,
  Progress,
  recipeSchemaOf,
  RunDirectory,
  runRecipe,
} from "../run/index.ts";
import { NuwaError } from "../text/index.ts";

/** Options of every command that runs stages of a recipe. */
export interface RecipeOptions {
  readonly set: string[];
  readonly dir?: string;
  readonly executor?: string;
  readonly fresh?: boolean;
  readonly redo?: boolean;
  readonly printRecipe?: boolean;
  readonly quiet?: boolean;
}

/** `--set`, `--dir`, … for a command whose first argument is a recipe or a run directory. */
export function withRecipeOptions(command: Command): Command {
  return command
    .argument("<recipe>", "a recipe file, or a run directory to go on with")
    .option(
      "--set <key=value>",
      "change a recipe key, e.g. --set pretrain.steps=200; may stand several times",
      collect,
      [],
    )
    .option("--executor <name>", "who does the tasks of data stages (default: local, threads of this machine)")
    .option("--dir <folder>", "run directory (default: runs/NAME)")
    .option("--fresh", "delete checkpoints that were made with other settings or data, and train anew")
    .option("--print-recipe", "print the recipe as resolved, defaults and all, and do nothing")
    .option("-q, --quiet", "no progress");
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** A non-negative whole number given on the command line. */
export function wholeNumber(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 0 && text.trim() !== "") return value;
    throw new NuwaError("USAGE", `expected a whole number, got "${text}"`, { where: name });
  };
}

/** The recipe behind a command's first argument, and the run directory if that was given. */
export async function recipeOf(
  recipePath: string,
  options: RecipeOptions,
): Promise<OpenRecipe & { directory?: string; where: string }> {
  const cwd = process.cwd();
  const isFolder = existsSync(recipePath) && statSync(recipePath).isDirectory();
  if (!isFolder) {
    const directory = options.dir === undefined ? {} : { directory: options.dir };
    return { ...(await openRecipe(recipePath, { ...options, cwd })), ...directory, where: recipePath };
  }
  const run = RunDirectory.existing(recipePath);
  return {
    ...(await openRecipe(run.recipe, { ...options, cwd })),
    directory: options.dir ?? run.root,
    where: path.join(recipePath, "recipe.yaml"),
  };
}

/** Runs a recipe up to a stage (undefined: to its end) with progress on stderr and Ctrl-C handled. */
export async function runUntil(
  recipePath: string,
  stage: string | undefined,
  options: RecipeOptions,
): Promise<RunDirectory | undefined> {
  const { recipe, stages, plugins, directory, where } = await recipeOf(recipePath, options);
  if (options.printRecipe === true) {
    process.stdout.write(printRecipe(recipeSchemaOf(stages), recipe));
    return undefined;
  }
  const progress = new Progress({ quiet: options.quiet ?? false });
  return interruptible(progress, (signal) =>
    runRecipe(recipe, {
      cwd: process.cwd(),
      directory,
      where,
      stages,
      plugins,
      progress,
      signal,
      executor: options.executor,
      until: stage,
      fresh: options.fresh ?? false,
      redo: options.redo === true ? stage : undefined,
    }),
  );
}

/** The first Ctrl-C asks the work to stop where nothing is lost; the second stops it at once. */
export async function interruptible<T>(progress: Progress, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    progress.line("stopping as soon as nothing is lost (Ctrl-C again: at once)");
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

/** Data for programs: JSON on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
