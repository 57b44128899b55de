import { addedTokenJson } from "../steps/added-tokens.ts";
import { NuwaError } from "../../text/index.ts";
import { byteToken } from "../steps/byte-fallback.ts";
import { readTokenizerJson } from "../read/tokenizer-json.ts";
import { checkSpecialTokens, defaultSpecialTokens } from "../special-tokens.ts";
import { countWords, type TrainBpeProgress } from "./bpe.ts";
import { roleNames } from "./wordpiece.ts";
import type { JsonObject, Tokenizer } from "../types.ts";
import { UnigramLattice } from "./unigram-lattice.ts";
import { seedPieces, type CountedWord } from "./unigram-seeds.ts";

/** Size and limits of {@link trainUnigram}. */
export interface TrainUnigramOptions {
  /** Entries in all: special tokens, `<unk>`, 256 bytes, characters, pieces. */
  readonly vocabSize: number;
  /** First in the vocabulary, before `<unk>`. */
  readonly specialTokens?: readonly string[];
  /** Different characters that are kept, the most frequent ones; others are written as bytes. Default 6,000. */
  readonly maxCharacters?: number;
  /** Candidates that training begins with. Default: 20 times the vocabulary, at most a million (SentencePiece's number). */
  readonly seedSize?: number;
  /** Characters of the longest piece. Default 16, as SentencePiece. */
  readonly maxPieceLength?: number;
  readonly maxPieces?: number;
  readonly threads?: number | undefined;
  readonly onProgress?: (progress: TrainBpeProgress) => void;
  readonly signal?: AbortSignal;
}

const UNKNOWN = "<unk>";
/** Between two prunings: rounds of expectation and maximization. */
const ROUNDS = 2;
/** What a pruning leaves. */
const SHRINK = 0.75;
/** A piece that is expected less often is dropped. */
const LEAST_EXPECTED = 0.5;

// A blank is "▁" and belongs to the word after it. Han stands apart from all else, and digits come in threes at most.
const CUT = "▁?\\p{Han}{1,16}|▁?(?:(?!\\p{Han})\\p{L}|\\p{M})+|▁?\\p{N}{1,3}|▁?[^\\p{L}\\p{M}\\p{N}▁]+|▁+";
const preTokenizer: JsonObject = {
  type: "Sequence",
  pretokenizers: [
    { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: true },
    { type: "Split", pattern: { Regex: CUT }, behavior: "Isolated", invert: false },
  ],
};

/**
 * Trains a Unigram model (Kudo 2018): many candidates from the suffix array; expectation and maximization; the
 * candidates whose loss hurts the likelihood least are pruned, until the vocabulary is left. Characters always stay;
 * what no character covers is written as bytes, so any text comes back. The same texts give the same tokenizer.
 *
 * @throws NuwaError DATA when there is no text, VALUE when the vocabulary has no room for bytes and special tokens
 * @example await trainUnigram(texts, { vocabSize: 32_000 })
 */
export async function trainUnigram(
  texts: AsyncIterable<string> | Iterable<string>,
  options: TrainUnigramOptions,
): Promise<Tokenizer> {
  const requested = checkSpecialTokens(options.specialTokens ?? defaultSpecialTokens);
  const specials = requested.includes(UNKNOWN) ? requested : [...requested, UNKNOWN];
  const fixed = specials.length + 256;
  const room = options.vocabSize - fixed;
  if (room < 1) {
    const parts = `256 bytes and ${specials.length} special tokens`;
    throw new NuwaError("VALUE", `expected a vocabulary of more than ${fixed} (${parts}), got ${options.vocabSize}`, {
      where: "vocab_size",
    });
  }
  const pieces = await countWords(texts, { kind: "pipeline", normalizer: null, preTokenizer }, options);
  // Sums of floating point numbers must not depend on the order of counting.
  const words = [...pieces].sort(([a], [b]) => (a < b ? -1 : 1));
  const learned = learnPieces(words, room, options);
  const least = learned.reduce((score, piece) => Math.min(score, piece.score), 0);
  const bytes = Array.from({ length: 256 }, (_, byte): [string, number] => [byteToken(byte), least - 10]);
  const vocab: [string, number][] = [
    ...specials.map((token): [string, number] => [token, 0]),
    ...bytes,
    ...learned.map(({ piece, score }): [string, number] => [piece, score]),
  ];
  const json: JsonObject = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => addedTokenJson({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "ByteFallback" },
        { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: true },
        { type: "Fuse" },
      ],
    },
    model: { type: "Unigram", unk_id: specials.indexOf(UNKNOWN), vocab, byte_fallback: true },
  };
  return readTokenizerJson(json, "tokenizer.json", roleNames(specials));
}

interface Scored {
  readonly piece: string;
  readonly score: number;
}

function learnPieces(all: readonly CountedWord[], room: number, options: TrainUnigramOptions): Scored[] {
  const maxLength = options.maxPieceLength ?? 16;
  const seeds = seedPieces(all, {
    size: options.seedSize ?? Math.min(1_000_000, room * 20),
    maxLength,
  });
  const characters = seeds.characters.slice(0, Math.min(room, options.maxCharacters ?? 6000));
  const known = new Set(characters.map(([character]) => character));
  const words = all.length === 0 ? all : onlyKnown(all, known);
  const usable = seeds.pieces.filter(([piece]) => [...piece].every((character) => known.has(character)));
  let pieces = [...characters, ...usable].map(([piece]) => piece);
  let scores = logShares(Float64Array.from([...characters, ...usable], ([, count]) => count));
  // SentencePiece trains a tenth more than is wanted, and takes the likeliest at the end.
  const target = Math.max(Math.ceil(room * 1.1), characters.length);
  for (;;) {
    options.signal?.throwIfAborted();
    for (let round = 0; round < ROUNDS; round++) {
      const expected = new Float64Array(pieces.length);
      const lattice = new UnigramLattice(pieces, scores);
      for (const [word, count] of words) lattice.expect(word, count, expected);
      ({ pieces, scores } = maximize(pieces, expected, known));
    }
    options.onProgress?.({ phase: "prune", tokens: pieces.length, target: room });
    if (pieces.length <= target) break;
    const kept = prune(pieces, scores, words, known, Math.max(target, Math.floor(pieces.length * SHRINK)));
    if (kept.length === pieces.length) break;
    scores = Float64Array.from(kept, (index) => scores[index] ?? 0);
    pieces = kept.map((index) => pieces[index] ?? "");
  }
  const ranked = pieces
    .map((piece, index) => ({ piece, score: scores[index] ?? 0 }))
    .sort((a, b) => b.score - a.score || (a.piece < b.piece ? -1 : 1));
  const places = new Set(ranked.filter(({ piece }) => known.has(piece)).map(({ piece }) => piece));
  for (const { piece } of ranked) if (places.size < room) places.add(piece);
  return ranked.filter(({ piece }) => places.has(piece));
}

/** Words cut at characters that are not kept. */
function onlyKnown(words: readonly CountedWord[], known: ReadonlySet<string>): CountedWord[] {
  const result: CountedWord[] = [];
  for (const [word, count] of words) {
    let part = "";
    for (const character of word) {
      if (known.has(character)) part += character;
      else {
        if (part !== "") result.push([part, count]);
        part = "";
      }
    }
    if (part !== "") result.push([part, count]);
  }
  return result;
}

/** New scores from expected counts; Bayesian, so that rare pieces lose (digamma instead of the logarithm). */
function maximize(
  pieces: readonly string[],
  expected: Float64Array,
  known: ReadonlySet<string>,
): { pieces: string[]; scores: Float64Array } {
  const kept: string[] = [];
  const counts: number[] = [];
  pieces.forEach((piece, index) => {
    const count = expected[index] ?? 0;
    if (count < LEAST_EXPECTED && !known.has(piece)) return;
    kept.push(piece);
    counts.push(Math.max(count, LEAST_EXPECTED));
  });
  const total = digamma(counts.reduce((sum, count) => sum + count, 0));
  return { pieces: kept, scores: Float64Array.from(counts, (count) => digamma(count) - total) };
}

/** Indices of the pieces that stay: characters, and those without which the likelihood would fall the most. */
function prune(
  pieces: readonly string[],
  scores: Float64Array,
  words: readonly CountedWord[],
  known: ReadonlySet<string>,
  wanted: number,
): number[] {
  const lattice = new UnigramLattice(pieces, scores);
  const uses = new Float64Array(pieces.length);
  let total = 0;
  for (const [word, count] of words) {
    for (const piece of lattice.best(word)) {
      uses[piece] = (uses[piece] ?? 0) + count;
      total += count;
    }
  }
  const logTotal = Math.log(total);
  const losses: { index: number; loss: number }[] = [];
  const kept: number[] = [];
  pieces.forEach((piece, index) => {
    if (known.has(piece)) {
      kept.push(index);
      return;
    }
    const used = uses[index] ?? 0;
    if (used === 0) return;
    const others = lattice.best(piece, index);
    if (others.length === 0) {
      kept.push(index);
      return;
    }
    // Without it, its uses go to the pieces of its second best cut (as in SentencePiece's trainer).
    const logAlternative = Math.log(total + used * (others.length - 1));
    let alternative = 0;
    for (const other of others) alternative += Math.log((uses[other] ?? 0) + used) - logAlternative;
    losses.push({ index, loss: (used / total) * (Math.log(used) - logTotal - alternative) });
  });
  losses.sort((a, b) => b.loss - a.loss || a.index - b.index);
  for (const { index } of losses) if (kept.length < wanted) kept.push(index);
  return kept.sort((a, b) => a - b);
}

function logShares(counts: Float64Array): Float64Array {
  const total = Math.log(counts.reduce((sum, count) => sum + count, 0));
  return counts.map((count) => Math.log(count) - total);
}

/** The derivative of log Γ, by recurrence up to 7 and the asymptotic series (Abramowitz and Stegun 6.3.18). */
export function digamma(x: number): number {
  let result = 0;
  let at = x;
  for (; at < 7; at++) result -= 1 / at;
  at -= 0.5;
  const inverse = 1 / at;
  const square = inverse * inverse;
  const series = square * (1 / 24 + square * (-7 / 960 + square * (31 / 8064 - square * (127 / 30720))));
  return result + Math.log(at) + series;
}
