import type { Command } from "commander";
import { summarise, summaryText } from "../../run/index.ts";
import { printJson, runUntil, withRecipeOptions, type RecipeOptions } from "../shared.ts";

export function register(program: Command): void {
  withRecipeOptions(program.command("run"))
    .description("run a recipe from raw documents to a model; run again, it goes on where it stopped")
    .option("--until <stage>", "stop after this stage")
    .option("--json", "print the results as JSON")
    .addHelpText(
      "after",
      `
Examples:
  nuwa run recipes/sample.yaml
  nuwa run my.yaml --set pretrain.steps=500 --set name=short
  nuwa run my.yaml --print-recipe
Paths in a recipe are relative to the folder that nuwa is run in.`,
    )
    .action(async (recipe: string, options: RecipeOptions & { json?: boolean; until?: string }) => {
      const directory = await runUntil(recipe, options.until, options);
      if (directory === undefined) return;
      const summary = summarise(directory);
      if (options.json === true) printJson(summary);
      else process.stdout.write(summaryText(summary, directory));
    });
}
