/** One item of a benchmark, already in the words that the model will read. */
export interface TaskItem {
  readonly id: string;
  /** What stands before the choice, without the few-shot examples. */
  readonly query: string;
  /** Without the space that joins them to the query. */
  readonly choices: readonly string[];
  /** Position of the right choice; the first right one where several are. */
  readonly gold: number;
  /** For `mc2`: which choices are true. */
  readonly labels?: readonly boolean[];
}

export interface TaskData {
  readonly items: readonly TaskItem[];
  /** Where examples are drawn from. Ready-made strings are taken in order. */
  readonly fewShotPool: readonly TaskItem[] | readonly string[];
  /** `first`: the first k (MMLU, CMMLU). `random`: Python's Random(1234), as the harness draws them. */
  readonly sampler: "first" | "random";
  /** The pool is the test set itself: draw one more and drop the item asked about. */
  readonly poolIsTest: boolean;
  /** Stands once before the examples. */
  readonly description: string;
  /** Where the items came from, for the report. */
  readonly files: readonly string[];
}

export type ChoiceMetric = "acc" | "acc_norm" | "mc2";

interface TaskName {
  readonly name: string;
  /** The task that this one is a part of; a group's score is the mean of its parts. */
  readonly group?: string;
}

/** Scored by the log-likelihood of each choice. */
export interface MultipleChoiceTask extends TaskName {
  readonly kind: "multiple_choice";
  /** Examples before each item on the Open LLM Leaderboard v1, or the harness's default. */
  readonly fewShot: number;
  /** The metric that is quoted. */
  readonly metric: ChoiceMetric;
  readonly load: (dataDir: string) => Promise<TaskData>;
}

/** Scored by whether the last word is what the model would say. */
export interface LastWordTask extends TaskName {
  readonly kind: "last_word";
  readonly load: (dataDir: string) => Promise<{
    readonly items: readonly { readonly context: string; readonly word: string }[];
    readonly files: readonly string[];
  }>;
}

/** Scored by the likelihood of whole texts. */
export interface PerplexityTask extends TaskName {
  readonly kind: "perplexity";
  readonly load: (dataDir: string) => Promise<{
    readonly pages: readonly {
      /** What the model reads. */ readonly text: string;
      /** What words and bytes are counted on. */ readonly original: string;
    }[];
    readonly files: readonly string[];
  }>;
}

export type Task = MultipleChoiceTask | LastWordTask | PerplexityTask;
