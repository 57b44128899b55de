import type { JsonObject } from "../types.ts";
import { addedTokenJson, type AddedToken } from "../steps/added-tokens.ts";
import { preTokenizerPatterns, type PreTokenizerName } from "../steps/pre-tokenizer.ts";

/** The `pre_tokenizer` part: GPT-2's own form for gpt2, a Split by regular expression before ByteLevel for the others. */
function preTokenizerJson(name: PreTokenizerName): JsonObject {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: name === "gpt2" };
  if (name === "gpt2") return byteLevel;
  const split = { type: "Split", pattern: { Regex: preTokenizerPatterns[name] }, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [split, byteLevel] };
}

/**
 * A whole tokenizer.json for byte-level BPE.
 *
 * @param tokens in byte-level characters (added tokens as they are), by id
 * @param merges pairs of tokens, by rank
 */
export function bpeJson(options: {
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
  readonly added: readonly AddedToken[];
  readonly preTokenizer: PreTokenizerName;
}): JsonObject {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: options.added.map(addedTokenJson),
    normalizer: null,
    pre_tokenizer: preTokenizerJson(options.preTokenizer),
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(options.tokens.map((token, id) => [token, id])),
      merges: options.merges.map(([left, right]) => [left, right]),
    },
  };
}
