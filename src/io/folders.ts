import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { NuwaError } from "../text/errors.ts";
import { fileError, isErrno } from "./errno.ts";

/**
 * Makes a folder and those above it, where they are missing. Not by `recursive: true`, which never ends where a folder
 * is there and cannot be written into, as in /proc.
 *
 * @throws NuwaError FILE when it cannot be made, or a file has its name
 */
export function makeFolder(folder: string): void {
  try {
    make(folder);
  } catch (error) {
    throw fileError(error, folder);
  }
}

function make(folder: string): void {
  if (existsSync(folder)) {
    if (statSync(folder).isDirectory()) return;
    throw new NuwaError("FILE", "expected a folder, got a file", { where: folder });
  }
  const parent = dirname(folder);
  if (parent !== folder) make(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return; // another process was quicker
    // Of a folder whose parent is there: /proc and the like hold what the system puts into them.
    if (isErrno(error, "ENOENT"))
      throw new NuwaError("FILE", "no folder can be made here", { where: folder, cause: error });
    throw error;
  }
}

/**
 * Flushes a folder's entries, without which a file that was just renamed may be gone after a power cut. Not every file
 * system can; that loses nothing but the last moment.
 */
export function flushFolder(folder: string): void {
  let handle: number;
  try {
    handle = openSync(folder, "r");
  } catch (error) {
    if (isErrno(error, "EISDIR", "EACCES", "EPERM")) return;
    throw error;
  }
  try {
    fsyncSync(handle);
  } catch (error) {
    if (!isErrno(error, "EISDIR", "EPERM", "EINVAL", "EBADF", "ENOTSUP")) throw error;
  } finally {
    closeSync(handle);
  }
}
