import { z } from "zod";
import { preTokenizerNames } from "./steps/pre-tokenizer.ts";
import { defaultSpecialTokens } from "./special-tokens.ts";

/** The `tokenizer` part of a recipe. */
export const tokenizerSettings = z.strictObject({
  type: z
    .enum(["bpe", "wordpiece", "unigram", "char"])
    .default("bpe")
    .describe(
      "bpe: byte-level byte pair encoding, for any text; wordpiece: BERT's; unigram: SentencePiece's, XLNet's and T5's; char: one token a character, for small experiments",
    ),
  vocab_size: z
    .int()
    .min(256)
    .max(1_000_000)
    .default(8192)
    .describe("Entries in the vocabulary, special tokens and 256 bytes included (bpe). 4,096 to 64,000 is usual"),
  pre_tokenizer: z
    .enum(preTokenizerNames)
    .default("gpt4")
    .describe("How text is cut before merging (bpe): gpt2, gpt4, or chinese, which keeps Han apart from all else"),
  special_tokens: z
    .array(z.string().min(2))
    .max(1024)
    .default([...defaultSpecialTokens])
    .describe("Control tokens, first in the vocabulary. The chat template needs the default ones"),
  min_frequency: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(2)
    .describe("How often a pair must occur to become a token (bpe, wordpiece)"),
  max_token_bytes: z
    .int()
    .min(2)
    .max(4096)
    .optional()
    .describe("No token longer than this many bytes (bpe); a Chinese character takes 3"),
  lowercase: z.boolean().default(false).describe("Small letters only, and no accents (wordpiece)"),
  max_characters: z
    .int()
    .min(1)
    .max(200_000)
    .default(6000)
    .describe(
      "Different characters that get a token, the most frequent (wordpiece, unigram); others become [UNK] or bytes",
    ),
  max_pieces: z
    .int()
    .min(1000)
    .max(16_000_000)
    .default(3_000_000)
    .describe(
      "Different pieces of text counted at one time, 48 MB of them at most; beyond that the rarest are left out, and the run says so",
    ),
});

/** A recipe's section `tokenizer`, checked. */
export type TokenizerSettings = z.infer<typeof tokenizerSettings>;
