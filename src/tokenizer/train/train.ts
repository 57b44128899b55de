import type { TokenizerSettings } from "../settings.ts";
import { trainBpe, type TrainBpeProgress } from "./bpe.ts";
import { trainCharacters } from "./characters.ts";
import { trainUnigram } from "./unigram.ts";
import { trainWordPiece } from "./wordpiece.ts";
import type { Tokenizer } from "../types.ts";

/** Trains the tokenizer that a recipe asks for. Throws as the trainers of its kind do. */
export async function trainTokenizer(
  texts: AsyncIterable<string> | Iterable<string>,
  settings: TokenizerSettings,
  options: {
    readonly onProgress?: (progress: TrainBpeProgress) => void;
    readonly signal?: AbortSignal;
    readonly threads?: number;
  } = {},
): Promise<Tokenizer> {
  const common = {
    vocabSize: settings.vocab_size,
    specialTokens: settings.special_tokens,
    maxPieces: settings.max_pieces,
    ...options,
  };
  switch (settings.type) {
    case "char":
      return trainCharacters(texts, { specialTokens: settings.special_tokens });
    case "wordpiece":
      return trainWordPiece(texts, {
        ...common,
        lowercase: settings.lowercase,
        minFrequency: settings.min_frequency,
        maxCharacters: settings.max_characters,
      });
    case "unigram":
      return trainUnigram(texts, { ...common, maxCharacters: settings.max_characters });
    case "bpe":
      return trainBpe(texts, {
        ...common,
        preTokenizer: settings.pre_tokenizer,
        minFrequency: settings.min_frequency,
        ...(settings.max_token_bytes === undefined ? {} : { maxTokenBytes: settings.max_token_bytes }),
      });
  }
}
