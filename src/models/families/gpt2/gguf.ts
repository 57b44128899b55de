import { type GgufLayout, ggufReal, type GgufTensor, ggufTensor } from "../../gguf/layout.ts";
import type { GptConfig } from "../decoder/config.ts";
import { sharedGgufSettings } from "../decoder/gguf.ts";

/** llama.cpp's `gpt2`: learned positions, LayerNorm, GELU in its tanh form, biases. */
export const gpt2Gguf: GgufLayout<GptConfig> = {
  architecture: "gpt2",

  fits(config) {
    const { position, norm, activation, qk_norm, num_attention_heads: H } = config;
    if (config.sliding_window !== null) return false;
    const plainHeads = config.num_key_value_heads === H && config.head_dim * H === config.hidden_size;
    return position === "learned" && norm === "layernorm" && activation === "gelu_tanh" && !qk_norm && plainHeads;
  },

  settings: (config) => ({
    ...sharedGgufSettings(config),
    "attention.layer_norm_epsilon": ggufReal(config.norm_epsilon),
  }),

  tensors(config, parameters) {
    const { hidden_size: C, intermediate_size: inner } = config;
    const tensors: GgufTensor[] = [
      ggufTensor(parameters, "token_embd.weight", ["model.embed_tokens.weight"]),
      ggufTensor(parameters, "position_embd.weight", ["model.embed_positions.weight"], { exact: true }),
      ggufTensor(parameters, "output_norm.weight", ["model.norm.weight"]),
      ggufTensor(parameters, "output_norm.bias", ["model.norm.bias"], { length: C }),
    ];
    if (!config.tie_word_embeddings) tensors.push(ggufTensor(parameters, "output.weight", ["lm_head.weight"]));
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const both = (to: string, from: readonly string[], length: number): GgufTensor[] =>
        ["weight", "bias"].map((end) => {
          const names = from.map((name) => `model.layers.${layer}.${name}.${end}`);
          return ggufTensor(parameters, `blk.${layer}.${to}.${end}`, names, { length });
        });
      tensors.push(
        ...both("attn_norm", ["input_layernorm"], C),
        ...both("attn_qkv", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], 3 * C),
        ...both("attn_output", ["self_attn.o_proj"], C),
        ...both("ffn_norm", ["post_attention_layernorm"], C),
        ...both("ffn_up", ["mlp.up_proj"], inner),
        ...both("ffn_down", ["mlp.down_proj"], C),
      );
    }
    return tensors;
  },
};
