import type { Families } from "../../models/index.ts";
import type { JsonValue } from "../../text/index.ts";
import type { Executor } from "../executors/executor.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { ShardFolder } from "../shards/shards.ts";
import type { Progress } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";

/** What a stage may use while it runs. */
export interface StageContext {
  readonly directory: RunDirectory;
  readonly manifest: Manifest;
  readonly progress: Progress;
  /** Aborted by the first Ctrl-C: finish or drop the piece in hand, then {@link stopIfAborted}. */
  readonly signal: AbortSignal;
  readonly threads: number;
  /** Does the tasks of data stages. */
  readonly executor: Executor;
  /** The families of models that there are. */
  readonly families: Families;
  /** For sorting and suffix arrays, in bytes; changes the speed, never the result. Default {@link DEFAULT_MEMORY}. */
  readonly memoryBytes?: number;
  /** What the recipe's relative paths are relative to. */
  readonly cwd: string;
}

export const DEFAULT_MEMORY = 512e6;

/** What a finished stage leaves in the manifest. */
export interface StageOutcome {
  /** Hash of what was written. */
  readonly output: string;
  readonly summary: Record<string, number | string | null>;
}

/** One link of the chain. Its output depends on `version`, `settings` and `inputs` and on nothing else. */
export interface Stage {
  readonly name: string;
  /** Goes up when the same settings and inputs give another output than before. */
  readonly version: number;
  readonly settings: JsonValue;
  /** Names of the stages whose output is read. */
  readonly after: readonly string[];
  /** Hashes of what is read from outside the run directory: the user's files. */
  outside?(context: StageContext): Promise<Record<string, string>>;
  /** What is deleted before the stage starts anew. */
  readonly outputs: readonly string[];
  /**
   * Hours of work lie in its output, which is therefore never deleted unasked: other settings or inputs are refused
   * unless the user says `--fresh`.
   */
  readonly precious: boolean;
  /**
   * Whether it can go on from what it has done with other settings, as a training run that is lengthened. It decides for
   * good when it runs.
   *
   * @param before the settings of its record
   */
  canGoOn?(before: unknown): boolean;
  /** Refuses what cannot succeed on this machine, such as a model larger than its memory, before any stage runs. */
  requireFeasible?(): void;
  /** The documents that it writes, if it writes some: they can be deleted once what reads them is done. */
  readonly shards?: ShardFolder;
  /** Whether the output is still there: a user may have deleted it. */
  isWhole(): boolean;
  /** Called with what an interrupted run with the same key has left in `outputs`, or with nothing there. */
  run(context: StageContext): Promise<StageOutcome>;
}
