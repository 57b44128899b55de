import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { NuwaError } from "../text/index.ts";

/**
 * Puts a whole file in a place, or leaves what was there: writes beside it, flushes to the disk, renames. A reader
 * never sees half a file, whenever the power fails.
 *
 * @param write gets a function that appends bytes
 * @throws NuwaError FILE when it cannot be written: a full disk, a folder that is read-only
 */
export async function replaceFile(
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await write(async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, Math.min(bytes.length - done, LARGEST_WRITE))).bytesWritten;
        }
      });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (cause instanceof NuwaError) throw cause;
    throw fileError(cause, path);
  }
}

/** One system call moves less than 2 GiB. */
const LARGEST_WRITE = 2 ** 30;

/** The rename itself is in the folder; not every system lets a folder be flushed. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

/** Says what a failed system call means for a file. */
export function fileError(cause: unknown, path: string): NuwaError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reasons: Record<string, readonly [message: string, hint?: string]> = {
    ENOSPC: ["the disk is full", "what was there before is untouched; make room and run again"],
    EDQUOT: ["the disk quota is used up", "what was there before is untouched; make room and run again"],
    ENOENT: ["there is no such file or folder"],
    EACCES: ["not allowed to read or write it"],
    EROFS: ["the disk is read-only"],
    EISDIR: ["expected a file, got a folder"],
    ENOTDIR: ["expected a folder, got a file"],
  };
  const [message, hint] = reasons[code] ?? [cause instanceof Error ? cause.message : String(cause)];
  return new NuwaError("FILE", message, { where: path, hint, cause });
}
