import { NuwaError } from "../text/index.ts";
import { AddedTokens } from "./added-tokens.ts";
import { bpeJson } from "./bpe-json.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { byteCharacters, bytesInVocabularyOrder, tokenToBytes } from "./byte-alphabet.ts";
import { countPieces } from "./count-pieces.ts";
import { MergeCorpus } from "./merge-corpus.ts";
import { PairQueue } from "./pair-queue.ts";
import { presetScanner, type PreTokenizerName } from "./pre-tokenizer.ts";
import { checkSpecialTokens, defaultSpecialTokens, END_OF_TEXT, PAD } from "./special-tokens.ts";
import type { Tokenizer } from "./types.ts";
import { Vocabulary } from "./vocabulary.ts";

export type TrainBpeProgress =
  | { readonly phase: "count"; readonly characters: number; readonly texts: number }
  | { readonly phase: "merge"; readonly merges: number; readonly of: number; readonly token: string };

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
  /** Different pieces kept while counting; each takes some 100 bytes. Default 3,000,000. */
  readonly maxPieces?: number;
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
  const words = await countWords(texts, preTokenizer, options);
  const tokens = [...specials, ...bytesInVocabularyOrder.map((byte) => byteCharacters[byte] ?? "")];
  const byteIds = new Int32Array(256);
  bytesInVocabularyOrder.forEach((byte, index) => (byteIds[byte] = specials.length + index));
  const merges = learnMerges(new MergeCorpus(words, byteIds, options.maxTokenBytes ?? Infinity), tokens, options);
  return assemble({ tokens, merges, specials, preTokenizer, byteIds });
}

async function countWords(
  texts: AsyncIterable<string> | Iterable<string>,
  preTokenizer: PreTokenizerName,
  options: TrainBpeOptions,
): Promise<ReadonlyMap<string, number>> {
  let reported = 0;
  let read = 0;
  const { counts } = await countPieces(texts, [presetScanner(preTokenizer)], {
    maxPieces: options.maxPieces ?? 3_000_000,
    onText: (characters) => {
      read++;
      options.signal?.throwIfAborted();
      if (characters - reported < 100_000) return;
      reported = characters;
      options.onProgress?.({ phase: "count", characters, texts: read });
    },
  });
  if (counts.size === 0) throw new NuwaError("DATA", "expected text to train a tokenizer on, got none");
  return counts;
}

/** Learns merges until the vocabulary is full; appends their tokens to `tokens`. */
function learnMerges(
  corpus: MergeCorpus,
  tokens: string[],
  options: TrainBpeOptions,
): (readonly [left: number, right: number, result: number])[] {
  const minFrequency = Math.max(1, options.minFrequency ?? 2);
  const of = options.vocabSize - tokens.length;
  const first = tokens.length;
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const queue = new PairQueue(corpus.left, corpus.right);
  const merges: (readonly [number, number, number])[] = [];
  const enqueueGrown = (): void => {
    for (const pair of corpus.takeGrown()) {
      const count = corpus.counts[pair] ?? 0;
      if (count >= minFrequency) queue.push(pair, count);
    }
  };
  enqueueGrown();
  while (tokens.length < options.vocabSize) {
    const pair = queue.pop();
    if (pair < 0) break;
    const count = corpus.counts[pair] ?? 0;
    if (count !== queue.count) {
      if (count >= minFrequency) queue.push(pair, count);
      continue;
    }
    const left = corpus.left[pair] ?? 0;
    const right = corpus.right[pair] ?? 0;
    const token = (tokens[left] ?? "") + (tokens[right] ?? "");
    // "ab"+"c" and "a"+"bc" are two merges to one token.
    const result = ids.get(token) ?? tokens.length;
    if (result === tokens.length) {
      tokens.push(token);
      ids.set(token, result);
    }
    merges.push([left, right, result]);
    corpus.merge(pair, result);
    enqueueGrown();
    if (merges.length % 64 === 0) {
      options.signal?.throwIfAborted();
      options.onProgress?.({ phase: "merge", merges: tokens.length - first, of, token });
    }
  }
  options.onProgress?.({ phase: "merge", merges: tokens.length - first, of, token: tokens.at(-1) ?? "" });
  return merges;
}

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
    scanners: [presetScanner(preTokenizer)],
    bosId: vocabulary.specialTokens.get(END_OF_TEXT),
    eosId: vocabulary.specialTokens.get(END_OF_TEXT),
    padId: vocabulary.specialTokens.get(PAD),
    json: bpeJson({ tokens, merges: written, added, preTokenizer }),
  });
}
