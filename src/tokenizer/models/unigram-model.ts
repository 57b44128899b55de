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
  /** The score of an unknown character's base; default: the smallest of `scores`. */
  readonly leastScore?: number;
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

  constructor(parts: UnigramParts) {
    this.#parts = parts;
    this.#trie = new UnitTrie(parts.tokens.length * 3);
    this.#scores = new Float64Array(parts.tokens.length);
    let least = Infinity;
    parts.tokens.forEach((token, id) => {
      const score = parts.scores[id];
      if (token === undefined || token === "" || score === undefined) return;
      this.#trie.set(token, id);
      this.#scores[id] = score;
      least = Math.min(least, score);
    });
    this.#unknownScore = (parts.leastScore ?? (least === Infinity ? 0 : least)) - UNKNOWN_PENALTY;
    this.#fused = parts.unknownId !== undefined;
  }

  encode(piece: string): number[] {
    const size = piece.length;
    if (this.#best.length <= size) {
      this.#best = new Float64Array(size * 2);
      this.#starts = new Int32Array(size * 2);
      this.#ids = new Int32Array(size * 2);
    }
    const best = this.#best;
    const starts = this.#starts;
    const ids = this.#ids;
    const single = this.#parts.precision === "float32";
    starts.fill(-1, 0, size + 1);
    best[0] = 0;
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
        if ((starts[end] ?? -1) < 0 || score > (best[end] ?? 0)) {
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
        if ((starts[end] ?? -1) < 0 || score > (best[end] ?? 0)) {
          best[end] = score;
          starts[end] = at;
          ids[end] = -1;
        }
      }
      at += units;
    }
    return this.#path(piece);
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
