import { NuwaError } from "../../text/index.ts";
import { AddedTokens } from "../steps/added-tokens.ts";
import { bpeJson } from "../read/bpe-json.ts";
import { BpeTokenizer, bytesToIds } from "../models/bpe-tokenizer.ts";
import { byteCharacters, bytesInVocabularyOrder, tokenToBytes } from "../steps/byte-alphabet.ts";
import { countPieces } from "./count-pieces.ts";
import type { CountPlan } from "./count-plan.ts";
import { learnMerges } from "./learn-merges.ts";
import { MergeCorpus } from "./merge-corpus.ts";
import type { PieceCounter } from "./piece-counter.ts";
import { presetScanner, type PreTokenizerName } from "../steps/pre-tokenizer.ts";
import { checkSpecialTokens, defaultSpecialTokens, END_OF_TEXT, PAD } from "../special-tokens.ts";
import type { Tokenizer } from "../types.ts";
import { Vocabulary } from "../steps/vocabulary.ts";

/** How far the training of a tokenizer is. */
export type TrainBpeProgress =
  | { readonly phase: "count"; readonly characters: number; readonly texts: number }
  /** Pieces that there was no room for: the rarest, and how often they had occurred. Told once, after counting. */
  | { readonly phase: "forgotten"; readonly pieces: number; readonly occurrences: number }
  /** Unigram: candidates that are left, on the way to the vocabulary. */
  | { readonly phase: "prune"; readonly tokens: number; readonly target: number }
  | { readonly phase: "merge"; readonly merges: number; readonly of: number; readonly token: string };

/** Size and limits of {@link trainBpe}. */
export interface TrainBpeOptions {
  /** Entries in all: special tokens, 256 bytes, merges. Fewer come out when the text has no more pairs to merge. */
  readonly vocabSize: number;
  /** First in the vocabulary, in this order. Default: {@link defaultSpecialTokens}. */
  readonly specialTokens?: readonly string[];
  /** Default gpt4. */
  readonly preTokenizer?: PreTokenizerName;
  /** A pair must occur so often to be merged. Default 2. */
  readonly minFrequency?: number;
  /** No token longer than this. Default: no bound. */
  readonly maxTokenBytes?: number;
  /**
   * Different pieces kept while counting, and of them at most {@link MAX_PIECE_BYTES}. Default 3,000,000. Beyond either
   * bound the rarest are forgotten, which is told as progress of phase "forgotten".
   */
  readonly maxPieces?: number;
  /** Threads that count; the tokenizer is the same for any number. Default: as many as there are cores. */
  readonly threads?: number | undefined;
  /** Called after a text at most every 100,000 characters, and every 64 merges. */
  readonly onProgress?: (progress: TrainBpeProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Trains byte-level BPE. The same texts in the same order give the same tokenizer, that of Hugging Face's `BpeTrainer`
 * with the whole byte alphabet: the most frequent pair first, among equals the smaller ids.
 *
 * @throws NuwaError DATA when there is no text, VALUE when the vocabulary has no room for bytes and special tokens
 * @example await trainBpe(texts, { vocabSize: 8192, preTokenizer: "gpt4" })
 */
export async function trainBpe(
  texts: AsyncIterable<string> | Iterable<string>,
  options: TrainBpeOptions,
): Promise<Tokenizer> {
  const specials = checkSpecialTokens(options.specialTokens ?? defaultSpecialTokens);
  const preTokenizer = options.preTokenizer ?? "gpt4";
  const smallest = specials.length + 256;
  if (options.vocabSize < smallest) {
    const parts = `256 bytes and ${specials.length} special tokens`;
    throw new NuwaError("VALUE", `expected a vocabulary of at least ${smallest} (${parts}), got ${options.vocabSize}`, {
      where: "vocab_size",
    });
  }
  const pieces = await countWords(texts, { kind: "scanner", preTokenizer }, options);
  const tokens = [...specials, ...bytesInVocabularyOrder.map((byte) => byteCharacters[byte] ?? "")];
  const byteIds = new Int32Array(256);
  bytesInVocabularyOrder.forEach((byte, index) => (byteIds[byte] = specials.length + index));
  const minFrequency = Math.max(1, options.minFrequency ?? 2);
  const corpus = byteCorpus(pieces, byteIds, options.maxTokenBytes ?? Infinity, minFrequency);
  const merges = learnMerges(corpus, tokens, {
    vocabSize: options.vocabSize,
    minFrequency,
    join: (left, right) => left + right,
    onMerge: (count, of, token) => options.onProgress?.({ phase: "merge", merges: count, of, token }),
    signal: options.signal,
  });
  return assemble({ tokens, merges, specials, preTokenizer, byteIds });
}

/** Bytes of different pieces that are kept while counting: the merging after it takes some 18 bytes for each. */
export const MAX_PIECE_BYTES = 48_000_000;

/** Counts the pieces of the texts, and tells what had to be forgotten. */
export async function countWords(
  texts: AsyncIterable<string> | Iterable<string>,
  plan: CountPlan,
  options: Pick<TrainBpeOptions, "maxPieces" | "threads" | "onProgress" | "signal">,
): Promise<PieceCounter> {
  let reported = 0;
  const { pieces, forgotten } = await countPieces(texts, plan, {
    maxPieces: options.maxPieces ?? 3_000_000,
    maxBytes: MAX_PIECE_BYTES,
    threads: options.threads,
    onText: (characters, read) => {
      options.signal?.throwIfAborted();
      if (characters - reported < 100_000) return;
      reported = characters;
      options.onProgress?.({ phase: "count", characters, texts: read });
    },
  });
  if (pieces.size === 0) throw new NuwaError("DATA", "expected text to train a tokenizer on, got none");
  if (forgotten.pieces > 0) options.onProgress?.({ phase: "forgotten", ...forgotten });
  return pieces;
}

/** The corpus of a byte-level tokenizer: one symbol a byte. */
function byteCorpus(
  pieces: PieceCounter,
  byteIds: Int32Array,
  maxTokenBytes: number,
  minFrequency: number,
): MergeCorpus {
  const corpus = new MergeCorpus(pieces.bytes + pieces.size, maxTokenBytes, minFrequency);
  let symbols = new Int32Array(256);
  for (const [piece, count] of pieces) {
    if (symbols.length < piece.length * 3) symbols = new Int32Array(piece.length * 6);
    const length = bytesToIds(piece, byteIds, symbols);
    corpus.add(symbols, length, Math.min(count, MAX_WEIGHT));
  }
  corpus.count();
  return corpus;
}

/** How often a piece counts at most: what an int32 holds. */
export const MAX_WEIGHT = 0x7fffffff;

function assemble(learned: {
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [number, number, number])[];
  readonly specials: readonly string[];
  readonly preTokenizer: PreTokenizerName;
  readonly byteIds: Int32Array;
}): Tokenizer {
  const { tokens, merges, specials, preTokenizer, byteIds } = learned;
  const added = specials.map((content, id) => ({ id, content, special: true }));
  const entries = tokens.map((token, id) => {
    const special = id < specials.length;
    return { id, token, special, bytes: (special ? undefined : tokenToBytes(token)) ?? Buffer.from(token) };
  });
  const vocabulary = new Vocabulary(entries);
  const written = merges.map(([left, right]) => [tokens[left] ?? "", tokens[right] ?? ""] as const);
  return new BpeTokenizer({
    vocabulary,
    byteIds,
    merges,
    added: new AddedTokens(added),
    steps: [{ scan: presetScanner(preTokenizer) }],
    bosId: vocabulary.specialTokens.get(END_OF_TEXT),
    eosId: vocabulary.specialTokens.get(END_OF_TEXT),
    padId: vocabulary.specialTokens.get(PAD),
    json: bpeJson({ tokens, merges: written, added, preTokenizer }),
  });
}
