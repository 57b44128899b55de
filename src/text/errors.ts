/** What went wrong, in a word a program can test for. */
export type NuwaErrorCode =
  | "USAGE" // a flag, command or recipe key that does not exist
  | "VALUE" // a value of the wrong type or out of range
  | "FILE" // a file that is missing, unreadable, empty or damaged
  | "DATA" // a document, record or corpus that cannot be used
  | "SHAPE" // tensors whose shapes, dtypes or devices do not fit
  | "MEMORY" // more memory than there is
  | "CHECKPOINT" // a checkpoint that is cut short or of another architecture
  | "TRAINING" // a run that cannot go on (loss not finite, settings changed)
  | "NETWORK" // a port in use, a request refused
  | "DEVICE"; // a device that is not there

/** What a {@link NuwaError} says beside its message. */
export interface NuwaErrorOptions {
  /** What to do about it: the nearest right name, a flag, a command. One sentence. */
  hint?: string | undefined;
  /** Where: `file:line`, a recipe's key path, a tensor's name. */
  where?: string | undefined;
  cause?: unknown;
}

/**
 * The one error class. `message` says what was expected and what came; `where` and `hint` say where and what next.
 * The command line prints it as one line and exits with {@link exitCode}; a stack trace is for our own faults.
 *
 * @example throw new NuwaError("VALUE", 'expected a number above 0 for "lr", got -1', { where: "recipe.yaml:12" });
 */
export class NuwaError extends Error {
  override readonly name = "NuwaError";
  readonly code: NuwaErrorCode;
  readonly hint: string | undefined;
  readonly where: string | undefined;

  constructor(code: NuwaErrorCode, message: string, options: NuwaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.where = options.where;
  }

  /** 2 for wrong usage (as compilers and shells do), 1 for work that failed. */
  get exitCode(): 1 | 2 {
    return this.code === "USAGE" || this.code === "VALUE" ? 2 : 1;
  }

  /** One line for a person: `where: message (hint)`. */
  toLine(): string {
    const where = this.where === undefined ? "" : `${this.where}: `;
    const hint = this.hint === undefined ? "" : ` (${this.hint})`;
    return `${where}${this.message}${hint}`;
  }
}
