import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tinypool } from "tinypool";
import type { Task } from "../shards/tasks.ts";
import { stopIfAborted } from "../interrupted.ts";
import type { ExecutorDefinition, ExecutorOptions } from "./executor.ts";
import { failureOf, type Failure } from "./failure.ts";
import runHere from "./worker.ts";

/** Threads of this machine, as many at a time as the recipe allows. */
export const localExecutor: ExecutorDefinition = {
  name: "local",
  create: ({ threads }) => ({
    name: "local",
    workers: threads,
    run: (tasks, options) => run(tasks, threads, options),
  }),
};

async function run<T extends Task>(
  tasks: Iterable<T> | AsyncIterable<T>,
  most: number,
  { signal, onDone }: ExecutorOptions<T>,
): Promise<void> {
  // How many tasks a generator will make is not known.
  const workers = Array.isArray(tasks) ? Math.min(most, tasks.length) : most;
  if (workers === 0) return;
  const file = fileURLToPath(new URL("worker.js", import.meta.url));
  // From uncompiled sources (in a unit test), or for one task at a time, a thread is not worth starting.
  const useThreads = workers > 1 && existsSync(file);
  const pool = useThreads ? new Tinypool({ filename: file, minThreads: workers, maxThreads: workers }) : undefined;
  const iterator = Symbol.asyncIterator in tasks ? tasks[Symbol.asyncIterator]() : tasks[Symbol.iterator]();
  let failed: Error | undefined;
  const attempt = async (task: T): Promise<void> => {
    // Lets Ctrl-C and the progress bar have their turn.
    if (pool === undefined) await new Promise((resolve) => setImmediate(resolve));
    const failure: Failure | undefined = await (pool === undefined ? runHere(task) : pool.run(task));
    if (failure === undefined) onDone(task);
    else throw failureOf(task, failure);
  };
  const take = async (): Promise<void> => {
    try {
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
        stopIfAborted(signal);
        if (failed !== undefined) return;
        await attempt(step.value);
      }
    } catch (error) {
      // The first failure stops the others at once, and what they say of that is of no interest.
      if (failed !== undefined) return;
      if (!signal.aborted) {
        failed = error instanceof Error ? error : new Error(String(error));
        await pool?.destroy();
      }
      throw error;
    }
  };
  try {
    const ends = await Promise.allSettled(Array.from({ length: pool === undefined ? 1 : workers }, take));
    const rejected = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed;
    if (rejected !== undefined) throw rejected.reason;
  } finally {
    await iterator.return?.();
    await pool?.destroy();
  }
}
