import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tinypool } from "tinypool";
import { NuwaError } from "../text/index.ts";
import { workOnShard, type ShardTask } from "./shard-work.ts";
import type { ShardAnswer } from "./shard-worker.ts";
import type { ShardInfo } from "./shards.ts";
import { stopIfAborted } from "./stage.ts";

/**
 * Works on shards in worker threads, as many at a time as there are threads, and tells of each that is done.
 * After an abort no further shard is begun; those in hand are finished.
 *
 * @throws Interrupted after an abort; whatever a shard throws
 */
export async function workOnShards(
  tasks: readonly ShardTask[],
  options: { threads: number; signal: AbortSignal; onDone: (info: ShardInfo, task: ShardTask) => void },
): Promise<void> {
  if (tasks.length === 0) return;
  const threads = Math.min(options.threads, tasks.length);
  const file = fileURLToPath(new URL("shard-worker.js", import.meta.url));
  // From uncompiled sources (in a unit test), or for one piece of work, a thread is not worth starting.
  const pool =
    threads > 1 && existsSync(file)
      ? new Tinypool({ filename: file, minThreads: threads, maxThreads: threads })
      : undefined;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
      stopIfAborted(options.signal);
      options.onDone(pool === undefined ? await inThisThread(task) : unpack(await pool.run(task)), task);
    }
  };
  try {
    await Promise.all(Array.from({ length: pool === undefined ? 1 : threads }, worker));
  } finally {
    await pool?.destroy();
  }
}

async function inThisThread(task: ShardTask): Promise<ShardInfo> {
  // Lets Ctrl-C and the progress bar have their turn.
  await new Promise((resolve) => setImmediate(resolve));
  return workOnShard(task);
}

function unpack(answer: ShardAnswer): ShardInfo {
  if ("info" in answer) return answer.info;
  const { code, message, hint, where } = answer.error;
  throw new NuwaError(code, message, { hint, where });
}
