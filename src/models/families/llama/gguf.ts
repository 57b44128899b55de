import { ggufCount, type GgufLayout, ggufReal, type GgufTensor, ggufTensor } from "../../gguf/layout.ts";
import type { GptConfig } from "../decoder/config.ts";
import { sharedGgufSettings } from "../decoder/gguf.ts";

/** llama.cpp's `llama`: RoPE, RMSNorm, SwiGLU, no biases. */
export const llamaGguf: GgufLayout<GptConfig> = {
  architecture: "llama",

  fits({ position, norm, activation, qk_norm, bias, sliding_window: window }) {
    return window === null && position === "rope" && norm === "rmsnorm" && activation === "swiglu" && !qk_norm && !bias;
  },

  settings(config) {
    const { head_dim: D } = config;
    return {
      ...sharedGgufSettings(config),
      "attention.key_length": ggufCount(D),
      "attention.value_length": ggufCount(D),
      "rope.dimension_count": ggufCount(D),
      "rope.freq_base": ggufReal(config.rope_theta),
      "attention.layer_norm_rms_epsilon": ggufReal(config.norm_epsilon),
    };
  },

  tensors(config, parameters) {
    const { num_attention_heads: H, num_key_value_heads: K, head_dim: D, num_hidden_layers: layers } = config;
    const tensors: GgufTensor[] = [
      ggufTensor(parameters, "token_embd.weight", ["model.embed_tokens.weight"]),
      ggufTensor(parameters, "output_norm.weight", ["model.norm.weight"]),
    ];
    if (!config.tie_word_embeddings) tensors.push(ggufTensor(parameters, "output.weight", ["lm_head.weight"]));
    for (let layer = 0; layer < layers; layer++) {
      const [ours, theirs] = [`model.layers.${layer}`, `blk.${layer}`];
      const one = (to: string, from: string) =>
        ggufTensor(parameters, `${theirs}.${to}.weight`, [`${ours}.${from}.weight`]);
      const turned = (to: string, from: string, heads: number): GgufTensor => {
        const plain = one(to, from);
        return { ...plain, values: async () => joinPairs(await plain.values(), heads, D) };
      };
      tensors.push(
        one("attn_norm", "input_layernorm"),
        turned("attn_q", "self_attn.q_proj", H),
        turned("attn_k", "self_attn.k_proj", K),
        one("attn_v", "self_attn.v_proj"),
        one("attn_output", "self_attn.o_proj"),
        one("ffn_norm", "post_attention_layernorm"),
        one("ffn_gate", "mlp.gate_proj"),
        one("ffn_up", "mlp.up_proj"),
        one("ffn_down", "mlp.down_proj"),
      );
    }
    return tensors;
  },
};

/**
 * We rotate (i, i + D/2) of a head, llama.cpp neighbours (2i, 2i + 1): rows are put in its order.
 *
 * @param values (heads · D, C)
 */
function joinPairs(values: Float32Array, heads: number, D: number): Float32Array {
  const C = values.length / (heads * D);
  const out = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < D; i++) {
      const to = head * D + (i < D / 2 ? 2 * i : 2 * (i - D / 2) + 1);
      out.set(values.subarray((head * D + i) * C, (head * D + i + 1) * C), to * C);
    }
  }
  return out;
}
