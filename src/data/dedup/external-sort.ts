import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Words of a record: the high and the low half of its key, and a value. */
const WORDS = 3;
const BYTES = 4 * WORDS;
/** So many runs are merged at a time: each has an open file and a buffer. */
const FAN_IN = 64;
const LEAST_BUFFER = 64 * BYTES;

/** Where an {@link ExternalSorter} writes, and how much memory it may use. */
export interface SorterOptions {
  /** Where sorted runs are written once the memory is full; a sorter without one keeps everything in memory. */
  readonly folder?: string | undefined;
  /** For records in memory, in bytes. Changes the number of runs, never the order of the records. */
  readonly memoryBytes?: number | undefined;
}

/**
 * Sorts more records than memory holds, by 64-bit keys: full buffers are sorted and written to disk as runs, and the
 * runs are merged. Records of equal keys come out in the order in which they were added.
 *
 * @example
 * const sorter = new ExternalSorter({ folder: "runs/a/work", memoryBytes: 64e6 });
 * sorter.add(high, low, document);
 * for (const { values } of sorter.groups()) …
 * sorter.close();
 */
export class ExternalSorter {
  readonly #folder: string | undefined;
  readonly #capacity: number;
  #buffer = new Uint32Array(WORDS * 1024);
  #scratch: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #count = 0;
  #runs: Run[] = [];
  #made = 0;

  constructor({ folder, memoryBytes = 64e6 }: SorterOptions = {}) {
    this.#folder = folder;
    // Half of it is the other side of the radix sort.
    this.#capacity = folder === undefined ? 2 ** 31 : Math.max(16, Math.floor(memoryBytes / (2 * BYTES)));
  }

  /** How many runs lie on the disk. */
  get runs(): number {
    return this.#runs.length;
  }

  /** The three are taken modulo 2^32. */
  add(high: number, low: number, value: number): void {
    if (this.#count === this.#capacity) this.#spill();
    const at = WORDS * this.#count++;
    if (at === this.#buffer.length) {
      const grown = new Uint32Array(WORDS * Math.min(this.#capacity, 2 * this.#count));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#buffer[at] = high;
    this.#buffer[at + 1] = low;
    this.#buffer[at + 2] = value;
  }

  /**
   * All records in order, as batches of (high, low, value) one after another. A batch is used again for the next one.
   * Can be called once; nothing can be added afterwards.
   */
  *sorted(): Generator<Uint32Array> {
    if (this.#runs.length === 0) {
      yield this.#sortBuffer();
      return;
    }
    this.#spill();
    this.#buffer = new Uint32Array(0);
    this.#scratch = new Uint32Array(0);
    while (this.#runs.length > FAN_IN) {
      // Neighbours are merged, so that equal keys keep their order.
      const merged: Run[] = [];
      for (let i = 0; i < this.#runs.length; i += FAN_IN) {
        const part = this.#runs.slice(i, i + FAN_IN);
        merged.push(this.#write(this.#merge(part)));
        for (const run of part) rmSync(run.file, { force: true });
      }
      this.#runs = merged;
    }
    yield* this.#merge(this.#runs);
  }

  /** Values of equal keys, for keys that at least `least` records have, ascending by key. */
  *groups(least = 2): Generator<{ high: number; low: number; values: number[] }> {
    let [high, low] = [0, 0];
    let values: number[] = [];
    for (const batch of this.sorted()) {
      for (let at = 0; at < batch.length; at += WORDS) {
        const [h, l, value] = [batch[at] ?? 0, batch[at + 1] ?? 0, batch[at + 2] ?? 0];
        if (h !== high || l !== low) {
          if (values.length >= least) yield { high, low, values };
          [high, low, values] = [h, l, []];
        }
        values.push(value);
      }
    }
    if (values.length >= least) yield { high, low, values };
  }

  /** Deletes what it wrote. */
  close(): void {
    for (const run of this.#runs) rmSync(run.file, { force: true });
    this.#runs = [];
    this.#count = 0;
  }

  #sortBuffer(): Uint32Array {
    if (this.#scratch.length < WORDS * this.#count) this.#scratch = new Uint32Array(this.#buffer.length);
    const sorted = sortRecords(this.#buffer, this.#scratch, this.#count);
    if (sorted === this.#scratch) [this.#buffer, this.#scratch] = [this.#scratch, this.#buffer];
    return this.#buffer.subarray(0, WORDS * this.#count);
  }

  #spill(): void {
    if (this.#count === 0) return;
    this.#runs.push(this.#write([this.#sortBuffer()]));
    this.#count = 0;
  }

  #write(batches: Iterable<Uint32Array>): Run {
    const folder = this.#folder ?? ".";
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `run-${String(this.#made++).padStart(6, "0")}.tmp`);
    const handle = openSync(file, "w");
    let bytes = 0;
    try {
      for (const batch of batches) {
        const part = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
        for (let at = 0; at < part.length; ) at += writeSync(handle, part, at);
        bytes += part.length;
      }
    } finally {
      closeSync(handle);
    }
    return { file, bytes };
  }

  *#merge(runs: readonly Run[]): Generator<Uint32Array> {
    const memory = Math.min(this.#capacity * BYTES, 32e6);
    const size = Math.max(LEAST_BUFFER, Math.floor(memory / (runs.length + 1) / BYTES) * BYTES);
    const cursors = runs.map((run) => new Cursor(run, size));
    try {
      const heap = new Heap(cursors.filter((cursor) => cursor.next()));
      const out = new Uint32Array(size / 4);
      let filled = 0;
      for (let top = heap.top; top !== undefined; top = heap.top) {
        out[filled++] = top.high;
        out[filled++] = top.low;
        out[filled++] = top.value;
        if (filled === out.length) {
          yield out;
          filled = 0;
        }
        heap.replaceTop(top.next());
      }
      if (filled > 0) yield out.subarray(0, filled);
    } finally {
      for (const cursor of cursors) cursor.close();
    }
  }
}

interface Run {
  readonly file: string;
  readonly bytes: number;
}

/** Reads a run through a buffer. */
class Cursor {
  high = 0;
  low = 0;
  value = 0;
  readonly #handle: number;
  readonly #bytes: number;
  readonly #buffer: Uint32Array;
  #position = 0;
  #at = 0;
  #end = 0;

  constructor({ file, bytes }: Run, size: number) {
    this.#handle = openSync(file, "r");
    this.#bytes = bytes;
    this.#buffer = new Uint32Array(size / 4);
  }

  /** Goes to the next record; false at the end. */
  next(): boolean {
    if (this.#at === this.#end) {
      const length = Math.min(this.#buffer.byteLength, this.#bytes - this.#position);
      if (length === 0) return false;
      readFully(this.#handle, this.#buffer, length, this.#position);
      this.#position += length;
      this.#at = 0;
      this.#end = length / 4;
    }
    this.high = this.#buffer[this.#at++] ?? 0;
    this.low = this.#buffer[this.#at++] ?? 0;
    this.value = this.#buffer[this.#at++] ?? 0;
    return true;
  }

  close(): void {
    closeSync(this.#handle);
  }
}

/** Reads `length` bytes at `position` into the beginning of `target`. @throws when the file ends before */
export function readFully(handle: number, target: NodeJS.ArrayBufferView, length: number, position: number): void {
  for (let at = 0; at < length; ) {
    const read = readSync(handle, target, at, length - at, position + at);
    if (read === 0) throw new Error("unexpected end of a file of sorted records");
    at += read;
  }
}

/** The least cursor on top; of equal keys the one of the earlier run. */
class Heap {
  readonly #items: { cursor: Cursor; run: number }[];

  constructor(cursors: readonly Cursor[]) {
    this.#items = cursors.map((cursor, run) => ({ cursor, run }));
    for (let i = (this.#items.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get top(): Cursor | undefined {
    return this.#items[0]?.cursor;
  }

  /** The top has moved on, or has ended. */
  replaceTop(goesOn: boolean): void {
    if (!goesOn) {
      const last = this.#items.pop();
      if (this.#items.length > 0 && last !== undefined) this.#items[0] = last;
    }
    this.#sink(0);
  }

  #sink(start: number): void {
    const items = this.#items;
    for (let i = start; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < items.length && this.#isLess(child, least)) least = child;
      if (least === i) return;
      const [a, b] = [items[i], items[least]];
      if (a !== undefined && b !== undefined) [items[i], items[least]] = [b, a];
      i = least;
    }
  }

  #isLess(i: number, j: number): boolean {
    const [a, b] = [this.#items[i], this.#items[j]];
    if (a === undefined || b === undefined) return false;
    if (a.cursor.high !== b.cursor.high) return a.cursor.high < b.cursor.high;
    if (a.cursor.low !== b.cursor.low) return a.cursor.low < b.cursor.low;
    return a.run < b.run;
  }
}

/** Stable radix sort by the 64-bit key, least digit first; gives whichever of the two arrays holds the result. */
function sortRecords(records: Uint32Array, scratch: Uint32Array, count: number): Uint32Array {
  const bits = count > 1 << 17 ? 16 : 8;
  const mask = (1 << bits) - 1;
  const counts = new Uint32Array(mask + 1);
  let [from, to] = [records, scratch];
  for (const word of [1, 0]) {
    for (let shift = 0; shift < 32; shift += bits) {
      counts.fill(0);
      for (let i = 0, at = word; i < count; i++, at += WORDS) {
        const digit = ((from[at] ?? 0) >>> shift) & mask;
        counts[digit] = (counts[digit] ?? 0) + 1;
      }
      // All alike: keys that are document numbers have mostly zeros.
      if (counts[((from[word] ?? 0) >>> shift) & mask] === count) continue;
      for (let digit = 0, sum = 0; digit <= mask; digit++) {
        const here = counts[digit] ?? 0;
        counts[digit] = sum;
        sum += here;
      }
      for (let i = 0, at = 0; i < count; i++, at += WORDS) {
        const digit = ((from[at + word] ?? 0) >>> shift) & mask;
        const position = counts[digit] ?? 0;
        counts[digit] = position + 1;
        const target = WORDS * position;
        to[target] = from[at] ?? 0;
        to[target + 1] = from[at + 1] ?? 0;
        to[target + 2] = from[at + 2] ?? 0;
      }
      [from, to] = [to, from];
    }
  }
  return from;
}
