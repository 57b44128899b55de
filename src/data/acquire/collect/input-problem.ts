import { NuwaError } from "../../../text/errors.ts";

/** A file, or the rest of it, that cannot be read. The message is for the person who named the file. */
export class InputProblem extends NuwaError {
  /** Line or record at which reading ended, where known. */
  readonly line: number | undefined;
  constructor(message: string, options: { line?: number | undefined; hint?: string; cause?: unknown } = {}) {
    super("FILE", message, { hint: options.hint, cause: options.cause });
    this.line = options.line;
  }

  /** The same problem, at a line or record. */
  at(line: number): InputProblem {
    const { message, hint, cause } = this;
    return new InputProblem(message, { line, cause, ...(hint === undefined ? {} : { hint }) });
  }
}
