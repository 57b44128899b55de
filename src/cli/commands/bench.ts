import type { Command } from "commander";
import { benchTrain, resultTable, variantTable } from "../../../bench/train/index.ts";
import { benchDecode, decodeTable } from "../../../bench/decode.ts";
import { NuwaError } from "../../text/index.ts";
import { printJson, wholeNumber } from "../shared.ts";
import { table } from "../tables.ts";

interface Options {
  readonly shape: string;
  readonly steps?: number;
  readonly threads?: number;
  readonly rounds: number;
  readonly precision: string;
  readonly peer: boolean;
  readonly profile?: boolean;
  readonly activationCheckpointing?: boolean;
  readonly context?: number;
  readonly batch?: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const bench = program.command("bench").description("how fast this machine trains and generates");
  bench
    .command("train")
    .description("tokens per second and memory of a training step, beside PyTorch where python3 has it")
    .option("--shape <name>", "R0, R1, R2, several with commas, or all", "R1")
    .option("--steps <n>", "steps of a round that count (default: as many as take some seconds)", atLeastOne("--steps"))
    .option("--threads <n>", "threads of both (default: one a core)", atLeastOne("--threads"))
    .option("--rounds <n>", "times that ours and each of the peer's variants run, in turn", atLeastOne("--rounds"), 2)
    .option("--precision <name>", "what products compute in", "float32")
    .option("--context <n>", "tokens in a sequence, in place of the shape's own", atLeastOne("--context"))
    .option("--batch <n>", "sequences in a batch, in place of the shape's own", atLeastOne("--batch"))
    .option("--activation-checkpointing", "ours computes activations again in backward, in less memory")
    .option("--no-peer", "only ours")
    .option("--profile", "the time of each kernel, on stderr; without the peer")
    .option("--json", "JSON")
    .addHelpText(
      "after",
      `
Shapes (layers, heads, width; context, batch, vocabulary), GPT-2's architecture with AdamW:
  R0    4,  4, 128;  128, 16,    512
  R1    6,  6, 384;  256,  8,  4,096
  R2   12, 12, 768;  512,  4, 50,257

The peer's best is the fastest of eager and torch.compile, float32 and bf16 autocast. On a shared machine the ratio
says more than the figures: both are measured in turn.

Example:
  nuwa bench train --shape R1`,
    )
    .action(async (options: Options) => {
      const results = await benchTrain(
        { ...options, profile: options.profile === true, checkpointing: options.activationCheckpointing },
        (line) => {
          process.stderr.write(`${line}\n`);
        },
      );
      if (options.json === true) {
        printJson(results);
        return;
      }
      process.stdout.write(table(resultTable(results)));
      const variants = variantTable(results);
      if (variants.length > 0) process.stdout.write(`\n${table(variants)}`);
    });
  registerDecode(bench);
}

interface DecodeOptions {
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly prompt: number;
  readonly tokens: number;
  readonly batch: number;
  readonly rounds: number;
  readonly threads?: number;
  readonly json?: boolean;
}

function registerDecode(bench: Command): void {
  bench
    .command("decode")
    .description("tokens per second of generation, as a share of the memory bandwidth measured beside it")
    .option("--layers <n>", "layers of a LLaMA-like model with random weights", atLeastOne("--layers"), 12)
    .option("--width <n>", "its width, a multiple of 64", atLeastOne("--width"), 768)
    .option("--vocabulary <n>", "its vocabulary", atLeastOne("--vocabulary"), 32_000)
    .option("--prompt <n>", "tokens that are read first", atLeastOne("--prompt"), 256)
    .option("--tokens <n>", "tokens that are then written, each timed", atLeastOne("--tokens"), 32)
    .option("--batch <n>", "texts written at once in the batched part", atLeastOne("--batch"), 8)
    .option("--rounds <n>", "times that each precision runs, in turn", atLeastOne("--rounds"), 3)
    .option("--threads <n>", "threads (default: one a core)", atLeastOne("--threads"))
    .option("--json", "JSON")
    .addHelpText("after", "\nExample:\n  nuwa bench decode --width 1024 --json")
    .action((options: DecodeOptions) => {
      const results = benchDecode(options, (line) => {
        process.stderr.write(`${line}\n`);
      });
      if (options.json === true) printJson(results);
      else process.stdout.write(table(decodeTable(results)));
    });
}

function atLeastOne(name: string): (text: string) => number {
  const parse = wholeNumber(name);
  return (text) => {
    const value = parse(text);
    if (value >= 1) return value;
    throw new NuwaError("USAGE", `expected 1 or more, got "${text}"`, { where: name });
  };
}
