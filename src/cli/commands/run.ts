import type { Command } from "commander";
import { runUntil, withRecipeOptions, type RecipeOptions } from "../shared.ts";

export function register(program: Command): void {
  withRecipeOptions(program.command("run"))
    .description("run a recipe from raw documents to a model; run again, it goes on where it stopped")
    .addHelpText(
      "after",
      `
Examples:
  nuwa run recipes/sample.yaml
  nuwa run my.yaml --set pretrain.steps=500 --set name=short
  nuwa run my.yaml --print-recipe
Paths in a recipe are relative to the folder you run nuwa in.`,
    )
    .action(async (recipe: string, options: RecipeOptions) => {
      await runUntil(recipe, undefined, options);
    });
}
