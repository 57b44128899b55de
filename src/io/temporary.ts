import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { isErrno } from "./errno.ts";

let count = 0;

/**
 * A name beside `path` for what is not whole yet. No two processes, threads or calls get the same one, so that two who
 * write one file at once do not write into each other's.
 *
 * @example temporaryPath("runs/a/manifest.json") // "runs/a/.manifest.json.4711-0-1.tmp"
 */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}-${++count}.tmp`);
}

/** Whether a name is one that {@link temporaryPath} gives. */
export function isTemporary(name: string): boolean {
  return /^\..+\.\d+-\d+-\d+\.tmp$/.test(basename(name));
}

/** Removes what killed processes left half written in a folder. Only for a folder that nobody else writes now. */
export function removeTemporaries(folder: string): void {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return;
    throw error;
  }
  for (const name of names) if (isTemporary(name)) rmSync(join(folder, name), { recursive: true, force: true });
}
