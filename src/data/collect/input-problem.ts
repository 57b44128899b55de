/** A file, or the rest of it, that cannot be read. The message is for the person who named the file. */
export class InputProblem extends Error {
  /** Line or record at which reading ended, where known. */
  readonly line: number | undefined;
  constructor(message: string, options: { line?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.line = options.line;
  }
}
