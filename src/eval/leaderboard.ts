import type { TaskResult } from "./harness.ts";
import type { Score } from "./metrics.ts";

/** The four tasks of the Open LLM Leaderboard v1, the metrics that it takes, and their names in its tables. */
export const leaderboardTasks = [
  { task: "arc_challenge", metric: "acc_norm", title: "ARC" },
  { task: "hellaswag", metric: "acc_norm", title: "HellaSwag" },
  { task: "mmlu", metric: "acc", title: "MMLU" },
  { task: "truthfulqa_mc2", metric: "mc2", title: "TruthfulQA" },
] as const;

/** A mean over tasks, with the error that follows from theirs. */
export type MeanOfTasks = Pick<Score, "value" | "standardError">;

function meanOf(scores: readonly MeanOfTasks[]): MeanOfTasks {
  const value = scores.reduce((sum, score) => sum + score.value, 0) / scores.length;
  const standardError = Math.sqrt(scores.reduce((sum, score) => sum + score.standardError ** 2, 0)) / scores.length;
  return { value, standardError };
}

/** The leaderboard's score: the mean of ARC, HellaSwag, MMLU and TruthfulQA, when all four were run. */
export function leaderboardMean(results: readonly TaskResult[]): MeanOfTasks | undefined {
  const scores = leaderboardTasks.flatMap(
    ({ task, metric }) => results.find((result) => result.task === task)?.scores[metric] ?? [],
  );
  return scores.length === leaderboardTasks.length ? meanOf(scores) : undefined;
}

/**
 * The tasks of DCLM's CORE (Li et al. 2024, "low-variance datasets") with what guessing scores, by the names of our
 * tasks: its `eval_meta_data_v1.csv`, columns "Eval Task" and "Random baseline". BoolQ's is the majority answer.
 */
export const coreTasks: Readonly<Record<string, number>> = {
  hellaswag_zeroshot: 0.25,
  jeopardy: 0,
  bigbench_qa_wikidata: 0,
  arc_easy: 0.25,
  arc_challenge: 0.25,
  copa: 0.5,
  commonsense_qa: 0.2,
  piqa: 0.5,
  openbookqa: 0.25,
  lambada_openai: 0,
  hellaswag: 0.25,
  wsc273: 0.5, // winograd
  winogrande: 0.5,
  bigbench_dyck_languages: 0,
  agieval_lsat_ar: 0.2,
  bigbench_cs_algorithms: 0,
  bigbench_operators: 0,
  bigbench_repeat_copy_logic: 0,
  squad: 0,
  coqa: 0,
  boolq: 0.62,
  bigbench_language_identification: 0.091,
};

/** CORE's centred mean over the tasks that were run. */
export interface CentredMean extends MeanOfTasks {
  /** The tasks that it is over, centred: 0 is guessing, 1 is perfect. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Tasks of CORE that were not run: with any missing, the figure is not DCLM's. */
  readonly missing: readonly string[];
}

/**
 * The mean of (score − chance) / (1 − chance) over CORE's tasks, each by its quoted metric; undefined when none was run.
 * Prompts and metrics are those of our tasks, the harness's; DCLM's differ in examples and length normalisation.
 */
export function centredMean(results: readonly TaskResult[]): CentredMean | undefined {
  const centred = Object.entries(coreTasks).flatMap(([task, chance]) => {
    const result = results.find((one) => one.task === task);
    const score = result?.scores[result.metric];
    if (score === undefined) return [];
    return [{ task, value: (score.value - chance) / (1 - chance), standardError: score.standardError / (1 - chance) }];
  });
  if (centred.length === 0) return undefined;
  const tasks = Object.fromEntries(centred.map(({ task, value }) => [task, value]));
  return { ...meanOf(centred), tasks, missing: Object.keys(coreTasks).filter((task) => !(task in tasks)) };
}
