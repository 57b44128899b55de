import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { readFully } from "../../data/dedup/documents/index.ts";
import { writeWhole } from "../../io/whole-file.ts";
import type { ShardFolder } from "./shards.ts";

/** How many 32-bit words a file has. */
export function wordCount(file: string): number {
  return statSync(file).size / 4;
}

/** Words of a file, all or some of them. */
export function readWords(file: string, at = 0, count: number = wordCount(file) - at): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(count);
  const handle = openSync(file, "r");
  try {
    readFully(handle, words, words.byteLength, 4 * at);
  } finally {
    closeSync(handle);
  }
  return words;
}

/** Writes words as a whole file. */
export function writeWords(file: string, words: Uint32Array): undefined {
  writeWhole(file, Buffer.from(words.buffer, words.byteOffset, words.byteLength));
}

/** Documents by their numbers in the corpus, for a stage that looks at all shards together. */
export class Starts {
  /** The number of each shard's first document, and the number of documents. */
  readonly #firsts: Float64Array;
  readonly shards: number;

  constructor(folder: ShardFolder) {
    this.shards = folder.count() ?? 0;
    this.#firsts = new Float64Array(this.shards + 1);
    for (let shard = 0; shard < this.shards; shard++) {
      this.#firsts[shard + 1] = this.of(shard) + (folder.info(shard)?.documents ?? 0);
    }
  }

  /** The number of a shard's first document; of the shard behind the last one, the number of documents. */
  of(shard: number): number {
    return this.#firsts[shard] ?? 0;
  }

  shardOf(document: number): number {
    let low = 0;
    for (let high = this.shards; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (this.of(middle) <= document) low = middle;
      else high = middle;
    }
    return low;
  }

  /**
   * Cuts sorted records (document, word, word) into shards: for each shard, in order, the places of documents in it,
   * each followed by those of the other words that are named.
   */
  *byShard(batches: Iterable<Uint32Array>, words: readonly (1 | 2)[]): Generator<[shard: number, rows: Uint32Array]> {
    let shard = 0;
    let rows: number[] = [];
    for (const batch of batches) {
      for (let at = 0; at < batch.length; at += 3) {
        const document = batch[at] ?? 0;
        while (document >= this.of(shard + 1)) {
          yield [shard++, Uint32Array.from(rows)];
          rows = [];
        }
        rows.push(document - this.of(shard));
        for (const word of words) rows.push(batch[at + word] ?? 0);
      }
    }
    for (; shard < this.shards; shard++) {
      yield [shard, Uint32Array.from(rows)];
      rows = [];
    }
  }
}

/** Ids of documents by number; keeps those of the shards used last. */
export class Names {
  readonly #from: ShardFolder;
  readonly #starts: Starts;
  readonly #shards = new Map<number, string[]>();

  constructor(from: ShardFolder, starts: Starts) {
    this.#from = from;
    this.#starts = starts;
  }

  of(document: number): string {
    const shard = this.#starts.shardOf(document);
    let ids = this.#shards.get(shard);
    if (ids === undefined) {
      ids = readFileSync(`${this.#from.documents(shard)}`, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => (JSON.parse(line) as { id: string }).id);
      if (this.#shards.size >= 64) this.#shards.delete(this.#shards.keys().next().value ?? 0);
    } else this.#shards.delete(shard);
    this.#shards.set(shard, ids);
    return ids[document - this.#starts.of(shard)] ?? "";
  }
}
