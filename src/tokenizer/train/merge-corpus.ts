import { PairTable } from "../models/pair-table.ts";

/** Stands before and after every word. */
const BOUNDARY = -0x80000000;
/** Ints of one cell: symbol, index of the pair that begins here (or -1), how often the word occurs. */
const FIELDS = 3;

/**
 * All different words as symbols, with every pair's count and places, kept true through each merge. A merge costs
 * time by the places it changes, not by the corpus.
 *
 * Each symbol that a word begins with has a cell. A merged symbol stands in its first cell, and its last cell holds minus
 * its length in cells: so both neighbours are found without links. A pair's places lie side by side in one block, in
 * ascending order; those that a merge has changed are left there and passed over, for the cell says which pair it
 * begins. A new pair always has the new symbol in it, so pairs are found by their other symbol alone, without hashing.
 *
 * Memory: 12 bytes a cell, and at most some 6 bytes a cell for places.
 */
export class MergeCorpus {
  /** Left and right symbol, by pair index. */
  left = new Int32Array(1 << 16);
  right = new Int32Array(1 << 16);
  /** Weighted occurrences, by pair index. */
  counts = new Float64Array(1 << 16);
  /** Where a pair's places begin in the block; -1: they are not kept, being too few to matter. */
  #starts = new Int32Array(1 << 16);
  #sizes = new Int32Array(1 << 16);
  #pairs = 0;
  #places: Int32Array<ArrayBuffer>;
  #placesEnd = 0;
  readonly #cells: Int32Array;
  #cellsEnd = 0;
  /** Cells, and UTF-8 bytes or characters, of each symbol. */
  readonly #lengths: number[] = [];
  readonly #maxLength: number;
  readonly #minCount: number;
  #grown: number[] = [];
  // The pair of the new symbol with each other symbol, true when the stamp is the number of this merge.
  #merges = 0;
  #leftStamps = new Int32Array(1 << 12);
  #leftPairs = new Int32Array(1 << 12);
  #rightStamps = new Int32Array(1 << 12);
  #rightPairs = new Int32Array(1 << 12);
  #eventPairs = new Int32Array(1 << 12);
  #eventPlaces = new Int32Array(1 << 12);
  #events = 0;

  /**
   * @param size symbols of all words, and one for each word
   * @param maxLength no pair of more first symbols than this is counted
   * @param minCount pairs that occur less often are never merged
   */
  constructor(size: number, maxLength: number, minCount: number) {
    this.#maxLength = maxLength;
    this.#minCount = minCount;
    this.#cells = new Int32Array((size + 1) * FIELDS);
    this.#places = new Int32Array(0);
    this.#cells[0] = BOUNDARY;
    this.#cellsEnd = 1;
  }

  /** Adds a word of `count` symbols that occurs `weight` times (under 2^31). All words come before {@link count}. */
  add(symbols: Int32Array, count: number, weight: number): void {
    let at = this.#cellsEnd * FIELDS;
    for (let i = 0; i < count; i++) {
      this.#cells[at] = symbols[i] ?? 0;
      this.#cells[at + 1] = -1;
      this.#cells[at + 2] = weight;
      at += FIELDS;
    }
    this.#cells[at] = BOUNDARY;
    this.#cells[at + 1] = -1;
    this.#cellsEnd += count + 1;
  }

  /** Counts the pairs of all words. */
  count(): void {
    const cells = this.#cells;
    const table = new PairTable(1 << 16);
    this.#places = new Int32Array(Math.ceil(this.#cellsEnd * 1.25) + 1024);
    for (let at = 1; at + 1 < this.#cellsEnd; at++) {
      const left = cells[at * FIELDS] ?? BOUNDARY;
      const right = cells[at * FIELDS + FIELDS] ?? BOUNDARY;
      if (left === BOUNDARY || right === BOUNDARY || this.#maxLength < 2) continue;
      this.#lengths[left] = 1;
      this.#lengths[right] = 1;
      let pair = table.get(left, right);
      if (pair < 0) {
        pair = this.#newPair(left, right);
        table.set(left, right, pair);
      }
      cells[at * FIELDS + 1] = pair;
      this.counts[pair] = (this.counts[pair] ?? 0) + (cells[at * FIELDS + 2] ?? 0);
      this.#sizes[pair] = (this.#sizes[pair] ?? 0) + 1;
    }
    for (let pair = 0; pair < this.#pairs; pair++) {
      const size = this.#sizes[pair] ?? 0;
      this.#sizes[pair] = 0;
      if ((this.counts[pair] ?? 0) < this.#minCount) continue;
      this.#starts[pair] = this.#placesEnd;
      this.#placesEnd += size;
      this.#grown.push(pair);
    }
    for (let at = 1; at < this.#cellsEnd; at++) {
      const pair = cells[at * FIELDS + 1] ?? -1;
      if (pair >= 0 && (this.#starts[pair] ?? -1) >= 0) this.#insert(pair, at);
    }
  }

  #insert(pair: number, at: number): void {
    const size = this.#sizes[pair] ?? 0;
    this.#places[(this.#starts[pair] ?? 0) + size] = at;
    this.#sizes[pair] = size + 1;
  }

  /** The pairs that gained places since the last call, each once, if they occur often enough. */
  takeGrown(): readonly number[] {
    const grown = this.#grown;
    this.#grown = [];
    return grown;
  }

  #newPair(left: number, right: number): number {
    const pair = this.#pairs++;
    if (pair === this.left.length) {
      this.left = grown(this.left, pair * 2);
      this.right = grown(this.right, pair * 2);
      this.#starts = grown(this.#starts, pair * 2);
      this.#sizes = grown(this.#sizes, pair * 2);
      const counts = new Float64Array(pair * 2);
      counts.set(this.counts);
      this.counts = counts;
    }
    this.left[pair] = left;
    this.right[pair] = right;
    this.#starts[pair] = -1;
    return pair;
  }

  /** Replaces every place of the pair by symbol `result`, from left to right where places overlap ("aaa"). */
  merge(pair: number, result: number): void {
    const left = this.left[pair] ?? 0;
    const right = this.right[pair] ?? 0;
    const leftLength = this.#lengths[left] ?? 1;
    const length = leftLength + (this.#lengths[right] ?? 1);
    const known = this.#lengths[result] !== undefined;
    this.#lengths[result] = length;
    this.#merges++;
    this.#reserveSymbols(result + 1);
    const firstNew = this.#pairs;
    if (known) this.#recall(result);
    this.#events = 0;
    const cells = this.#cells;
    const start = this.#starts[pair] ?? -1;
    const size = start < 0 ? 0 : (this.#sizes[pair] ?? 0);
    const places = this.#places;
    for (let i = start; i < start + size; i++) {
      const at = places[i] ?? 0;
      const cell = at * FIELDS;
      if (cells[cell + 1] !== pair) continue;
      const weight = cells[cell + 2] ?? 0;
      const last = cells[cell - FIELDS] ?? BOUNDARY;
      const before = last >= 0 || last === BOUNDARY ? at - 1 : at + last;
      const middle = cell + leftLength * FIELDS;
      const end = cell + length * FIELDS;
      const beforeSymbol = cells[before * FIELDS] ?? BOUNDARY;
      const afterSymbol = cells[end] ?? BOUNDARY;
      cells[cell] = result;
      cells[end - FIELDS] = -length;
      if (beforeSymbol !== BOUNDARY) {
        const old = cells[before * FIELDS + 1] ?? -1;
        if (old >= 0) this.counts[old] = (this.counts[old] ?? 0) - weight;
        const fresh = this.#pairBefore(beforeSymbol, result);
        cells[before * FIELDS + 1] = fresh;
        if (fresh >= 0) this.#event(fresh, before, weight);
      }
      let fresh = -1;
      if (afterSymbol !== BOUNDARY) {
        const old = cells[middle + 1] ?? -1;
        if (old >= 0) this.counts[old] = (this.counts[old] ?? 0) - weight;
        fresh = this.#pairAfter(result, afterSymbol);
        if (fresh >= 0) this.#event(fresh, at, weight);
      }
      cells[middle + 1] = -1;
      cells[cell + 1] = fresh;
    }
    this.counts[pair] = 0;
    this.#sizes[pair] = 0;
    this.#starts[pair] = -1;
    this.#keepPlaces(firstNew);
  }

  #event(pair: number, at: number, weight: number): void {
    this.counts[pair] = (this.counts[pair] ?? 0) + weight;
    if (this.#events === this.#eventPairs.length) {
      this.#eventPairs = grown(this.#eventPairs, this.#events * 2);
      this.#eventPlaces = grown(this.#eventPlaces, this.#events * 2);
    }
    this.#eventPairs[this.#events] = pair;
    this.#eventPlaces[this.#events++] = at;
  }

  #pairBefore(symbol: number, result: number): number {
    if (this.#leftStamps[symbol] === this.#merges) return this.#leftPairs[symbol] ?? -1;
    return this.#stamp(symbol, result, symbol, result);
  }

  #pairAfter(result: number, symbol: number): number {
    if (this.#rightStamps[symbol] === this.#merges) return this.#rightPairs[symbol] ?? -1;
    return this.#stamp(result, symbol, symbol, result);
  }

  /** A pair that this merge meets for the first time. */
  #stamp(left: number, right: number, other: number, result: number): number {
    const fits = (this.#lengths[left] ?? 1) + (this.#lengths[right] ?? 1) <= this.#maxLength;
    const pair = fits ? this.#newPair(left, right) : -1;
    if (right === result) {
      this.#leftStamps[other] = this.#merges;
      this.#leftPairs[other] = pair;
    }
    if (left === result) {
      this.#rightStamps[other] = this.#merges;
      this.#rightPairs[other] = pair;
    }
    return pair;
  }

  /** The result of this merge is a token that another merge made before: its pairs are known. */
  #recall(result: number): void {
    for (let pair = 0; pair < this.#pairs; pair++) {
      const left = this.left[pair] ?? 0;
      const right = this.right[pair] ?? 0;
      if (right === result) {
        this.#leftStamps[left] = this.#merges;
        this.#leftPairs[left] = pair;
      }
      if (left === result) {
        this.#rightStamps[right] = this.#merges;
        this.#rightPairs[right] = pair;
      }
    }
  }

  /** Puts this merge's places into the block, by pair. */
  #keepPlaces(firstNew: number): void {
    const old = new Map<number, number[]>();
    for (let i = 0; i < this.#events; i++) {
      const pair = this.#eventPairs[i] ?? 0;
      if (pair >= firstNew) this.#sizes[pair] = (this.#sizes[pair] ?? 0) + 1;
      else {
        const places = old.get(pair);
        if (places === undefined) old.set(pair, [this.#eventPlaces[i] ?? 0]);
        else places.push(this.#eventPlaces[i] ?? 0);
      }
    }
    let needed = 0;
    for (let pair = firstNew; pair < this.#pairs; pair++) needed += this.#sizes[pair] ?? 0;
    this.#reservePlaces(needed, firstNew);
    for (let pair = firstNew; pair < this.#pairs; pair++) {
      const size = this.#sizes[pair] ?? 0;
      this.#sizes[pair] = 0;
      if ((this.counts[pair] ?? 0) < this.#minCount) continue;
      this.#starts[pair] = this.#placesEnd;
      this.#placesEnd += size;
      this.#grown.push(pair);
    }
    for (let i = 0; i < this.#events; i++) {
      const pair = this.#eventPairs[i] ?? 0;
      if (pair >= firstNew && (this.#starts[pair] ?? -1) >= 0) this.#insert(pair, this.#eventPlaces[i] ?? 0);
    }
    for (const [pair, places] of old) this.#extend(pair, places);
  }

  /** More places for a pair that had some. */
  #extend(pair: number, more: readonly number[]): void {
    if ((this.counts[pair] ?? 0) < this.#minCount) return;
    const start = this.#starts[pair] ?? -1;
    let all: number[] = [];
    if (start < 0) {
      // It was too rare until now, so its places were not kept.
      for (let at = 1; at < this.#cellsEnd; at++) if (this.#cells[at * FIELDS + 1] === pair) all.push(at);
    } else {
      all = [...this.#places.subarray(start, start + (this.#sizes[pair] ?? 0)), ...more].sort((a, b) => a - b);
    }
    this.#reservePlaces(all.length, this.#pairs);
    this.#places.set(all, this.#placesEnd);
    this.#starts[pair] = this.#placesEnd;
    this.#sizes[pair] = all.length;
    this.#placesEnd += all.length;
    this.#grown.push(pair);
  }

  /** Room for `needed` more places: those of merged and changed pairs go. Sizes of pairs from `untouched` on stay. */
  #reservePlaces(needed: number, untouched: number): void {
    if (this.#placesEnd + needed <= this.#places.length) return;
    let live = 0;
    for (let pair = 0; pair < untouched; pair++) if ((this.#starts[pair] ?? -1) >= 0) live += this.#sizes[pair] ?? 0;
    const fresh = new Int32Array(Math.max(Math.ceil(Math.min(live, this.#cellsEnd) * 1.25), 1024) + needed);
    let end = 0;
    for (let pair = 0; pair < untouched; pair++) {
      const start = this.#starts[pair] ?? -1;
      if (start < 0) continue;
      if ((this.counts[pair] ?? 0) < this.#minCount) {
        this.#starts[pair] = -1;
        this.#sizes[pair] = 0;
        continue;
      }
      const stop = start + (this.#sizes[pair] ?? 0);
      this.#starts[pair] = end;
      for (let i = start; i < stop; i++) {
        const at = this.#places[i] ?? 0;
        if (this.#cells[at * FIELDS + 1] === pair) fresh[end++] = at;
      }
      this.#sizes[pair] = end - (this.#starts[pair] ?? 0);
    }
    this.#places = fresh;
    this.#placesEnd = end;
  }

  #reserveSymbols(count: number): void {
    if (count <= this.#leftStamps.length) return;
    const size = Math.max(this.#leftStamps.length * 2, count);
    this.#leftStamps = grown(this.#leftStamps, size);
    this.#leftPairs = grown(this.#leftPairs, size);
    this.#rightStamps = grown(this.#rightStamps, size);
    this.#rightPairs = grown(this.#rightPairs, size);
  }
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
