import { z } from "zod";
import { preTokenizerPatterns, type Tokenizer } from "../../tokenizer/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { GgufTokenizer } from "./gguf.ts";

const schema = z.looseObject({
  model: z.looseObject({ merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])) }),
});

/**
 * A byte-level BPE as llama.cpp reads it. `vocabulary` is the model's: ids that the tokenizer does not use are filled.
 *
 * @throws NuwaError VALUE for a tokenizer that llama.cpp has no equal of
 * @example await saveGguf("model.gguf", model, { tokenizer: ggufTokenizer(tokenizer, model.config.vocab_size) });
 */
export function ggufTokenizer(tokenizer: Tokenizer, vocabulary: number, chatTemplate?: string): GgufTokenizer {
  const json = tokenizer.toJSON();
  const parsed = schema.safeParse(json);
  const text = JSON.stringify(json["pre_tokenizer"] ?? null);
  const uses = (name: keyof typeof preTokenizerPatterns): boolean =>
    text.includes(JSON.stringify(preTokenizerPatterns[name]).slice(1, -1));
  // llama.cpp's "dbrx" cuts as cl100k_base does and merges as ranked, where "llama-bpe" takes whole words first
  const preTokenizer = uses("gpt4") ? "dbrx" : uses("gpt2") || isPlainByteLevel(text) ? "gpt-2" : undefined;
  if (tokenizer.kind !== "bpe" || !parsed.success || preTokenizer === undefined) {
    throw new NuwaError("VALUE", "llama.cpp has no tokenizer that cuts text as this one does", {
      hint: "train the tokenizer with pre_tokenizer gpt2 or gpt4",
    });
  }
  const tokens = Array.from({ length: vocabulary }, (_, id) =>
    id < tokenizer.vocabSize ? (tokenizer.idToToken(id) ?? `[UNUSED${id}]`) : `[UNUSED${id}]`,
  );
  const merges = parsed.data.model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
  const control = new Set(tokenizer.specialTokens.values());
  const { bosId, eosId } = tokenizer;
  return { preTokenizer, tokens, merges, control, bosId, eosId, chatTemplate };
}

/** Hugging Face's ByteLevel with its own regular expression is GPT-2's. */
function isPlainByteLevel(text: string): boolean {
  return text.includes('"ByteLevel"') && text.includes('"use_regex":true') && !text.includes('"Regex"');
}
