import { NuwaError, type Registry } from "../text/index.ts";
import type { Example } from "./kinds/kind.ts";
import type { TaskKind } from "./kinds/index.ts";
import type { LanguageModel } from "./language-model.ts";
import type { PerplexityScore, Score } from "./metrics.ts";
import { FewShotSampler } from "./prompt/few-shot.ts";
import { PromptBuilder, type ChatOptions } from "./prompt/prompt.ts";
import { findTasks, type Task, type TaskDefinition, type TaskGroup } from "./tasks/index.ts";

/** Which tasks {@link evaluate} runs, how, and what it reports. */
export interface EvalOptions extends ChatOptions {
  /** Names that {@link findTasks} knows, and paths of task files. */
  readonly tasks: readonly string[];
  /** The folder with the benchmarks' files; a task file of the user's may do without. */
  readonly dataDir?: string | undefined;
  /** Only the first items of each task. The score is then an estimate, and the report says so. */
  readonly limit?: number | undefined;
  /** Overrides each task's number of examples. */
  readonly fewShot?: number | undefined;
  /** Seed of the example sampler; the harness's is 1234. */
  readonly fewShotSeed?: number | undefined;
  /** The tasks and kinds that there are; built-in ones by default. */
  readonly definitions?: Registry<TaskDefinition> | undefined;
  readonly kinds?: Registry<TaskKind> | undefined;
  /** A task's result from before, which is then not measured again. */
  readonly resume?: ((task: string) => TaskResult | undefined) | undefined;
  readonly onProgress?: ((progress: { task: string; done: number; total: number }) => void) | undefined;
  /** Called for each item, for per-example output. */
  readonly onExample?: ((example: ExampleResult) => void) | undefined;
  /** Called when a task is done, before the next begins. */
  readonly onResult?: ((result: TaskResult) => void) | undefined;
}

/** One item's outcome: a line of `examples/TASK.jsonl`. */
export interface ExampleResult extends Example {
  readonly task: string;
}

/** One task's scores, and what they were measured on. */
export interface TaskResult {
  readonly task: string;
  /** The task's kind, or `group`. */
  readonly kind: string;
  /** The metric that is quoted for this task. */
  readonly metric: string;
  readonly scores: { readonly [metric: string]: Score };
  readonly perplexity?: PerplexityScore;
  readonly fewShot: number;
  readonly items: number;
  /** How many items there are without a limit. */
  readonly available: number;
  readonly files: readonly string[];
  /** The group this is part of, where that was asked for. */
  readonly group?: string;
}

async function runTask(model: LanguageModel, task: Task, options: EvalOptions): Promise<TaskResult> {
  const { name, settings, prepared, kind } = task;
  const { turn, metric } = prepared;
  const wanted = turn === undefined ? 0 : (options.fewShot ?? settings.num_fewshot);
  const { documents, fewShotPool, readyExamples, files } = await task.load({ fewShot: wanted });
  const fewShot = Math.min(wanted, Math.max(fewShotPool.length, readyExamples.length));
  const items = documents.slice(0, options.limit ?? documents.length);
  const { sampler, exclude_item: excludeItem } = settings.fewshot_config;
  const prompts = new PromptBuilder({
    ...options,
    description: task.description,
    targetDelimiter: settings.target_delimiter,
    fewshotDelimiter: settings.fewshot_delimiter,
    readyExamples: readyExamples.slice(0, fewShot),
    sampler: new FewShotSampler(fewShotPool, {
      sampler,
      excludeItem,
      count: fewShot,
      seed: options.fewShotSeed ?? 1234,
    }),
    turn: turn ?? (() => ({ question: "", answer: "" })),
    renderChat: (messages) => model.renderChat(messages),
  });
  const result = await prepared.run({
    model,
    documents: items,
    prompts,
    onProgress: (done, total) => options.onProgress?.({ task: name, done, total }),
    onExample: (example) => options.onExample?.({ task: name, ...example }),
  });
  return { task: name, kind, metric, ...result, fewShot, items: items.length, available: documents.length, files };
}

/** A group's score: the mean over its tasks, plain or weighted by their items; its error from theirs. */
function groupResult(group: TaskGroup, parts: readonly TaskResult[]): TaskResult {
  const metric = group.metric ?? parts[0]?.metric ?? "acc";
  const scored = parts.flatMap((part) => {
    const score = part.scores[metric];
    return score === undefined ? [] : [{ ...score, weight: group.aggregation === "weighted" ? part.items : 1 }];
  });
  const weight = scored.reduce((sum, part) => sum + part.weight, 0);
  const value = scored.reduce((sum, part) => sum + part.weight * part.value, 0) / weight;
  const standardError =
    Math.sqrt(scored.reduce((sum, part) => sum + (part.weight * part.standardError) ** 2, 0)) / weight;
  const total = (of: (part: TaskResult) => number) => parts.reduce((sum, part) => sum + of(part), 0);
  const items = total((part) => part.items);
  return {
    task: group.name,
    kind: "group",
    metric,
    scores: { [metric]: { value, standardError, n: items } },
    fewShot: parts[0]?.fewShot ?? 0,
    items,
    available: total((part) => part.available),
    files: parts.flatMap((part) => part.files),
  };
}

/**
 * Runs benchmarks on a model, in the form of the Language Model Evaluation Harness.
 * Groups such as `mmlu` come before their parts in the result.
 *
 * @throws NuwaError USAGE for an unknown task, VALUE for a mistake in a task file, FILE and DATA for missing or damaged
 * benchmark files
 */
export async function evaluate(model: LanguageModel, options: EvalOptions): Promise<TaskResult[]> {
  if (options.limit !== undefined && !(options.limit >= 1)) {
    throw new NuwaError("VALUE", `expected a limit of at least 1, got ${options.limit}`, { where: "--limit" });
  }
  const { dataDir, definitions, kinds } = options;
  const { tasks, groups } = findTasks(options.tasks, { dataDir, tasks: definitions, kinds });
  const results = new Map<string, TaskResult>();
  for (const task of tasks) {
    const result = options.resume?.(task.name) ?? (await runTask(model, task, options));
    results.set(task.name, result);
    options.onResult?.(result);
  }
  const inGroup = new Set(groups.flatMap((group) => group.tasks));
  const alone = [...results.values()].filter(({ task }) => !inGroup.has(task));
  const grouped = groups.flatMap((group) => {
    const parts = group.tasks.flatMap((task) => results.get(task) ?? []);
    // A task of several groups comes once, with the smallest of them, which is the first.
    const own = parts.filter(({ task }) => inGroup.delete(task));
    return [groupResult(group, parts), ...own.map((part) => ({ ...part, group: group.name }))];
  });
  return [...alone, ...grouped];
}
