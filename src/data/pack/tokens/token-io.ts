import { readSync } from "node:fs";
import { endianness } from "node:os";
import { WholeFile } from "../../../io/whole-file.ts";
import { NuwaError } from "../../../text/index.ts";

const BUFFER_BYTES = 1 << 20;
const swap = endianness() === "BE";

/** Appends bytes to a {@link WholeFile} through a buffer of 1 MB. */
export class ByteWriter {
  readonly #file: WholeFile;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  constructor(path: string) {
    this.#file = new WholeFile(path);
  }

  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const count = Math.min(bytes.length - start, BUFFER_BYTES - this.#used);
      this.#buffer.set(bytes.subarray(start, start + count), this.#used);
      this.#used += count;
      start += count;
      if (this.#used === BUFFER_BYTES) this.drain();
    }
  }

  /** Empties the buffer into the file. */
  drain(): void {
    this.#file.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Reads back what was written; drain first. */
  read(bytes: Uint8Array, position: number): void {
    requireBytes(this.#file.read(bytes, position), bytes.length, position, this.#file.path);
  }

  /** Waits until all is on the disk. */
  flush(): void {
    this.drain();
    this.#file.flush();
  }

  /** Puts the file in place. */
  publish(): void {
    this.drain();
    this.#file.publish();
  }

  /** Closes the file; what has not been published is gone. */
  close(): void {
    this.#file.close();
  }
}

/** Fills `bytes` from `position`, or throws NuwaError FILE when the file ends before. */
export function readFully(descriptor: number, bytes: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, position + done);
    if (count === 0) return requireBytes(done, bytes.length, position, file);
    done += count;
  }
}

function requireBytes(found: number, expected: number, position: number, file: string): void {
  if (found === expected) return;
  throw new NuwaError("FILE", `cut short: ${expected} bytes expected at ${position}, ${found} there`, { where: file });
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
