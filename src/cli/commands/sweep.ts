import type { Command } from "commander";
import {
  comparison,
  printRecipe,
  Progress,
  readVariants,
  recipeSchemaOf,
  requireAllDone,
  runSweep,
  summariseSweep,
} from "../../run/index.ts";
import { interruptible, printJson, recipeOf, withRecipeOptions, type RecipeOptions } from "../shared.ts";
import { table } from "../tables.ts";

interface Options extends RecipeOptions {
  readonly vary: string[];
  readonly json?: boolean;
}

export function register(program: Command): void {
  withRecipeOptions(program.command("sweep"))
    .description("train the variants of a recipe on the same data, and compare them on one page")
    .option(
      "--vary <key=a,b,c>",
      "a key and its values; every combination is a variant, e.g. --vary pretrain.optimizer.learning_rate=1e-3,3e-3",
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option("--json", "print the results as JSON")
    .addHelpText(
      "after",
      `
The data stages run once, in runs/NAME; each variant trains in runs/NAME/variants/ID, a run directory like any other.

Examples:
  nuwa sweep recipes/sweep-learning-rate.yaml
  nuwa sweep my.yaml --vary pretrain.optimizer.learning_rate=1e-3,3e-3 --vary pretrain.batch=8,16
  nuwa chat runs/sweep-learning-rate/variants/learning_rate-0.003`,
    )
    .action(async (recipePath: string, options: Options) => {
      const { stages, plugins, directory, where } = await recipeOf(recipePath, options);
      const { recipe, variants } = readVariants(where, { ...options, stages });
      if (options.printRecipe === true) {
        process.stdout.write(printRecipe(recipeSchemaOf(stages), recipe));
        return;
      }
      const progress = new Progress({ quiet: options.quiet ?? false });
      const result = await interruptible(progress, (signal) =>
        runSweep(recipe, variants, {
          cwd: process.cwd(),
          directory,
          where,
          stages,
          plugins,
          progress,
          signal,
          fresh: options.fresh ?? false,
        }),
      );
      const summary = summariseSweep(result.directory);
      if (options.json === true) printJson(summary);
      else {
        const { head, rows } = comparison(summary.variants);
        const { directory: run } = result;
        process.stdout.write(table([[...head], ...rows.map(({ cells }) => cells.map(({ text }) => text))]));
        process.stdout.write(`\n  report  ${run.show(run.report)}\n`);
        process.stdout.write(`  talk to one: nuwa chat ${run.show(run.variant("ID").root)}\n`);
      }
      requireAllDone(result.variants, result.directory.show(result.directory.root));
    });
}
