import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { existsSync, readdirSync, statSync } from "node:fs";
import type { Command } from "commander";
import {
  centredMean,
  evalDefinitions,
  evaluate,
  type EvalDefinitions,
  isShare,
  leaderboardMean,
  listTasks,
  LocalLanguageModel,
  perplexityScore,
  ResultWriter,
  type TaskResult,
} from "../../eval/index.ts";
import { openRun, Progress, RunDirectory } from "../../run/index.ts";
import { loadPlugins, pluginAddresses } from "../../io/plugins.ts";
import { NuwaError } from "../../text/index.ts";
import { openModel, withModelOptions, type ModelOptions } from "../generation-options.ts";
import { printJson, runUntil, wholeNumber } from "../shared.ts";
import { table } from "../tables.ts";

interface Options extends ModelOptions {
  readonly tasks?: string;
  readonly data?: string;
  readonly text: string[];
  readonly limit?: number;
  readonly fewShot?: number;
  readonly addBosToken?: boolean;
  readonly applyChatTemplate?: boolean;
  readonly fewshotAsMultiturn?: boolean;
  readonly systemInstruction?: string;
  readonly list?: boolean;
  readonly output?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("eval")
    .description("score a model on benchmarks, or on texts")
    .argument("[model]", "a run directory, a checkpoint, or a folder with config.json and model.safetensors")
    .option("--tasks <names>", `comma-separated: names (see --list), or YAML files of your own`)
    .option("--data <folder>", "the folder that holds the benchmarks' files")
    .option(
      "--text <file>",
      "perplexity and bits per byte of a text file; may stand several times",
      (file: string, before: string[]) => [...before, file],
      [],
    )
    .option("--limit <count>", "only the first items of each task: an estimate, sooner", wholeNumber("--limit"))
    .option("--few-shot <count>", "examples before each item (default: the leaderboard's)", wholeNumber("--few-shot"))
    .option("--add-bos-token", "begin every text with the tokenizer's start token")
    .option("--apply-chat-template", "ask through the model's chat template")
    .option("--fewshot-as-multiturn", "examples as turns of a dialogue (default with a chat template)")
    .option("--no-fewshot-as-multiturn", "examples and question as one message")
    .option("--system-instruction <text>", "system message before everything")
    .option("--list", "show all tasks, with kind, examples and the files that they need")
    .option("--output <folder>", "where results.json and the examples go (default: eval/ in the run)");
  withModelOptions(command)
    .option("--json", "JSON on stdout")
    .addHelpText(
      "after",
      `
Without --tasks and --text, a run's own evaluation is done again.
Examples:
  nuwa eval runs/sample
  nuwa eval runs/sample --tasks arc_challenge,hellaswag,mmlu,truthfulqa_mc2 --data DIR
  nuwa eval runs/sample --tasks my-task.yaml
  nuwa eval runs/sample --text book.txt
  nuwa eval --list`,
    )
    .action(async (modelPath: string | undefined, options: Options) => {
      if (options.list === true) {
        await printTasks(options);
        return;
      }
      if (modelPath === undefined) {
        throw new NuwaError("USAGE", "missing required argument 'model'", { hint: "see --help" });
      }
      if (options.tasks === undefined && options.text.length === 0) {
        await runUntil(modelPath, "eval", { set: [], redo: true });
        return;
      }
      const { name, results } = await score(modelPath, options);
      if (options.json === true) printJson({ model: name, results });
      else printResults(results);
    });
}

async function score(modelPath: string, options: Options): Promise<{ name: string; results: TaskResult[] }> {
  const tasks = (options.tasks ?? "")
    .split(",")
    .map((task) => task.trim())
    .filter((task) => task !== "");
  const { data } = options;
  if (data === undefined && tasks.some((task) => !/\.ya?ml$/i.test(task))) {
    throw new NuwaError("USAGE", "benchmarks need their files", {
      where: "--tasks",
      hint: "name their folder with --data DIR",
    });
  }
  const run = new RunDirectory(path.resolve(modelPath));
  // What a run's recipe brings in is there for its evaluation, too.
  const plugins = existsSync(run.recipe) ? (await openRun(run)).plugins : [];
  const more = await loadPlugins(pluginAddresses(options.plugin, process.cwd()));
  const named = more.filter(({ file }) => !plugins.some((plugin) => plugin.file === file));
  const definitions = evalDefinitions([...plugins, ...named]);
  const { loaded, name, folder, close } = await openModel(modelPath, options);
  if (options.applyChatTemplate === true && !loaded.isChatModel) {
    close();
    throw new NuwaError("VALUE", "the model has no chat template", { where: "--apply-chat-template" });
  }
  const model = new LocalLanguageModel(loaded.model, loaded.tokenizer, {
    name,
    chatTemplate: loaded.template,
    addBosToken: options.addBosToken === true,
  });
  const output = options.output ?? (existsSync(run.manifest) ? run.eval : undefined);
  const { limit, fewShot, addBosToken, applyChatTemplate, fewshotAsMultiturn, systemInstruction, precision } = options;
  const chosen = { limit, fewShot, addBosToken, applyChatTemplate, fewshotAsMultiturn, systemInstruction, precision };
  const measured = { model: name, fingerprint: fingerprintOf(folder), options: chosen };
  const writer = output === undefined ? undefined : new ResultWriter(output, measured);
  const progress = new Progress({ quiet: false });
  try {
    const results: TaskResult[] = [];
    for (const file of options.text) results.push(await scoreFile(model, file));
    if (tasks.length > 0) results.push(...(await runTasks(model, tasks, options, definitions, progress, writer)));
    const dropped = (await writer?.finish(results)) ?? 0;
    if (output !== undefined) process.stderr.write(`results and examples: ${run.show(output)}\n`);
    if (dropped > 0) {
      process.stderr.write(`${dropped} earlier results there were of other weights or options, and were replaced\n`);
    }
    return { name, results };
  } finally {
    model.dispose();
    close();
  }
}

/** Tells one state of a model's weights from another without reading them: their files' sizes and times. */
function fingerprintOf(folder: string): string {
  const weights = readdirSync(folder).filter((file) => /\.(safetensors|gguf|bin)$/.test(file));
  return weights
    .toSorted()
    .map((file) => {
      const { size, mtimeMs } = statSync(path.join(folder, file));
      return `${file}:${size}:${Math.round(mtimeMs)}`;
    })
    .join(" ");
}

async function runTasks(
  model: LocalLanguageModel,
  tasks: readonly string[],
  options: Options,
  definitions: EvalDefinitions,
  progress: Progress,
  writer: ResultWriter | undefined,
): Promise<TaskResult[]> {
  let current: { task: string; total: number; bar: ReturnType<Progress["bar"]> } | undefined;
  const results = await evaluate(model, {
    tasks,
    dataDir: options.data,
    limit: options.limit,
    fewShot: options.fewShot,
    applyChatTemplate: options.applyChatTemplate,
    fewshotAsMultiturn: options.fewshotAsMultiturn,
    systemInstruction: options.systemInstruction,
    ...definitions,
    onExample: (example) => writer?.example(example),
    onProgress({ task, done, total }) {
      if (current?.task !== task) {
        current?.bar.done(`${current.total} requests`);
        current = { task, total, bar: progress.bar(task, "requests", total) };
      }
      current.bar.update(done);
    },
  });
  current?.bar.done(`${current.total} requests`);
  return results;
}

async function scoreFile(model: LocalLanguageModel, file: string): Promise<TaskResult> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", `cannot read the text: ${cause instanceof Error ? cause.message : ""}`, {
      where: file,
      cause,
    });
  }
  if (text.trim() === "") throw new NuwaError("DATA", "the text is empty", { where: file });
  const { logLikelihood, tokens } = await model.scoreText(text);
  const perplexity = perplexityScore(logLikelihood, tokens, [text]);
  const plain = (value: number) => ({ value, standardError: 0, n: 1 });
  const { token_perplexity, word_perplexity, bits_per_byte, bits_per_character } = perplexity;
  const scores = {
    bits_per_byte: plain(bits_per_byte),
    bits_per_character: plain(bits_per_character),
    word_perplexity: plain(word_perplexity),
    token_perplexity: plain(token_perplexity),
  };
  return {
    task: file,
    kind: "perplexity",
    metric: "bits_per_byte",
    scores,
    perplexity,
    fewShot: 0,
    items: 1,
    available: 1,
    files: [file],
  };
}

/** Parts of a group are many; the group's line stands for them. */
function printResults(results: readonly TaskResult[]): void {
  const rows = results
    .filter(({ group }) => group === undefined)
    .flatMap(({ task, fewShot, scores, items, available }) =>
      Object.entries(scores).map(([metric, { value, standardError }]) => [
        task,
        String(fewShot),
        metric,
        isShare(metric) ? `${(100 * value).toFixed(1)} %` : value.toPrecision(4),
        standardError > 0
          ? `± ${isShare(metric) ? (100 * standardError).toFixed(1) : standardError.toPrecision(2)}`
          : "",
        items < available ? `${items} of ${available}` : String(items),
      ]),
    );
  process.stdout.write(table([["task", "shots", "metric", "score", "error", "items"], ...rows]));
  const mean = leaderboardMean(results);
  if (mean !== undefined) {
    process.stdout.write(`leaderboard mean: ${(100 * mean.value).toFixed(1)} % (chance: about 30, GPT-2 124M: 30.0)\n`);
  }
  const core = centredMean(results);
  if (core !== undefined && Object.keys(core.tasks).length > 1) {
    const count = Object.keys(core.tasks).length;
    process.stdout.write(
      `centred mean of ${count} of CORE's ${count + core.missing.length} tasks: ${core.value.toFixed(3)}\n`,
    );
  }
}

async function printTasks({ plugin, json }: Options): Promise<void> {
  const { definitions, kinds } = evalDefinitions(await loadPlugins(pluginAddresses(plugin, process.cwd())));
  const tasks = listTasks({ tasks: definitions, kinds });
  if (json === true) {
    printJson(tasks);
    return;
  }
  const rows = tasks.map(({ task, kind, fewShot, metric, files }) => [
    task,
    kind,
    String(fewShot),
    metric,
    // The first modelPath of each split: where a file is best put.
    Object.values(files)
      .map(([first = ""]) => first)
      .join(", "),
  ]);
  const all = [["task", "kind", "shots", "metric", "files below --data"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of all) {
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
}
