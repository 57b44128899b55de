import { addedTokenJson } from "../steps/added-tokens.ts";
import { NuwaError } from "../../text/index.ts";
import { learnMerges } from "./learn-merges.ts";
import { MergeCorpus } from "./merge-corpus.ts";
import type { PieceCounter } from "./piece-counter.ts";
import { readTokenizerJson } from "../read/tokenizer-json.ts";
import { checkSpecialTokens, defaultSpecialTokens } from "../special-tokens.ts";
import { countWords, MAX_WEIGHT, type TrainBpeProgress } from "./bpe.ts";
import type { JsonObject, Tokenizer } from "../types.ts";

/** The unknown token of WordPiece, and before tokens inside a word. */
const UNKNOWN = "[UNK]";
const PREFIX = "##";

/** Size and limits of {@link trainWordPiece}. */
export interface TrainWordPieceOptions {
  /** Entries in all: special tokens, [UNK], characters (each alone and with ##), merges. */
  readonly vocabSize: number;
  /** First in the vocabulary, before [UNK]. */
  readonly specialTokens?: readonly string[];
  /** Small letters only, and no accents: BERT uncased. Default false. */
  readonly lowercase?: boolean;
  /** Default 2. */
  readonly minFrequency?: number;
  /** Different characters that are kept, the most frequent ones; text with others has [UNK]. Default 6,000. */
  readonly maxCharacters?: number;
  readonly maxPieces?: number;
  readonly threads?: number | undefined;
  readonly onProgress?: (progress: TrainBpeProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Trains WordPiece as Hugging Face does: pairs of tokens merged by frequency, characters inside a word written with `##`;
 * encoding then takes the longest token that fits. BERT's normalizer sets Chinese characters apart, so each is a word.
 * (Schuster and Nakajima 2012 merge by likelihood; that trainer was never published.)
 *
 * @throws NuwaError DATA when there is no text, VALUE when the vocabulary has no room for special tokens and characters
 * @example await trainWordPiece(texts, { vocabSize: 30_000, lowercase: true })
 */
export async function trainWordPiece(
  texts: AsyncIterable<string> | Iterable<string>,
  options: TrainWordPieceOptions,
): Promise<Tokenizer> {
  const requested = checkSpecialTokens(options.specialTokens ?? defaultSpecialTokens);
  const specials = requested.includes(UNKNOWN) ? requested : [...requested, UNKNOWN];
  const lowercase = options.lowercase === true;
  const normalizer: JsonObject = {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase,
  };
  const preTokenizer: JsonObject = { type: "BertPreTokenizer" };
  const pieces = await countWords(texts, { kind: "pipeline", normalizer, preTokenizer }, options);
  const minFrequency = Math.max(1, options.minFrequency ?? 2);
  const tokens = [...specials];
  const corpus = characterCorpus(pieces, tokens, options.maxCharacters ?? 6000, minFrequency);
  if (tokens.length > options.vocabSize) {
    const parts = `${specials.length} special tokens and ${tokens.length - specials.length} characters`;
    throw new NuwaError(
      "VALUE",
      `expected a vocabulary of at least ${tokens.length} (${parts}), got ${options.vocabSize}`,
      {
        where: "vocab_size",
      },
    );
  }
  learnMerges(corpus, tokens, {
    vocabSize: options.vocabSize,
    minFrequency,
    join: (left, right) => left + right.slice(PREFIX.length),
    onMerge: (count, of, token) => options.onProgress?.({ phase: "merge", merges: count, of, token }),
    signal: options.signal,
  });
  const json = wordPieceJson(tokens, specials, normalizer, preTokenizer);
  return readTokenizerJson(json, "tokenizer.json", roleNames(specials));
}

/** Roles where the default special tokens do not fill them. */
export function roleNames(specials: readonly string[]): { bos?: string; eos?: string; pad?: string } {
  const first = (...names: string[]): string | undefined => names.find((name) => specials.includes(name));
  const bos = first("<|endoftext|>", "<s>", "[CLS]");
  const eos = first("<|endoftext|>", "</s>", "[SEP]");
  const pad = first("<|pad|>", "<pad>", "[PAD]");
  return {
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
    ...(pad === undefined ? {} : { pad }),
  };
}

/**
 * One symbol a character; adds the characters' tokens to `tokens`, in the order of Hugging Face's trainer: first all by
 * code point, then those with ## as words show them (words by their text, so that the order does not depend on counting).
 */
function characterCorpus(
  pieces: PieceCounter,
  tokens: string[],
  maxCharacters: number,
  minFrequency: number,
): MergeCorpus {
  const frequency = new Map<string, number>();
  const words: [string, number][] = [];
  let symbols = 0;
  for (const [piece, count] of pieces) {
    words.push([piece, count]);
    symbols += piece.length + 1;
    for (const character of piece) frequency.set(character, (frequency.get(character) ?? 0) + count);
  }
  const kept = [...frequency]
    .sort(([a, countA], [b, countB]) => countB - countA || codePoint(a) - codePoint(b))
    .slice(0, maxCharacters)
    .map(([character]) => character)
    .sort((a, b) => codePoint(a) - codePoint(b));
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const idOf = (token: string): number => {
    let id = ids.get(token);
    if (id === undefined) {
      id = tokens.length;
      tokens.push(token);
      ids.set(token, id);
    }
    return id;
  };
  for (const character of kept) idOf(character);
  const known = new Set(kept);
  const corpus = new MergeCorpus(symbols, Infinity, minFrequency);
  let buffer = new Int32Array(64);
  words.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [word, count] of words) {
    if (buffer.length < word.length) buffer = new Int32Array(word.length * 2);
    let length = 0;
    let at = 0;
    for (const character of word) {
      // A character that is not kept is left out, as Hugging Face leaves it out.
      if (known.has(character)) buffer[length++] = idOf(at === 0 ? character : PREFIX + character);
      at += character.length;
    }
    if (length > 0) corpus.add(buffer, length, Math.min(count, MAX_WEIGHT));
  }
  corpus.count();
  return corpus;
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function wordPieceJson(
  tokens: readonly string[],
  specials: readonly string[],
  normalizer: JsonObject,
  preTokenizer: JsonObject,
): JsonObject {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => addedTokenJson({ id, content, special: true })),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor(specials),
    decoder: { type: "WordPiece", prefix: PREFIX, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: UNKNOWN,
      continuing_subword_prefix: PREFIX,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  };
}

/** `[CLS] a [SEP] b [SEP]` where both are among the special tokens. */
function postProcessor(specials: readonly string[]): JsonObject | null {
  const cls = specials.indexOf("[CLS]");
  const sep = specials.indexOf("[SEP]");
  return cls < 0 || sep < 0 ? null : { type: "BertProcessing", sep: ["[SEP]", sep], cls: ["[CLS]", cls] };
}
