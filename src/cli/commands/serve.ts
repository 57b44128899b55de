import { once } from "node:events";
import type { Command } from "commander";
import { startServer } from "../../serve/index.ts";
import {
  generationFrom,
  openModel,
  withGenerationOptions,
  withModelOptions,
  type GenerationOptions,
  type ModelOptions,
} from "../generation-options.ts";
import { wholeNumber } from "../shared.ts";

interface Options extends GenerationOptions, ModelOptions {
  readonly host: string;
  readonly port: number;
  readonly name?: string;
}

export function register(program: Command): void {
  const command = program
    .command("serve")
    .description("OpenAI-compatible API and a chat page")
    .argument("<model>", "a run directory, a checkpoint, or a folder with config.json and model.safetensors")
    .option("--port <number>", "0 takes any free one", wholeNumber("--port"), 8080)
    .option("--host <address>", "0.0.0.0 lets other machines in", "127.0.0.1")
    .option("--name <name>", "what requests call the model (default: the folder's name)");
  withModelOptions(withGenerationOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  nuwa serve runs/sample --port 3000
  curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "sample", "messages": [{"role": "user", "content": "Hello"}]}'`,
    )
    .action(async (modelPath: string, options: Options) => {
      const defaults = generationFrom(options, { temperature: 0.7 });
      const { loaded, name, close } = await openModel(modelPath, options);
      const { host, port } = options;
      const modelName = options.name ?? name;
      const log = (line: string) => process.stderr.write(`${line}\n`);
      try {
        const server = await startServer(loaded, { modelName, host, port, defaults, log });
        log(`${modelName} is served at ${server.url} (chat page) and ${server.url}/v1 (API). Ctrl-C ends it.`);
        await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
        await server.close();
      } finally {
        close();
      }
    });
}
