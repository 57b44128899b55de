import type { Command } from "commander";
import { chatLoop } from "../chat-loop.ts";
import {
  generationFrom,
  openModel,
  withGenerationOptions,
  withModelOptions,
  type GenerationOptions,
  type ModelOptions,
} from "../generation-options.ts";

interface Options extends GenerationOptions, ModelOptions {
  readonly system?: string;
}

export function register(program: Command): void {
  const command = program
    .command("chat")
    .description("talk to a model in the terminal")
    .argument("<model>", "a run directory, a checkpoint, or a folder with config.json and model.safetensors")
    .option("--system <text>", "a system message");
  withModelOptions(withGenerationOptions(command))
    .addHelpText(
      "after",
      '\nExamples:\n  nuwa chat runs/sample\n  echo "What is the capital of France?" | nuwa chat runs/sample -t 0',
    )
    .action(async (modelPath: string, options: Options) => {
      const settings = generationFrom(options, { temperature: 0.3 });
      const { loaded, name, close } = await openModel(modelPath, options);
      try {
        if (!loaded.isChatModel)
          process.stderr.write(`note: ${name} has no chat template; it may never have learnt to answer\n`);
        await chatLoop({
          loaded,
          settings,
          system: options.system,
          input: process.stdin,
          output: process.stdout,
          console: process.stderr,
          interactive: process.stdin.isTTY && process.stdout.isTTY,
        });
      } finally {
        close();
      }
    });
}
