import { NuwaError } from "../../text/errors.ts";
import type { ErrorEvent } from "../events.ts";

/** An error as plain data, so that no field is lost on the way out of a worker (structured clone drops them). */
export function toErrorEvent(error: unknown): ErrorEvent {
  if (error instanceof NuwaError) {
    return {
      type: "error",
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.where === undefined ? {} : { where: error.where }),
    };
  }
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  return { type: "error", code: "TRAINING", message, unexpected: true, ...(stack === undefined ? {} : { stack }) };
}

/** The inverse of {@link toErrorEvent}: what the host throws. */
export function fromErrorEvent(event: ErrorEvent): Error {
  if (event.unexpected === true) {
    const error = new Error(event.message);
    if (event.stack !== undefined) error.stack = event.stack;
    return error;
  }
  return new NuwaError(event.code, event.message, { hint: event.hint, where: event.where });
}
