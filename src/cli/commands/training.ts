import type { Command } from "commander";
import { builtInStages } from "../../run/index.ts";
import { runUntil, withRecipeOptions, type RecipeOptions } from "../shared.ts";

/** A command for each stage that trains: `nuwa pretrain`, `nuwa sft`, … */
export function register(program: Command): void {
  for (const { name, group, summary } of builtInStages) {
    if (group !== "training") continue;
    const description = `${summary.charAt(0).toLowerCase()}${summary.slice(1).replace(/\.$/, "")}`;
    withRecipeOptions(program.command(name))
      .description(`${description}, after whatever stage before it is not done yet`)
      .addHelpText("after", `\nExample:\n  nuwa ${name} recipes/sample.yaml`)
      .action(async (recipe: string, options: RecipeOptions) => {
        await runUntil(recipe, name, options);
      });
  }
}
