import { closeSync, openSync, statSync } from "node:fs";
import type { Corpus } from "../define-corpus-stage.ts";
import { readFully } from "./external-sort.ts";

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

/** The bytes of words, which they share. */
export function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * Cuts sorted records (document, word, word) into shards: for each shard, in order, the documents' places in it, each
 * followed by those of the other words that are named.
 */
export function* byShard(
  corpus: Corpus,
  batches: Iterable<Uint32Array>,
  words: readonly (1 | 2)[],
): Generator<[shard: number, rows: Uint32Array]> {
  let shard = 0;
  let rows: number[] = [];
  for (const batch of batches) {
    for (let at = 0; at < batch.length; at += 3) {
      const document = batch[at] ?? 0;
      while (document >= corpus.firstOf(shard + 1)) {
        yield [shard++, Uint32Array.from(rows)];
        rows = [];
      }
      rows.push(document - corpus.firstOf(shard));
      for (const word of words) rows.push(batch[at + word] ?? 0);
    }
  }
  for (; shard < corpus.shards; shard++) {
    yield [shard, Uint32Array.from(rows)];
    rows = [];
  }
}

/** Quadruples whose first word is a document's position, by that position. */
export function byPosition<Entry>(
  quadruples: Uint32Array,
  make: (b: number, c: number, d: number) => Entry,
): Map<number, Entry[]> {
  const entries = new Map<number, Entry[]>();
  for (let at = 0; at < quadruples.length; at += 4) {
    const [position = 0, b = 0, c = 0, d = 0] = quadruples.subarray(at, at + 4);
    const known = entries.get(position);
    if (known === undefined) entries.set(position, [make(b, c, d)]);
    else known.push(make(b, c, d));
  }
  return entries;
}
