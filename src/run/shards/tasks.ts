import type { JsonValue } from "../../text/index.ts";

/** Where a worker finds a stage: the module that exports its definition, and its name. */
export interface StageReference {
  readonly name: string;
  readonly module: string;
}

/** What all tasks say: plain data, so that they can go to another thread or machine. */
interface StageTask {
  readonly stage: StageReference;
  /** The stage's section of the recipe. */
  readonly settings: JsonValue;
}

/** Map the documents of one shard, and write the same shard of the next stage. */
export interface MapTask extends StageTask {
  readonly kind: "map";
  /** What file names in the settings are relative to. */
  readonly cwd: string;
  /** A file that the stage made before its first shard: a model, a table. */
  readonly prepared?: string | undefined;
  /** Folders of the shards that are read, and of those that are written. */
  readonly from: string;
  readonly to: string;
  readonly shard: number;
}

/** Do one part of a corpus-wide stage's round, and write its result to `file`. */
export interface PartTask extends StageTask {
  readonly kind: "part";
  readonly round: string;
  readonly from: string;
  /** The shard that it reads; a part may read none. */
  readonly shard?: number | undefined;
  /** What the part is told, as its round's schema has it. */
  readonly input: unknown;
  readonly file: string;
}

/** Write one shard by a corpus-wide stage's verdicts. */
export interface VerdictTask extends StageTask {
  readonly kind: "verdicts";
  readonly from: string;
  readonly to: string;
  readonly shard: number;
  readonly input: unknown;
}

/** What a worker does. The result is on the disk: there is no answer but that it is done. */
export type Task = MapTask | PartTask | VerdictTask;

/** The piece of its stage that a task is, for messages. */
export function describeTask(task: Task): string {
  const round = task.kind === "part" ? `, ${task.round}` : "";
  const shard = task.shard === undefined ? "" : `, shard ${task.shard}`;
  return `stage "${task.stage.name}"${round}${shard}`;
}
