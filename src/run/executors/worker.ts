/** A thread of the shard pool. Errors go back as data, because an error loses its class on the way. */
import { NuwaError } from "../../text/index.ts";
import type { Task } from "../shards/tasks.ts";
import { workOnShard } from "../shards/work.ts";

export type WorkerAnswer =
  | { readonly answer: unknown }
  | {
      readonly error: {
        readonly code: NuwaError["code"];
        readonly message: string;
        readonly hint: string | undefined;
        readonly where: string | undefined;
      };
    };

export default async function work(task: Task): Promise<WorkerAnswer> {
  try {
    return { answer: await workOnShard(task) };
  } catch (error) {
    if (!(error instanceof NuwaError)) throw error;
    const { code, message, hint, where } = error;
    return { error: { code, message, hint, where } };
  }
}
