/** A thread of the local executor. */
import type { Task } from "../shards/tasks.ts";
import { work } from "../shards/work.ts";
import { toFailure, type Failure } from "./failure.ts";

/** @returns what went wrong, or undefined when the task is done */
export default async function run(task: Task): Promise<Failure | undefined> {
  try {
    await work(task);
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}
