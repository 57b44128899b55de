#!/usr/bin/env node
import { Command } from "commander";
import { version } from "../run/index.ts";
import { register as bench } from "./commands/bench.ts";
import { register as chat } from "./commands/chat.ts";
import { register as data } from "./commands/data.ts";
import { register as doctor } from "./commands/doctor.ts";
import { register as evaluate } from "./commands/eval.ts";
import { register as generate } from "./commands/generate.ts";
import { register as leaderboard } from "./commands/leaderboard.ts";
import { register as models } from "./commands/models.ts";
import { register as report } from "./commands/report.ts";
import { register as run } from "./commands/run.ts";
import { register as serve } from "./commands/serve.ts";
import { register as sweep } from "./commands/sweep.ts";
import { register as tokenizer } from "./commands/tokenizer.ts";
import { register as training } from "./commands/training.ts";
import { judge } from "./errors.ts";

/** The whole command line, not yet run. */
export function createProgram(): Command {
  const program = new Command("nuwa")
    .description("Build a large language model from nothing: data, tokenizer, training, evaluation, chat.")
    .version(version(), "-v, --version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      "after",
      `
Examples:
  nuwa run recipes/sample.yaml          raw documents to a model, in runs/sample
  nuwa chat runs/sample                 talk to it
  nuwa data removed runs/sample         what the data stages removed, and why
  nuwa doctor                           is this machine ready?

NUWA_THREADS, NUWA_DEVICE and NUWA_SET="key=value; …" change any recipe; --set goes before them. NUWA_DEBUG=1 shows stack traces.`,
    );
  for (const register of [
    run,
    sweep,
    data,
    tokenizer,
    training,
    models,
    evaluate,
    leaderboard,
    generate,
    chat,
    serve,
    report,
    doctor,
    bench,
  ]) {
    register(program);
  }
  return program;
}

/** A reader that went away (`nuwa … | head`) is no error. */
function quietWhenReaderLeaves(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      process.exit(error.code === "EPIPE" ? 0 : 1);
    });
  }
}

async function main(): Promise<number> {
  quietWhenReaderLeaves();
  try {
    await createProgram().parseAsync(process.argv);
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    const { exitCode, message } = judge(error, process.env["NUWA_DEBUG"] === "1");
    if (message !== undefined) process.stderr.write(`${message}\n`);
    return exitCode;
  }
}

const code = await main();
// A pool or socket that lingers must not keep the terminal; what is still in the pipe must get out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
