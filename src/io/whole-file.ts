/** Files that are either whole or not there: written under another name, flushed to the disk, then renamed. */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError } from "./errno.ts";
import { flushFolder, makeFolder } from "./folders.ts";
import { temporaryPath } from "./temporary.ts";

/** One system call moves less than 2 GiB. */
const LARGEST_WRITE = 2 ** 30;

/**
 * A file that grows under another name and appears at `path` when it is published: a reader sees what was there before,
 * or all of it, whenever the process dies or the power fails.
 *
 * @throws NuwaError FILE, from each method, when the disk is full or the file cannot be written
 * @example
 * const file = new WholeFile("tokens/train.bin");
 * try {
 *   for (const piece of pieces) file.write(piece);
 *   file.publish();
 * } finally {
 *   file.close();
 * }
 */
export class WholeFile {
  /** Where it appears. */
  readonly path: string;
  readonly #temporary: string;
  readonly #descriptor: number;
  #state: "open" | "published" | "closed" = "open";

  /** Folders that are missing are made. */
  constructor(path: string) {
    this.path = path;
    makeFolder(dirname(path));
    this.#temporary = temporaryPath(path);
    try {
      this.#descriptor = openSync(this.#temporary, "wx+");
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /** Appends bytes, or text as UTF-8; after {@link publish} too, for a log that goes on. */
  write(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#descriptor, bytes, done, Math.min(bytes.length - done, LARGEST_WRITE));
      }
    } catch (error) {
      throw fileError(error, this.path);
    }
  }

  /** Reads back from `position` what was written: fills `bytes` as far as the file goes. @returns how many bytes */
  read(bytes: Uint8Array, position: number): number {
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** Waits until all that was written is on the disk. */
  flush(): void {
    try {
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw fileError(error, this.path);
    }
  }

  /** Flushes it and puts it in place. */
  publish(): void {
    this.flush();
    try {
      renameSync(this.#temporary, this.path);
      this.#state = "published";
      flushFolder(dirname(this.path));
    } catch (error) {
      throw fileError(error, this.path);
    }
  }

  /** Closes it; what has not been published is gone. */
  close(): void {
    if (this.#state === "closed") return;
    const isPublished = this.#state === "published";
    this.#state = "closed";
    closeSync(this.#descriptor);
    if (!isPublished) rmSync(this.#temporary, { force: true });
  }
}

/**
 * Writes a file, whole or not at all. Folders that are missing are made.
 *
 * @throws NuwaError FILE when the disk is full or the file cannot be written; what was there before is untouched
 * @example writeWhole("runs/sample/manifest.json", JSON.stringify(manifest));
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  const file = new WholeFile(path);
  try {
    file.write(data);
    file.publish();
  } finally {
    file.close();
  }
}

/** Appends bytes to a file that is being written. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/**
 * {@link writeWhole} without blocking the thread.
 *
 * @param content the bytes or text, or a function that appends them piece by piece
 * @throws NuwaError FILE when the disk is full or the file cannot be written; what was there before is untouched
 * @example await writeWholeAsync("model.bin", async (append) => { for (const piece of pieces) await append(piece); });
 */
export async function writeWholeAsync(
  path: string,
  content: string | Uint8Array | ((append: Append) => Promise<void>),
): Promise<void> {
  makeFolder(dirname(path));
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, "wx");
    try {
      const append: Append = async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, Math.min(bytes.length - done, LARGEST_WRITE))).bytesWritten;
        }
      };
      if (typeof content === "function") await content(append);
      else await append(typeof content === "string" ? Buffer.from(content, "utf8") : content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, path);
  }
}
