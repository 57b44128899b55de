import { bytesToIds } from "./bpe-tokenizer.ts";
import { PairTable } from "./pair-table.ts";

/** Stands before and after every word. */
const BOUNDARY = -0x80000000;

/**
 * All different words as symbols, with every pair's count and places, kept true through each merge. A merge costs
 * time by the places it changes, not by the corpus.
 *
 * Symbols lie in one array at the place of their first byte; the last byte of a longer symbol holds minus its length.
 * So both neighbours are found without links, and the places of a pair form a doubly linked list through two arrays:
 * 16 bytes of memory for each byte of the different words.
 */
export class MergeCorpus {
  readonly left: number[] = [];
  readonly right: number[] = [];
  /** Weighted occurrences, by pair index. */
  readonly counts: number[] = [];
  /** Pairs that gained a place since the last {@link takeGrown}. */
  #grown: number[] = [];
  readonly #isGrown: boolean[] = [];
  readonly #heads: number[] = [];
  readonly #pairs = new PairTable(1 << 16);
  readonly #lengths: number[] = [];
  readonly #maxLength: number;
  readonly #symbols: Int32Array;
  readonly #wordOf: Int32Array;
  readonly #after: Int32Array;
  readonly #before: Int32Array;
  readonly #weights: Float64Array;

  /**
   * @param words how often each occurs
   * @param byteIds the id of each byte
   * @param maxTokenBytes no pair longer than this is counted
   */
  constructor(words: ReadonlyMap<string, number>, byteIds: Int32Array, maxTokenBytes: number) {
    this.#maxLength = maxTokenBytes;
    for (const id of byteIds) this.#lengths[id] = 1;
    let size = 1;
    for (const word of words.keys()) size += Buffer.byteLength(word) + 1;
    this.#symbols = new Int32Array(size);
    this.#wordOf = new Int32Array(size);
    this.#after = new Int32Array(size);
    this.#before = new Int32Array(size);
    this.#weights = new Float64Array(words.size);
    let end = 0;
    let index = 0;
    this.#symbols[end++] = BOUNDARY;
    for (const [word, count] of words) {
      const start = end;
      end += bytesToIds(word, byteIds, this.#symbols.subarray(start));
      this.#weights[index] = count;
      this.#wordOf.fill(index, start, end);
      this.#symbols[end++] = BOUNDARY;
      index++;
    }
    for (let at = 1; at + 1 < size; at++) {
      const symbol = this.#symbols[at] ?? BOUNDARY;
      const next = this.#symbols[at + 1] ?? BOUNDARY;
      if (symbol !== BOUNDARY && next !== BOUNDARY) this.#add(symbol, next, at);
    }
  }

  /** The pairs that gained places since the last call, each once. */
  takeGrown(): readonly number[] {
    const grown = this.#grown;
    for (const pair of grown) this.#isGrown[pair] = false;
    this.#grown = [];
    return grown;
  }

  /** Replaces every place of the pair by symbol `result`, from left to right where places overlap ("aaa"). */
  merge(pair: number, result: number): void {
    const left = this.left[pair] ?? 0;
    const right = this.right[pair] ?? 0;
    const leftLength = this.#lengths[left] ?? 1;
    const rightLength = this.#lengths[right] ?? 1;
    this.#lengths[result] = leftLength + rightLength;
    for (let at = this.#heads[pair] ?? -1; at >= 0; at = this.#heads[pair] ?? -1) {
      if (left !== right) {
        this.#mergeAt(pair, at, left, right, leftLength, rightLength, result);
        continue;
      }
      for (let previous = this.#previous(at); this.#symbols[previous] === left; previous = this.#previous(at)) {
        at = previous;
      }
      while (this.#symbols[at] === left && this.#symbols[at + leftLength] === left) {
        this.#mergeAt(pair, at, left, right, leftLength, rightLength, result);
        at += leftLength + rightLength;
      }
    }
  }

  /** Where the symbol before `at` starts; the place of the boundary when there is none. */
  #previous(at: number): number {
    const last = this.#symbols[at - 1] ?? BOUNDARY;
    return last >= 0 || last === BOUNDARY ? at - 1 : at + last;
  }

  #mergeAt(
    pair: number,
    at: number,
    left: number,
    right: number,
    leftLength: number,
    rightLength: number,
    result: number,
  ): void {
    const symbols = this.#symbols;
    const middle = at + leftLength;
    const end = middle + rightLength;
    const before = this.#previous(at);
    const beforeSymbol = symbols[before] ?? BOUNDARY;
    const afterSymbol = symbols[end] ?? BOUNDARY;
    this.#unlink(pair, at);
    if (beforeSymbol !== BOUNDARY) this.#remove(beforeSymbol, left, before);
    if (afterSymbol !== BOUNDARY) this.#remove(right, afterSymbol, middle);
    symbols[at] = result;
    symbols[end - 1] = -(leftLength + rightLength);
    if (beforeSymbol !== BOUNDARY) this.#add(beforeSymbol, result, before);
    if (afterSymbol !== BOUNDARY) this.#add(result, afterSymbol, at);
  }

  #add(left: number, right: number, at: number): void {
    if ((this.#lengths[left] ?? 1) + (this.#lengths[right] ?? 1) > this.#maxLength) return;
    let pair = this.#pairs.get(left, right);
    if (pair < 0) {
      pair = this.left.length;
      this.#pairs.set(left, right, pair);
      this.left.push(left);
      this.right.push(right);
      this.counts.push(0);
      this.#heads.push(-1);
      this.#isGrown.push(false);
    }
    this.counts[pair] = (this.counts[pair] ?? 0) + (this.#weights[this.#wordOf[at] ?? 0] ?? 0);
    const head = this.#heads[pair] ?? -1;
    this.#after[at] = head;
    this.#before[at] = -1;
    if (head >= 0) this.#before[head] = at;
    this.#heads[pair] = at;
    if (this.#isGrown[pair] === true) return;
    this.#isGrown[pair] = true;
    this.#grown.push(pair);
  }

  #remove(left: number, right: number, at: number): void {
    const pair = this.#pairs.get(left, right);
    if (pair >= 0) this.#unlink(pair, at);
  }

  /** Takes the place out of the pair's list, and its weight out of the count. */
  #unlink(pair: number, at: number): void {
    this.counts[pair] = (this.counts[pair] ?? 0) - (this.#weights[this.#wordOf[at] ?? 0] ?? 0);
    const before = this.#before[at] ?? -1;
    const after = this.#after[at] ?? -1;
    if (before >= 0) this.#after[before] = after;
    else this.#heads[pair] = after;
    if (after >= 0) this.#before[after] = before;
  }
}
