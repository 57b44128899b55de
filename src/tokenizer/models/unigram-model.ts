import { codePointAt, unitsOf } from "../steps/character-classes.ts";
import { fallBack } from "../steps/byte-fallback.ts";
import { noToken, type PieceModel } from "./piece-model.ts";
import { UnitTrie } from "./unit-trie.ts";

/** What an unknown character costs below the least likely token, in both SentencePiece and Hugging Face. */
const UNKNOWN_PENALTY = 10;

export interface UnigramParts {
  /** Logarithms of probability by id; undefined for a token that text never gives. */
  readonly scores: readonly (number | undefined)[];
  readonly tokens: readonly (string | undefined)[];
  readonly unknownId: number | undefined;
  /** Ids of `<0x00>` to `<0xFF>`, where unknown characters become bytes. */
  readonly byteIds?: readonly (number | undefined)[] | undefined;
  /** float32 sums, as SentencePiece has them, or float64, as Hugging Face has: they part only where two cuts are as good. */
  readonly precision: "float32" | "float64";
  /** A mark that begins a token wherever it stands in one: words are searched one by one. Only for float32. */
  readonly cutBefore?: string | undefined;
  /** The score of an unknown character's base; default: the smallest of `scores`. */
  readonly leastScore?: number;
}

/** Longer words come back too seldom to be kept. */
const LONGEST_WORD = 48;
const MOST_WORDS = 1 << 16;

/** The cut of a word in double precision. */
interface KeptWord {
  readonly ids: readonly number[];
  /** Of each token, unknown characters one by one. */
  readonly scores: readonly number[];
  /** The least difference between two cuts that were compared. */
  readonly margin: number;
  /** The largest sum, its sign aside. */
  readonly largest: number;
}

/**
 * The cut with the highest sum of scores, by dynamic programming (Viterbi); of equal ones that whose last token begins
 * first. Source: Kudo 2018, "Subword Regularization"; unigram_model.cc, EncodeOptimized.
 */
export class UnigramModel implements PieceModel {
  readonly #parts: UnigramParts;
  readonly #trie: UnitTrie;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  readonly #fused: boolean;
  #best = new Float64Array(64);
  #starts = new Int32Array(64);
  #ids = new Int32Array(64);
  #margin = 0;
  #largest = 0;
  readonly #words = new Map<string, KeptWord>();

  constructor(parts: UnigramParts) {
    this.#parts = parts;
    const entries: [string, number][] = [];
    this.#scores = new Float64Array(parts.tokens.length);
    let least = Infinity;
    parts.tokens.forEach((token, id) => {
      const score = parts.scores[id];
      if (token === undefined || token === "" || score === undefined) return;
      entries.push([token, id]);
      this.#scores[id] = score;
      least = Math.min(least, score);
    });
    this.#trie = new UnitTrie(entries);
    this.#unknownScore = (parts.leastScore ?? (least === Infinity ? 0 : least)) - UNKNOWN_PENALTY;
    this.#fused = parts.unknownId !== undefined;
  }

  encode(piece: string): number[] {
    const { cutBefore } = this.#parts;
    if (cutBefore === undefined || this.#parts.precision !== "float32") {
      this.#search(piece, 0, this.#parts.precision === "float32");
      return this.#path(piece);
    }
    // Every cut passes through the beginning of a word, so that words are searched one after another.
    const out: number[] = [];
    let score = 0;
    for (let start = 0; start < piece.length; ) {
      let end = piece.indexOf(cutBefore, start + 1);
      if (end < 0) end = piece.length;
      score = this.#addWord(piece.slice(start, end), score, out);
      start = end;
    }
    return out;
  }

  /**
   * The cut of a word whose score adds to `soFar`. Single precision can only turn the search where two cuts are nearly as
   * good, so the cut is kept with the margin by which it wins.
   *
   * @returns the score up to the end of the word
   */
  #addWord(word: string, soFar: number, out: number[]): number {
    let kept = this.#words.get(word);
    if (kept === undefined) {
      this.#search(word, 0, false);
      const scores: number[] = [];
      for (let end = word.length; end > 0; end = this.#starts[end] ?? 0) {
        const id = this.#ids[end] ?? -1;
        scores.push(id < 0 ? this.#unknownScore : (this.#scores[id] ?? 0));
      }
      kept = { ids: this.#path(word), scores: scores.reverse(), margin: this.#margin, largest: this.#largest };
      if (this.#words.size >= MOST_WORDS) this.#words.clear();
      if (word.length <= LONGEST_WORD) this.#words.set(word, kept);
    }
    // Each sum is off by half a unit in the last place, and two cuts of all characters are compared.
    const error = 2 ** -23 * word.length * 1.1 * (kept.largest + Math.abs(soFar));
    if (kept.margin <= error) {
      this.#search(word, soFar, true);
      for (const id of this.#path(word)) out.push(id);
      return this.#best[word.length] ?? 0;
    }
    for (const id of kept.ids) out.push(id);
    let score = soFar;
    for (const one of kept.scores) score = Math.fround(one + score);
    return score;
  }

  /** Finds the best cut, and the least difference between two that were compared. */
  #search(piece: string, soFarAtStart: number, single: boolean): void {
    const size = piece.length;
    if (this.#best.length <= size) {
      this.#best = new Float64Array(size * 2);
      this.#starts = new Int32Array(size * 2);
      this.#ids = new Int32Array(size * 2);
    }
    const best = this.#best;
    const starts = this.#starts;
    const ids = this.#ids;
    let margin = Infinity;
    let largest = 0;
    starts.fill(-1, 0, size + 1);
    best[0] = soFarAtStart;
    for (let at = 0; at < size; ) {
      const soFar = best[at] ?? 0;
      const units = unitsOf(codePointAt(piece, at));
      let hasSingle = false;
      let node = 0;
      for (let end = at; end < size; ) {
        node = this.#trie.step(node, piece.charCodeAt(end));
        if (node < 0) break;
        end++;
        const id = this.#trie.value(node);
        if (id < 0) continue;
        let score = (this.#scores[id] ?? 0) + soFar;
        if (single) score = Math.fround(score);
        if (Math.abs(score) > largest) largest = Math.abs(score);
        const isFirst = (starts[end] ?? -1) < 0;
        const before = best[end] ?? 0;
        if (!isFirst && Math.abs(score - before) < margin) margin = Math.abs(score - before);
        if (isFirst || score > before) {
          best[end] = score;
          starts[end] = at;
          ids[end] = id;
        }
        if (end - at === units) hasSingle = true;
      }
      if (!hasSingle) {
        const end = at + units;
        let score = this.#unknownScore + soFar;
        if (single) score = Math.fround(score);
        if (Math.abs(score) > largest) largest = Math.abs(score);
        const isFirst = (starts[end] ?? -1) < 0;
        const before = best[end] ?? 0;
        if (!isFirst && Math.abs(score - before) < margin) margin = Math.abs(score - before);
        if (isFirst || score > before) {
          best[end] = score;
          starts[end] = at;
          ids[end] = -1;
        }
      }
      at += units;
    }
    this.#margin = margin;
    this.#largest = largest;
  }

  /** Follows the best cut back from the end. Neighbouring unknown characters are one unknown token. */
  #path(piece: string): number[] {
    const reversed: number[] = [];
    const { unknownId, byteIds } = this.#parts;
    for (let end = piece.length; end > 0; ) {
      const id = this.#ids[end] ?? -1;
      let start = this.#starts[end] ?? 0;
      if (id >= 0 && id !== unknownId) {
        reversed.push(id);
        end = start;
        continue;
      }
      while (this.#fused && start > 0 && this.#isUnknown(start)) start = this.#starts[start] ?? 0;
      const bytes = byteIds === undefined ? undefined : fallBack(piece.slice(start, end), byteIds);
      if (bytes !== undefined) reversed.push(...bytes.toReversed());
      else if (unknownId === undefined) throw noToken(piece.slice(start, end));
      else reversed.push(unknownId);
      end = start;
    }
    return reversed.toReversed();
  }

  #isUnknown(end: number): boolean {
    const id = this.#ids[end] ?? -1;
    return id < 0 || id === this.#parts.unknownId;
  }
}
