import type { Command } from "commander";
import { generateText } from "../../generate/index.ts";
import {
  generationFrom,
  openModel,
  withGenerationOptions,
  withModelOptions,
  type GenerationOptions,
  type ModelOptions,
} from "../generation-options.ts";
import { printJson } from "../shared.ts";

interface Options extends GenerationOptions, ModelOptions {
  readonly prompt?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("generate")
    .description("continue a text")
    .argument("<model>", "a run directory, a checkpoint, or a folder with config.json and model.safetensors")
    .option("-p, --prompt <text>", "the text to continue (default: begin a new one)");
  withModelOptions(withGenerationOptions(command))
    .option("--json", "JSON: text, token counts, why it ended")
    .addHelpText(
      "after",
      '\nExamples:\n  nuwa generate runs/sample -p "The whale"\n  nuwa generate runs/sample -p "The whale" -t 0 -n 50 --json',
    )
    .action(async (modelPath: string, options: Options) => {
      const settings = generationFrom(options);
      const { loaded, close } = await openModel(modelPath, options);
      try {
        const { tokenizer, generator } = loaded;
        const prompt = options.prompt ?? "";
        const start = tokenizer.bosId ?? tokenizer.eosId ?? 0;
        const encoded = tokenizer.encode(prompt);
        const ids = encoded.length === 0 ? [start] : encoded;
        if (options.json === true) {
          printJson({ prompt, ...(await generateText(generator, ids, settings)) });
          return;
        }
        let before = prompt; // shown once the prompt is known to fit
        for await (const { text } of generator.generate(ids, settings)) {
          process.stdout.write(before + text);
          before = "";
        }
        process.stdout.write("\n");
      } finally {
        close();
      }
    });
}
