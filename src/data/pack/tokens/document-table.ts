import { createHash } from "node:crypto";

/** Where a document's tokens lie in the spool, and what its text measures. */
export interface SpooledDocument {
  /** First token and count in the spool, separator included. */
  readonly start: number;
  readonly tokens: number;
  /** UTF-8 bytes and code points of its text. */
  readonly bytes: number;
  readonly characters: number;
}

const FIELDS = 7;

/** One row of figures a document, in one typed array: 56 bytes each, whatever the corpus. */
export class DocumentTable {
  #rows = new Float64Array(FIELDS * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(id: string, seed: number, document: SpooledDocument, source = 0): void {
    if ((this.#size + 1) * FIELDS > this.#rows.length) {
      const grown = new Float64Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    // The split does not look at the seed: another order must not move a document from one side to the other.
    const row = [
      hashFraction(`split\0${id}`),
      hashFraction(`order\0${seed}\0${id}`),
      document.start,
      document.tokens,
      document.bytes,
      document.characters,
      source,
    ];
    this.#rows.set(row, this.#size * FIELDS);
    this.#size++;
  }

  #field(index: number, field: number): number {
    return this.#rows[index * FIELDS + field] ?? 0;
  }

  get(index: number): SpooledDocument {
    return {
      start: this.#field(index, 2),
      tokens: this.#field(index, 3),
      bytes: this.#field(index, 4),
      characters: this.#field(index, 5),
    };
  }

  /** Number of the document's source. */
  source(index: number): number {
    return this.#field(index, 6);
  }

  /** A number in [0, 1) that decides the document's place among all: from its id and the seed. */
  order(index: number): number {
    return this.#field(index, 1);
  }

  /**
   * Indices of the documents for training and for validation, each shuffled. Those whose hash lies below `valShare`
   * are held out; where chance would leave one side empty, it gets the document nearest to it.
   */
  split(valShare: number): { readonly train: Uint32Array; readonly val: Uint32Array } {
    const all = Uint32Array.from({ length: this.#size }, (_, index) => index);
    const byHash = all.slice().sort((a, b) => this.#field(a, 0) - this.#field(b, 0) || a - b);
    let held = byHash.findIndex((index) => this.#field(index, 0) >= valShare);
    if (held < 0) held = this.#size;
    held = Math.min(Math.max(held, valShare > 0 ? 1 : 0), this.#size - 1);
    const inOrder = (indices: Uint32Array): Uint32Array =>
      indices.sort((a, b) => this.#field(a, 1) - this.#field(b, 1) || a - b);
    return { train: inOrder(byHash.slice(held)), val: inOrder(byHash.slice(0, held)) };
  }
}

/** A number in [0, 1) from the first 52 bits of SHA-256. */
function hashFraction(text: string): number {
  const digest = createHash("sha256").update(text).digest();
  return (digest.readUIntBE(0, 6) * 16 + ((digest[6] ?? 0) >> 4)) / 2 ** 52;
}
