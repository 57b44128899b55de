import type { Task } from "../shards/tasks.ts";

/** How an executor is stopped, and what it reports. */
export interface ExecutorOptions<T> {
  /** Once it is aborted no further task is begun; those in hand are finished. */
  readonly signal: AbortSignal;
  /** Called for each task whose result is on the disk, in whatever order they come. */
  readonly onDone: (task: T) => void;
}

/** Who does the tasks of a stage: threads of this machine, or the jobs of a cluster. */
export interface Executor {
  readonly name: string;
  /** How many tasks it does at a time. */
  readonly workers: number;
  /**
   * Does all tasks, taking them as there is room: a generator's are made one by one.
   *
   * @throws NuwaError that names stage, shard and cause, as soon as one task fails
   * @throws Interrupted after an abort
   */
  run<T extends Task>(tasks: Iterable<T> | AsyncIterable<T>, options: ExecutorOptions<T>): Promise<void>;
}

/** What executors are made from. */
export interface ExecutorSettings {
  /** The recipe's threads, or the machine's. */
  readonly threads: number;
}

/** One kind of executor. */
export interface ExecutorDefinition {
  readonly name: string;
  readonly create: (settings: ExecutorSettings) => Executor;
}

/** Whether a value, a plugin's for example, is a kind of executor. */
export function isExecutorDefinition(value: unknown): value is ExecutorDefinition {
  if (typeof value !== "object" || value === null) return false;
  const { name, create }: Partial<Record<keyof ExecutorDefinition, unknown>> = value;
  return typeof name === "string" && typeof create === "function";
}
