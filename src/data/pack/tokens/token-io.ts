import { closeSync, ftruncateSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { endianness } from "node:os";
import { NuwaError } from "../../../text/index.ts";

const BUFFER_BYTES = 1 << 20;
const swap = endianness() === "BE";

/** An error of the file system, said plainly. */
export function fileError(cause: unknown, file: string): NuwaError {
  if (cause instanceof NuwaError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC") {
    return new NuwaError("FILE", "no space left on the disk", {
      where: file,
      hint: "free some space, run again",
      cause,
    });
  }
  return new NuwaError("FILE", cause instanceof Error ? cause.message : String(cause), { where: file, cause });
}

/** Appends bytes to a file through a buffer of 1 MB. */
export class ByteWriter {
  readonly file: string;
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  #open = true;

  /** Replaces the file. */
  constructor(file: string) {
    this.file = file;
    this.#descriptor = openSync(file, "w+");
    ftruncateSync(this.#descriptor);
  }

  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const count = Math.min(bytes.length - start, BUFFER_BYTES - this.#used);
      this.#buffer.set(bytes.subarray(start, start + count), this.#used);
      this.#used += count;
      start += count;
      if (this.#used === BUFFER_BYTES) this.flush();
    }
  }

  flush(): void {
    for (let start = 0; start < this.#used; )
      start += writeSync(this.#descriptor, this.#buffer, start, this.#used - start);
    this.#used = 0;
  }

  /** Reads back what was written; flush first. */
  read(bytes: Uint8Array, position: number): void {
    readFully(this.#descriptor, bytes, position, this.file);
  }

  /** Closes the file once it is on the disk. */
  finish(): void {
    this.flush();
    fsyncSync(this.#descriptor);
    this.abandon();
  }

  /** Closes the file, whatever it holds. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}

/** Fills `bytes` from `position`, or throws NuwaError FILE when the file ends before. */
export function readFully(descriptor: number, bytes: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, position + done);
    if (count === 0) {
      throw new NuwaError("FILE", `cut short: ${bytes.length} bytes expected at ${position}, ${done} there`, {
        where: file,
      });
    }
    done += count;
  }
}

/** The same memory as bytes in little-endian order. On a big-endian machine the elements themselves are turned round. */
export function littleEndian(values: Uint16Array | Uint32Array | BigUint64Array): Buffer {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (!swap) return bytes;
  if (values.BYTES_PER_ELEMENT === 2) return bytes.swap16();
  return values.BYTES_PER_ELEMENT === 4 ? bytes.swap32() : bytes.swap64();
}

/** A fresh array of tokens in the file's dtype. */
export function tokenArray(width: 2 | 4, tokens: number | ArrayLike<number>): Uint16Array | Uint32Array {
  if (typeof tokens === "number") return width === 2 ? new Uint16Array(tokens) : new Uint32Array(tokens);
  return width === 2 ? Uint16Array.from(tokens) : Uint32Array.from(tokens);
}
