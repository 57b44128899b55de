import type { Command } from "commander";
import { runUntil, withRecipeOptions, type RecipeOptions } from "../shared.ts";

export function register(program: Command): void {
  withRecipeOptions(program.command("pretrain"))
    .description("pretrain the model, after whatever stage before it is not done yet")
    .addHelpText("after", "\nExample:\n  nuwa pretrain recipes/sample.yaml")
    .action(async (recipe: string, options: RecipeOptions) => {
      await runUntil(recipe, "pretrain", options);
    });
}
