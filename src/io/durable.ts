/** Files that are either whole or not there: written, flushed to the disk, then renamed. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NuwaError } from "../text/errors.ts";

/** What of Node's file system a durable write uses; a test puts a full disk in its place. */
export interface Writer {
  /** Writes a whole file and flushes it to the disk. */
  writeFile(path: string, data: Uint8Array | string): Promise<void>;
}

export const diskWriter: Writer = {
  async writeFile(path, data) {
    const file = await open(path, "w");
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  },
};

/** Flushes a file or a directory's entries. Some file systems refuse it for directories; that loses nothing but haste. */
export async function flush(path: string): Promise<void> {
  try {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isErrno(error, "EISDIR", "EPERM", "EINVAL")) throw error;
  }
}

/**
 * Fills a new directory beside `target` and renames it to `target`: at any instant `target` is whole, old, or absent.
 * A directory already there (a damaged one) is replaced.
 *
 * @throws NuwaError FILE when the disk is full, quota is used up or the place cannot be written
 */
export async function writeDirectory(target: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const parent = dirname(target);
  const name = basename(target);
  const temporary = join(parent, `.tmp-${name}`);
  const replaced = join(parent, `.old-${name}`);
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    for (const file of await readdir(temporary)) await flush(join(temporary, file));
    await flush(temporary);
    await rm(replaced, { recursive: true, force: true });
    await rename(target, replaced).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT")) throw error;
    });
    await rename(temporary, target);
    await flush(parent);
    await rm(replaced, { recursive: true, force: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw writeError(error, target);
  }
}

/** Points the symbolic link `link` at `name`, a sibling, in one step. */
export async function pointTo(link: string, name: string): Promise<void> {
  const temporary = `${link}.tmp`;
  try {
    await rm(temporary, { force: true });
    await symlink(name, temporary);
    await rename(temporary, link);
  } catch (error) {
    throw writeError(error, link);
  }
}

/** What a failed write means for a user; errors that are not about the disk pass unchanged. */
export function writeError(error: unknown, path: string): unknown {
  if (error instanceof NuwaError) return error;
  if (isErrno(error, "ENOSPC", "EDQUOT")) {
    return new NuwaError("FILE", `the disk is full: could not write ${path}`, {
      hint: "nothing earlier is lost; free some space and run again, and it goes on from the last checkpoint",
      cause: error,
    });
  }
  if (isErrno(error, "EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EEXIST", "EFBIG", "EIO")) {
    return new NuwaError("FILE", `could not write ${path}: ${error instanceof Error ? error.message : ""}`, {
      hint: "check that the folder exists and may be written to, and that no limit (ulimit -f) is in the way",
      cause: error,
    });
  }
  return error;
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/** SHA-256 of a file's bytes, hexadecimal; read piece by piece. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return hash.digest("hex");
}
