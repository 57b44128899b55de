import type { Command } from "commander";
import { familiesWith, listFamilies } from "../../models/index.ts";
import { count, pluginsFor } from "../../run/index.ts";
import { printJson } from "../shared.ts";
import { table } from "../tables.ts";

export function register(program: Command): void {
  program
    .command("models")
    .description("families of models and their presets, for a recipe's model: { family: … } or { preset: … }")
    .option(
      "--plugin <file>",
      "a module with families of your own; may stand several times",
      (file: string, before: string[]) => [...before, file],
      [],
    )
    .option("--json", "JSON")
    .addHelpText("after", "\nExample:\n  nuwa models")
    .action(async ({ plugin, json }: { plugin: string[]; json?: boolean }) => {
      const cwd = process.cwd();
      const list = listFamilies(familiesWith(await pluginsFor(cwd, plugin, cwd)));
      if (json === true) return printJson(list);
      for (const { name, modelType, description, presets } of list) {
        process.stdout.write(`${name} (${modelType}): ${description}\n`);
        const rows = presets.map((preset) => [
          `  ${preset.name}`,
          preset.parameters.toLocaleString("en"),
          count(preset.vocabulary),
          count(preset.context),
        ]);
        if (rows.length > 0)
          process.stdout.write(table([["  preset", "parameters", "vocabulary", "context"], ...rows]));
        process.stdout.write("\n");
      }
    });
}
