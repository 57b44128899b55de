import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tinypool } from "tinypool";
import { NuwaError } from "../../text/index.ts";
import type { Work } from "../shards/tasks.ts";
import { workOnShard } from "../shards/work.ts";
import type { WorkerAnswer } from "./worker.ts";
import { stopIfAborted } from "../stages/stage.ts";

/**
 * Works on shards in worker threads, as many at a time as there are threads, and tells of each that is done.
 * After an abort no further shard is begun; those in hand are finished.
 *
 * @throws Interrupted after an abort; whatever a shard throws
 */
export async function workOnShards<Kind extends keyof Work>(
  tasks: Iterable<Work[Kind]["task"]>,
  options: {
    readonly threads: number;
    readonly signal: AbortSignal;
    readonly onDone: (answer: Work[Kind]["answer"], task: Work[Kind]["task"]) => void;
  },
): Promise<void> {
  // A generator's tasks are made as they are taken; how many there will be is not known.
  const threads = Array.isArray(tasks) ? Math.min(options.threads, tasks.length) : options.threads;
  if (threads === 0) return;
  const file = fileURLToPath(new URL("worker.js", import.meta.url));
  // From uncompiled sources (in a unit test), or for one piece of work, a thread is not worth starting.
  const useThreads = threads > 1 && existsSync(file);
  const pool = useThreads ? new Tinypool({ filename: file, minThreads: threads, maxThreads: threads }) : undefined;
  const answer = async (task: Work[Kind]["task"]): Promise<Work[Kind]["answer"]> => {
    if (pool !== undefined) return unpack(await pool.run(task)) as Work[Kind]["answer"];
    // Lets Ctrl-C and the progress bar have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return (await workOnShard(task)) as Work[Kind]["answer"];
  };
  const iterator = tasks[Symbol.iterator]();
  const take = async (): Promise<void> => {
    for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
      stopIfAborted(options.signal);
      options.onDone(await answer(step.value), step.value);
    }
  };
  try {
    const workers = await Promise.allSettled(Array.from({ length: pool === undefined ? 1 : threads }, take));
    const failed = workers.find((worker) => worker.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } finally {
    await pool?.destroy();
  }
}

function unpack(answer: WorkerAnswer): unknown {
  if ("answer" in answer) return answer.answer;
  const { code, message, hint, where } = answer.error;
  throw new NuwaError(code, message, { hint, where });
}
