import { CommanderError } from "commander";
import pc from "picocolors";
import { fileError } from "../io/errno.ts";
import { Interrupted } from "../run/index.ts";
import { NuwaError } from "../text/index.ts";

/** What the command line says about an error, and what it exits with. */
export interface Verdict {
  readonly exitCode: number;
  /** Undefined when all has been said already. */
  readonly message: string | undefined;
}

/**
 * One line for a person, and the exit code: 2 for wrong usage, 130 after Ctrl-C, 1 for all else. A stack trace is shown
 * only where `NUWA_DEBUG` asks for it, and only for our own faults is it of use.
 */
export function judge(error: unknown, debug: boolean): Verdict {
  if (error instanceof CommanderError) return judgeCommander(error);
  if (error instanceof Interrupted || isAbort(error)) {
    return {
      exitCode: 130,
      message: `${pc.bold("nuwa:")} ${error instanceof Interrupted ? error.message : "stopped"}`,
    };
  }
  const stack = debug && error instanceof Error ? `\n${stackOf(error)}` : "";
  const named = fileError(error);
  if (named instanceof NuwaError) return { exitCode: named.exitCode, message: line(named.toLine()) + stack };
  const unnamed = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const hint = "this is a fault of Nuwa; please report it, with what NUWA_DEBUG=1 shows";
  return { exitCode: 1, message: line(`unexpected ${unnamed.split("\n")[0] ?? ""} (${hint})`) + stack };
}

function line(text: string): string {
  return `${pc.red("nuwa:")} ${text}`;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function judgeCommander(error: CommanderError): Verdict {
  // Help and version were asked for, and have been printed.
  if (error.exitCode === 0) return { exitCode: 0, message: undefined };
  if (error.code === "commander.help") return { exitCode: 2, message: undefined };
  const text = error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*\(Did you mean (one of )?(.*)\?\)/s, (_, several: string | undefined, names: string) =>
      several === undefined ? ` (did you mean "${names}"?)` : ` (did you mean one of ${names}?)`,
    );
  const hint = text.includes("did you mean") ? "" : " (see --help)";
  return { exitCode: 2, message: line(text + hint) };
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
