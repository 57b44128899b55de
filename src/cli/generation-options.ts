import type { Command } from "commander";
import { basename, resolve } from "node:path";
import { generationSettings, loadGenerator, type GenerationSettings, type LoadedGenerator } from "../generate/index.ts";
import { familiesWith } from "../models/index.ts";
import { checkValue as check, findModel, pluginsFor } from "../run/index.ts";
import { deviceChoices, openDevice } from "../tensor/index.ts";
import { didYouMean, NuwaError } from "../text/index.ts";

export interface GenerationOptions {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
  readonly stop?: string[];
}

export interface ModelOptions {
  readonly threads?: number;
  readonly device?: string;
  readonly precision?: string;
  readonly plugin: string[];
}

/** A number given on the command line; its range is checked with the other settings. */
export function number(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value)) return value;
    throw new NuwaError("USAGE", `expected a number, got "${text}"`, { where: flag });
  };
}

/** `--temperature` and its like. */
export function withGenerationOptions(command: Command): Command {
  return command
    .option("-t, --temperature <number>", "0 takes the likeliest token; higher is freer", number("--temperature"))
    .option("--top-k <count>", "only the k likeliest tokens", number("--top-k"))
    .option("--top-p <share>", "only the fewest tokens that reach this probability", number("--top-p"))
    .option("--min-p <share>", "only tokens at least this share as likely as the likeliest", number("--min-p"))
    .option("--repetition-penalty <number>", "above 1: less repetition", number("--repetition-penalty"))
    .option("-n, --max-tokens <count>", "most new tokens", number("--max-tokens"))
    .option("--seed <number>", "the same seed gives the same text", number("--seed"))
    .option(
      "--stop <text>",
      "a text that ends the answer; may stand several times",
      (text: string, before: string[] = []) => [...before, text],
    );
}

const PRECISIONS = ["float32", "bfloat16", "int8"] as const;

/** `--threads`, `--device`, `--precision`, `--plugin`. */
export function withModelOptions(command: Command): Command {
  return command
    .option("--threads <count>", "threads of the kernels (default: one a core)", number("--threads"))
    .option("--device <name>", "cpu, reference, or auto for cpu where it is built", "auto")
    .option("--precision <name>", "weights in memory: float32, bfloat16 or int8 (smaller is faster)", "float32")
    .option(
      "--plugin <file>",
      "a module that adds to what there is (families of models, tasks); may stand several times; a run's own are known",
      (file: string, before: string[]) => [...before, file],
      [],
    );
}

/**
 * The settings that the options give over a command's own defaults.
 * @throws NuwaError VALUE naming the flag
 */
export function generationFrom(
  options: GenerationOptions,
  defaults: Partial<GenerationSettings> = {},
): GenerationSettings {
  const chosen = {
    temperature: options.temperature,
    top_k: options.topK,
    top_p: options.topP,
    min_p: options.minP,
    repetition_penalty: options.repetitionPenalty,
    max_tokens: options.maxTokens,
    seed: options.seed,
    stop: options.stop,
  };
  const known = Object.entries(chosen).filter(([, value]) => value !== undefined);
  const result = check(generationSettings, { ...defaults, ...Object.fromEntries(known) });
  if (result.ok) return result.value;
  const [mistake] = result.mistakes;
  const flag = `--${String(mistake?.path[0] ?? "").replaceAll("_", "-")}`;
  throw new NuwaError("VALUE", mistake?.message ?? "not as expected", { where: flag });
}

function oneOf<T extends string>(choices: readonly T[], value: string, where: string): T {
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  const hint = didYouMean(value, choices);
  throw new NuwaError("USAGE", `expected ${choices.join(", ")}, got "${value}"`, { where, hint });
}

/** Opens the model of a run, a checkpoint, or any Hugging Face folder. */
export async function openModel(
  modelPath: string,
  options: ModelOptions,
): Promise<{ readonly loaded: LoadedGenerator; readonly name: string; readonly folder: string; close(): void }> {
  const folder = findModel(modelPath);
  const wanted = oneOf(deviceChoices(), options.device ?? "auto", "--device");
  const precision = oneOf(PRECISIONS, options.precision ?? "float32", "--precision");
  const warn = (message: string): void => void process.stderr.write(`nuwa: ${message}\n`);
  const { threads } = options;
  const device = await openDevice(wanted, { threads, warn });
  try {
    const families = familiesWith(await pluginsFor(modelPath, options.plugin, process.cwd()));
    const loaded = await loadGenerator(folder, device, { precision, families });
    const close = () => {
      loaded.release();
      device.dispose();
    };
    return { loaded, name: basename(resolve(modelPath)), folder, close };
  } catch (error) {
    device.dispose();
    throw error;
  }
}
