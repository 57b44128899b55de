import { NuwaError } from "../text/errors.ts";
import type { ContinuationRequest, LanguageModel } from "./language-model.ts";
import { meanScore, perplexityScore, scoreItem, type ItemScore, type PerplexityScore, type Score } from "./metrics.ts";
import { PythonRandom } from "./python-random.ts";
import {
  findTasks,
  type ChoiceMetric,
  type LastWordTask,
  type MultipleChoiceTask,
  type PerplexityTask,
  type TaskData,
  type TaskItem,
} from "./tasks/index.ts";

export interface EvalOptions {
  /** Names that {@link findTasks} knows. */
  readonly tasks: readonly string[];
  readonly dataDir: string;
  /** Only the first items of each task. The score is then an estimate, and the report says so. */
  readonly limit?: number | undefined;
  /** Overrides each task's number of examples. */
  readonly fewShot?: number | undefined;
  /** Seed of the example sampler; the harness's is 1234. */
  readonly fewShotSeed?: number | undefined;
  readonly onProgress?: ((progress: { task: string; done: number; total: number }) => void) | undefined;
  /** Called for each item, for per-example output. */
  readonly onExample?: ((example: ExampleResult) => void) | undefined;
}

export interface ExampleResult {
  readonly task: string;
  readonly id: string;
  readonly query: string;
  readonly choices: readonly string[];
  readonly gold: number;
  readonly logLikelihoods: readonly number[];
  readonly scores: Partial<ItemScore>;
}

export interface TaskResult {
  readonly task: string;
  readonly kind: "multiple_choice" | "last_word" | "perplexity" | "group";
  /** The metric that is quoted for this task. */
  readonly metric: string;
  readonly scores: { readonly [metric: string]: Score };
  readonly perplexity?: PerplexityScore;
  readonly fewShot: number;
  readonly items: number;
  /** How many items there are without a limit. */
  readonly available: number;
  readonly files: readonly string[];
  /** The group this is part of. */
  readonly group?: string;
}

/** The examples before an item, drawn as the harness draws them. */
function examplesFor(item: TaskItem, data: TaskData, count: number, random: PythonRandom): string[] {
  if (count === 0) return [];
  const pool = data.fewShotPool;
  const join = (example: TaskItem | string) =>
    typeof example === "string" ? example : `${example.query} ${example.choices[example.gold] ?? ""}`;
  const strings = pool.every((example) => typeof example === "string");
  if (strings || data.sampler === "first") return pool.slice(0, count).map(join);
  const items = pool as readonly TaskItem[];
  const drawn = random.sample(items, Math.min(items.length, data.poolIsTest ? count + 1 : count));
  return drawn
    .filter((example) => !data.poolIsTest || example.id !== item.id)
    .slice(0, count)
    .map(join);
}

/** The whole prompt: description, examples, item; examples are parted by blank lines. */
export function buildPrompt(item: TaskItem, data: TaskData, count: number, random: PythonRandom): string {
  const examples = examplesFor(item, data, count, random);
  return data.description + [...examples, item.query].join("\n\n");
}

async function runMultipleChoice(
  model: LanguageModel,
  task: MultipleChoiceTask,
  options: EvalOptions,
): Promise<TaskResult> {
  const data = await task.load(options.dataDir);
  const items = data.items.slice(0, options.limit ?? data.items.length);
  const fewShot = Math.min(options.fewShot ?? task.fewShot, data.fewShotPool.length);
  const random = new PythonRandom(options.fewShotSeed ?? 1234);
  const requests: ContinuationRequest[] = [];
  for (const item of items) {
    const context = buildPrompt(item, data, fewShot, random);
    for (const choice of item.choices) requests.push({ context, continuation: ` ${choice}` });
  }
  const results = await model.scoreContinuations(requests, (done) =>
    options.onProgress?.({ task: task.name, done, total: requests.length }),
  );
  let next = 0;
  const scored = items.map((item) => {
    const logLikelihoods = item.choices.map(() => results[next++]?.logLikelihood ?? Number.NaN);
    const scores = scoreItem(item, logLikelihoods);
    const { id, query, choices, gold } = item;
    options.onExample?.({ task: task.name, id, query, choices, gold, logLikelihoods, scores });
    return scores;
  });
  const metrics: ChoiceMetric[] = task.metric === "mc2" ? ["mc2"] : ["acc", "acc_norm"];
  return {
    task: task.name,
    kind: "multiple_choice",
    metric: task.metric,
    scores: Object.fromEntries(metrics.map((metric) => [metric, meanScore(scored.map((score) => score[metric] ?? 0))])),
    fewShot,
    items: items.length,
    available: data.items.length,
    files: data.files,
    ...(task.group === undefined ? {} : { group: task.group }),
  };
}

async function runLastWord(model: LanguageModel, task: LastWordTask, options: EvalOptions): Promise<TaskResult> {
  const data = await task.load(options.dataDir);
  const items = data.items.slice(0, options.limit ?? data.items.length);
  const requests = items.map(({ context, word }) => ({ context, continuation: word }));
  const results = await model.scoreContinuations(requests, (done) =>
    options.onProgress?.({ task: task.name, done, total: requests.length }),
  );
  for (const [i, result] of results.entries()) {
    const item = items[i];
    if (item === undefined) continue;
    const scores = { acc: result.isGreedy ? 1 : 0 } as const;
    options.onExample?.({
      task: task.name,
      id: String(i),
      query: item.context,
      choices: [item.word],
      gold: 0,
      logLikelihoods: [result.logLikelihood],
      scores,
    });
  }
  const nats = meanScore(results.map((result) => -result.logLikelihood));
  const perplexity = Math.exp(nats.value);
  return {
    task: task.name,
    kind: "last_word",
    metric: "acc",
    scores: {
      acc: meanScore(results.map((result) => (result.isGreedy ? 1 : 0))),
      // delta method: the error of e^x is e^x times the error of x
      perplexity: { value: perplexity, standardError: perplexity * nats.standardError, n: nats.n },
    },
    fewShot: 0,
    items: items.length,
    available: data.items.length,
    files: data.files,
  };
}

async function runPerplexity(model: LanguageModel, task: PerplexityTask, options: EvalOptions): Promise<TaskResult> {
  const data = await task.load(options.dataDir);
  const pages = data.pages.slice(0, options.limit ?? data.pages.length);
  let logLikelihood = 0;
  let tokens = 0;
  for (const [i, page] of pages.entries()) {
    const score = await model.scoreText(page.text);
    logLikelihood += score.logLikelihood;
    tokens += score.tokens;
    options.onProgress?.({ task: task.name, done: i + 1, total: pages.length });
  }
  const perplexity = perplexityScore(
    logLikelihood,
    tokens,
    pages.map((page) => page.original),
  );
  const plain = (value: number): Score => ({ value, standardError: 0, n: pages.length });
  return {
    task: task.name,
    kind: "perplexity",
    metric: "word_perplexity",
    scores: {
      word_perplexity: plain(perplexity.word_perplexity),
      byte_perplexity: plain(perplexity.byte_perplexity),
      bits_per_byte: plain(perplexity.bits_per_byte),
      bits_per_character: plain(perplexity.bits_per_character),
    },
    perplexity,
    fewShot: 0,
    items: pages.length,
    available: data.pages.length,
    files: data.files,
  };
}

/** The leaderboard's group score: the plain mean over the parts, its error from the parts' errors. */
function groupResult(group: string, parts: readonly TaskResult[]): TaskResult {
  const metric = parts[0]?.metric ?? "acc";
  const scores = parts.map((part) => part.scores[metric] ?? { value: Number.NaN, standardError: 0, n: 0 });
  const value = scores.reduce((sum, score) => sum + score.value, 0) / scores.length;
  const standardError = Math.sqrt(scores.reduce((sum, score) => sum + score.standardError ** 2, 0)) / scores.length;
  const total = (of: (part: TaskResult) => number) => parts.reduce((sum, part) => sum + of(part), 0);
  const items = total((part) => part.items);
  return {
    task: group,
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
 * @throws NuwaError USAGE for an unknown task, FILE and DATA for missing or damaged benchmark files
 */
export async function evaluate(model: LanguageModel, options: EvalOptions): Promise<TaskResult[]> {
  if (options.limit !== undefined && !(options.limit >= 1)) {
    throw new NuwaError("VALUE", `expected a limit of at least 1, got ${options.limit}`, { where: "--limit" });
  }
  const results: TaskResult[] = [];
  for (const task of findTasks(options.tasks, options.dataDir)) {
    if (task.kind === "multiple_choice") results.push(await runMultipleChoice(model, task, options));
    else if (task.kind === "last_word") results.push(await runLastWord(model, task, options));
    else results.push(await runPerplexity(model, task, options));
  }
  const groups = [...new Set(results.flatMap(({ group }) => (group === undefined ? [] : [group])))];
  return [
    ...results.filter(({ group }) => group === undefined),
    ...groups.flatMap((group) => {
      const parts = results.filter((result) => result.group === group);
      return [groupResult(group, parts), ...parts];
    }),
  ];
}
