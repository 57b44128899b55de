import { codePointAt, unitsOf } from "../steps/character-classes.ts";
import { UnitTrie } from "../models/unit-trie.ts";

/** A vocabulary under training: texts and logarithms of probability. Every character of every word is a piece. */
export class UnigramLattice {
  readonly #trie: UnitTrie;
  readonly #scores: Float64Array;
  #forward = new Float64Array(256);
  #backward = new Float64Array(256);
  #starts = new Int32Array(256);
  #pieces = new Int32Array(256);

  constructor(pieces: readonly string[], scores: Float64Array) {
    this.#trie = new UnitTrie(pieces.map((piece, index) => [piece, index]));
    this.#scores = scores;
  }

  #reserve(size: number): void {
    if (this.#forward.length > size) return;
    this.#forward = new Float64Array(size * 2);
    this.#backward = new Float64Array(size * 2);
    this.#starts = new Int32Array(size * 2);
    this.#pieces = new Int32Array(size * 2);
  }

  /**
   * Adds to `expected` how often each piece is to be expected in `word`, times `weight` (the E step: forward and backward
   * sums over all cuts).
   *
   * @returns the logarithm of the word's probability
   */
  expect(word: string, weight: number, expected: Float64Array): number {
    const size = word.length;
    this.#reserve(size + 1);
    const forward = this.#forward;
    const backward = this.#backward;
    forward.fill(-Infinity, 0, size + 1);
    backward.fill(-Infinity, 0, size + 1);
    forward[0] = 0;
    backward[size] = 0;
    for (let at = 0; at < size; at += unitsOf(codePointAt(word, at))) {
      const soFar = forward[at] ?? 0;
      for (let node = 0, end = at; end < size; ) {
        node = this.#trie.step(node, word.charCodeAt(end));
        if (node < 0) break;
        end++;
        const piece = this.#trie.value(node);
        if (piece >= 0) forward[end] = logAdd(forward[end] ?? 0, soFar + (this.#scores[piece] ?? 0));
      }
    }
    for (let at = size - 1; at >= 0; at--) {
      if ((forward[at] ?? 0) === -Infinity) continue;
      let sum = -Infinity;
      for (let node = 0, end = at; end < size; ) {
        node = this.#trie.step(node, word.charCodeAt(end));
        if (node < 0) break;
        end++;
        const piece = this.#trie.value(node);
        if (piece >= 0) sum = logAdd(sum, (this.#scores[piece] ?? 0) + (backward[end] ?? 0));
      }
      backward[at] = sum;
    }
    const total = forward[size] ?? 0;
    for (let at = 0; at < size; at++) {
      const soFar = forward[at] ?? 0;
      if (soFar === -Infinity) continue;
      for (let node = 0, end = at; end < size; ) {
        node = this.#trie.step(node, word.charCodeAt(end));
        if (node < 0) break;
        end++;
        const piece = this.#trie.value(node);
        if (piece < 0) continue;
        const share = Math.exp(soFar + (this.#scores[piece] ?? 0) + (backward[end] ?? 0) - total);
        expected[piece] = (expected[piece] ?? 0) + weight * share;
      }
    }
    return total;
  }

  /**
   * The best cut of `word`, as piece numbers; empty when there is none.
   *
   * @param without a piece that may not be used for the whole of it
   */
  best(word: string, without = -1): number[] {
    const size = word.length;
    this.#reserve(size + 1);
    const forward = this.#forward;
    forward.fill(-Infinity, 0, size + 1);
    forward[0] = 0;
    for (let at = 0; at < size; at++) {
      const soFar = forward[at] ?? 0;
      if (soFar === -Infinity) continue;
      for (let node = 0, end = at; end < size; ) {
        node = this.#trie.step(node, word.charCodeAt(end));
        if (node < 0) break;
        end++;
        const piece = this.#trie.value(node);
        if (piece < 0 || piece === without) continue;
        const score = soFar + (this.#scores[piece] ?? 0);
        if (score <= (forward[end] ?? 0)) continue;
        forward[end] = score;
        this.#starts[end] = at;
        this.#pieces[end] = piece;
      }
    }
    if ((forward[size] ?? 0) === -Infinity) return [];
    const found: number[] = [];
    for (let end = size; end > 0; end = this.#starts[end] ?? 0) found.push(this.#pieces[end] ?? 0);
    return found.reverse();
  }
}

/** log(e^a + e^b). */
function logAdd(a: number, b: number): number {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}
