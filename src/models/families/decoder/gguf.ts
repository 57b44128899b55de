import { ggufCount, type GgufSettings } from "../../gguf/layout.ts";
import type { GptConfig } from "./config.ts";

/** What llama.cpp wants to know of every decoder. */
export function sharedGgufSettings(config: GptConfig): GgufSettings {
  return {
    context_length: ggufCount(config.max_position_embeddings),
    embedding_length: ggufCount(config.hidden_size),
    block_count: ggufCount(config.num_hidden_layers),
    feed_forward_length: ggufCount(config.intermediate_size),
    "attention.head_count": ggufCount(config.num_attention_heads),
    "attention.head_count_kv": ggufCount(config.num_key_value_heads),
    vocab_size: ggufCount(config.vocab_size),
  };
}
