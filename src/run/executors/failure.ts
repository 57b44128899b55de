import { fileError } from "../../io/errno.ts";
import { NuwaError, type NuwaErrorCode } from "../../text/index.ts";
import { describeTask, type Task } from "../shards/tasks.ts";

/** An error as plain data: an error loses its class on the way between threads. */
export type Failure =
  | {
      readonly kind: "mistake";
      readonly code: NuwaErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
      readonly where: string | undefined;
    }
  | { readonly kind: "fault"; readonly message: string; readonly stack: string | undefined };

/** What went wrong, to be sent to who asked for the task. */
export function toFailure(error: unknown): Failure {
  const known = fileError(error);
  if (known instanceof NuwaError) {
    const { code, message, hint, where } = known;
    return { kind: "mistake", code, message, hint, where };
  }
  if (known instanceof Error) return { kind: "fault", message: known.message, stack: known.stack };
  return { kind: "fault", message: String(known), stack: undefined };
}

/** The error of a failed task, which names its stage and shard. */
export function failureOf(task: Task, failure: Failure): Error {
  const message = `${describeTask(task)}: ${failure.message}`;
  if (failure.kind === "mistake") {
    const { code, hint, where } = failure;
    return new NuwaError(code, message, { hint, where });
  }
  // A fault of ours is told by its stack.
  const error = new Error(message);
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}
