import { existsSync, rmSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { shuffleByHash } from "../../data/pack/dialogues/order.ts";
import type { Question } from "../../data/pack/dialogues/index.ts";
import { dialogueFiles } from "../../data/pack/dialogues/files.ts";
import {
  askQuestions,
  evalDefinitions,
  evaluate,
  LocalLanguageModel,
  type QuestionScores,
  type TaskResult,
} from "../../eval/index.ts";
import { loadGenerator } from "../../generate/index.ts";
import { openDevice } from "../../tensor/index.ts";
import { NuwaError, toJsonObject } from "../../text/index.ts";
import { loadPlugins, pluginAddresses } from "../../io/plugins.ts";
import { hashFile } from "../../io/hash.ts";
import { readJson } from "../../io/json.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { count } from "../progress.ts";
import { evalStageSettings, type EvalStageSettings } from "../settings/eval.ts";
import { findModel, type RunDirectory } from "../manifest/run-directory.ts";
import { readJsonLines } from "../shards/shards.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { Interrupted, stopIfAborted } from "../interrupted.ts";
import type { StageContext, StageOutcome } from "./stage.ts";

/** What the evaluation of a run leaves in `eval/scores.json`. */
export interface RunScores {
  readonly model: string;
  readonly tasks: readonly TaskResult[];
  readonly questions: Pick<QuestionScores, "overall" | "bySet"> | null;
}

interface EvalStageOptions {
  readonly settings: EvalStageSettings;
  readonly device: string;
  readonly seed: number;
  /** The stage whose model is measured. */
  readonly after: string;
  /** Whether it learned to answer: then it is asked questions. */
  readonly answers: boolean;
  /** Modules that may define tasks and kinds of task. */
  readonly plugins: readonly string[];
}

const isTaskFile = (task: string) => /\.ya?ml$/i.test(task);

/** Results of tasks that are done while others are not: what an interrupted evaluation goes on from. */
const partsOf = (directory: RunDirectory) => path.join(directory.eval, "parts");

/** Measures the run's model: held-out questions, and benchmarks whose files are given. */
export const evalStage = defineRecipeStage({
  name: "eval",
  group: "results",
  summary: "Measure the model.",
  schema: evalStageSettings,
  create: (settings, { directory, recipe, model }) => {
    const { device, seed } = recipe;
    const scores = path.join(directory.eval, "scores.json");
    const after = model();
    const answers = after !== "pretrain" && recipe["dialogues"] !== undefined;
    return {
      name: "eval",
      version: 1,
      settings: { ...toJsonObject(settings), device, seed },
      after: answers ? [after, "dialogues"] : [after],
      // Not the folder: `nuwa eval --tasks` keeps its results there too.
      outputs: [scores, path.join(directory.eval, "questions.jsonl"), partsOf(directory)],
      precious: false,
      isWhole: () => existsSync(scores),
      outside: async ({ cwd }) =>
        Object.fromEntries(
          settings.tasks.filter(isTaskFile).map((task) => [task, hashFile(path.resolve(cwd, task))] as const),
        ),
      run: (context) =>
        run(directory, { settings, device, seed, after, answers, plugins: recipe.plugins ?? [] }, context),
    };
  },
});

/** The scores of a run, if it has been measured: by its recipe, or later by `nuwa eval RUN --tasks …`. */
export function readScores(directory: RunDirectory): RunScores | undefined {
  const own = readJson(path.join(directory.eval, "scores.json"));
  const scores = scoresSchema.safeParse(own).success ? (own as RunScores) : undefined;
  const file = readJson(path.join(directory.eval, "results.json"));
  const later = resultsSchema.safeParse(file).success ? (file as { model: string; results: TaskResult[] }) : undefined;
  if (later === undefined) return scores;
  const known = scores?.tasks.filter(({ task }) => !later.results.some((result) => result.task === task)) ?? [];
  return {
    model: scores?.model ?? later.model,
    questions: scores?.questions ?? null,
    tasks: [...known, ...later.results],
  };
}

/** Our own files: enough is checked that what reads them does not stumble. */
const taskSchema = z.looseObject({
  task: z.string(),
  metric: z.string(),
  scores: z.record(z.string(), z.unknown()),
  items: z.number(),
  available: z.number(),
});
export const resultsSchema = z.looseObject({ model: z.string(), results: z.array(taskSchema) });
const scoresSchema = z.object({
  model: z.string(),
  tasks: z.array(taskSchema),
  questions: z.looseObject({ overall: z.looseObject({}), bySet: z.record(z.string(), z.looseObject({})) }).nullable(),
});

async function run(directory: RunDirectory, options: EvalStageOptions, context: StageContext): Promise<StageOutcome> {
  const { progress, threads } = context;
  const folder = findModel(directory.checkpoints(options.after));
  const device = await openDevice(options.device, { threads });
  try {
    const loaded = await loadGenerator(folder, device, { families: context.families });
    try {
      const asked = options.answers ? await questions(directory, options, loaded, context) : null;
      const tasks = await benchmarks(directory, options, loaded, context);
      const scores: RunScores = {
        model: path.relative(directory.root, folder),
        tasks,
        questions: asked === null ? null : { overall: asked.overall, bySet: asked.bySet },
      };
      const file = path.join(directory.eval, "scores.json");
      writeWhole(file, `${JSON.stringify(scores, null, 2)}\n`);
      const summary: Record<string, number | string | null> = {};
      if (asked !== null) summary["questions_right"] = asked.overall.value;
      for (const { task, metric, scores: values, group } of tasks) {
        if (group === undefined) summary[`${task} ${metric}`] = values[metric]?.value ?? null;
      }
      if (asked === null && tasks.length === 0) progress.bar("eval", "").done("nothing to measure");
      return { output: hashFile(file), summary };
    } finally {
      loaded.release();
    }
  } finally {
    device.dispose();
  }
}

type Loaded = Awaited<ReturnType<typeof loadGenerator>>;

async function questions(
  directory: RunDirectory,
  { settings, seed }: EvalStageOptions,
  loaded: Loaded,
  { progress, signal }: StageContext,
): Promise<QuestionScores | null> {
  const all: Question[] = [];
  for await (const question of readJsonLines<Question>(dialogueFiles(directory.dialogues).questions))
    all.push(question);
  const chosen = shuffleByHash(all, seed, (question) => JSON.stringify(question)).slice(0, settings.questions);
  if (chosen.length === 0) return null;
  const bar = progress.bar("eval", "questions", chosen.length);
  const result = await askQuestions(loaded, chosen, {
    maxTokens: settings.answer_tokens,
    signal,
    onProgress: (done) => bar.update(done),
  }).catch((error: unknown) => {
    if (signal.aborted) throw new Interrupted();
    throw error;
  });
  const { answered, overall } = result;
  writeWhole(
    path.join(directory.eval, "questions.jsonl"),
    answered.map((question) => `${JSON.stringify(question)}\n`).join(""),
  );
  bar.done(`${count(answered.length)} held-out questions, ${percent(overall.value)} right`);
  return result;
}

async function benchmarks(
  directory: RunDirectory,
  { settings, plugins }: EvalStageOptions,
  { model, tokenizer, template, isChatModel }: Loaded,
  { progress, signal, cwd }: StageContext,
): Promise<TaskResult[]> {
  if (settings.tasks.length === 0) return [];
  if (settings.apply_chat_template === true && !isChatModel) {
    throw new NuwaError("VALUE", "the model has no chat template", { where: "eval.apply_chat_template" });
  }
  const local = new LocalLanguageModel(model, tokenizer, {
    name: directory.root,
    chatTemplate: template,
    addBosToken: settings.add_bos_token === true,
  });
  const bar = progress.bar("eval", "requests");
  const parts = partsOf(directory);
  const part = (task: string) => path.join(parts, `${task}.json`);
  let examples: string[] = [];
  try {
    const results = await evaluate(local, {
      ...evalDefinitions(await loadPlugins(pluginAddresses(plugins, cwd))),
      // Files of the user's are named as in the recipe: from the folder that `nuwa` runs in.
      tasks: settings.tasks.map((task) => (isTaskFile(task) ? path.resolve(cwd, task) : task)),
      dataDir: settings.data === undefined ? undefined : path.resolve(cwd, settings.data),
      limit: settings.limit,
      fewShot: settings.few_shot,
      applyChatTemplate: settings.apply_chat_template,
      fewshotAsMultiturn: settings.fewshot_as_multiturn,
      systemInstruction: settings.system_instruction,
      resume: (task) => {
        const known = taskSchema.safeParse(readJson(part(task)));
        return known.success ? (readJson(part(task)) as TaskResult) : undefined;
      },
      onProgress: ({ task, done, total }) => {
        stopIfAborted(signal);
        bar.setTotal(total);
        bar.update(done, task);
      },
      onExample: (example) => {
        examples.push(`${JSON.stringify(example)}\n`);
      },
      onResult: (result) => {
        // A result from before has its examples on the disk already.
        if (examples.length > 0) writeWhole(path.join(directory.eval, `${result.task}.jsonl`), examples.join(""));
        examples = [];
        writeWhole(part(result.task), `${JSON.stringify(result)}\n`);
      },
    });
    rmSync(parts, { recursive: true, force: true });
    const shown = results
      .filter(({ group }) => group === undefined)
      .map(({ task, metric, scores }) => `${task} ${(scores[metric]?.value ?? Number.NaN).toFixed(3)}`);
    bar.done(shown.join(", "));
    return results;
  } finally {
    local.dispose();
  }
}

/** `87.5%`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
