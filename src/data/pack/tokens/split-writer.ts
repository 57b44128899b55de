import type { SplitMeta } from "./meta.ts";
import { ByteWriter, littleEndian } from "./token-io.ts";

/** A run of tokens in the spool that becomes one document of a split. */
export interface Slice {
  /** First token, and count. */
  readonly start: number;
  readonly tokens: number;
  readonly bytes: number;
  readonly characters: number;
  /** 1 when it ends in a separator (where separators are used), 0 when it was cut before. */
  readonly separators: 0 | 1;
}

const COPY_BYTES = 1 << 18;

/** Writes one split: its tokens to `.bin`, the start of each document (uint64, little-endian) to `.idx`. */
export class SplitWriter {
  readonly #spool: ByteWriter;
  readonly #width: number;
  readonly #hasSeparators: boolean;
  readonly #tokens: ByteWriter;
  readonly #starts: ByteWriter;
  readonly #buffer = Buffer.allocUnsafe(COPY_BYTES);
  readonly #meta = { tokens: 0, documents: 0, bytes: 0, characters: 0, separators: 0 };

  /** @param path without extension */
  constructor(path: string, spool: ByteWriter, width: 2 | 4, hasSeparators: boolean) {
    this.#spool = spool;
    this.#width = width;
    this.#hasSeparators = hasSeparators;
    this.#tokens = new ByteWriter(`${path}.bin`);
    this.#starts = new ByteWriter(`${path}.idx`);
  }

  add(slice: Slice): void {
    this.#starts.write(littleEndian(BigUint64Array.of(BigInt(this.#meta.tokens))));
    const end = (slice.start + slice.tokens) * this.#width;
    for (let position = slice.start * this.#width; position < end; position += COPY_BYTES) {
      const chunk = this.#buffer.subarray(0, Math.min(COPY_BYTES, end - position));
      this.#spool.read(chunk, position);
      this.#tokens.write(chunk);
    }
    this.#meta.tokens += slice.tokens;
    this.#meta.documents++;
    this.#meta.bytes += slice.bytes;
    this.#meta.characters += slice.characters;
    if (this.#hasSeparators) this.#meta.separators += slice.separators;
  }

  /** What was written, once it is on the disk. */
  finish(): SplitMeta {
    this.#tokens.flush();
    this.#starts.flush();
    return this.#meta;
  }

  /** Puts both files in place. */
  publish(): void {
    this.#tokens.publish();
    this.#starts.publish();
  }

  /** Closes both files; what has not been published is gone. */
  close(): void {
    this.#tokens.close();
    this.#starts.close();
  }
}
