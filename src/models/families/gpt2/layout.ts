import { z } from "zod";
import type { ParameterStore } from "../../../nn/index.ts";
import { type ConfigJson, type Layout, plain, requireSetting, type StoredTensor } from "../../checkpoint/layout.ts";
import { parseJsonConfig } from "../../checkpoint/parse-config.ts";
import { classicGpt, type GptConfig, resolveGptConfig } from "../decoder/config.ts";

/** Names of the same functions here and there; `gelu_new` is the tanh form. */
const ACTIVATIONS = { gelu_tanh: "gelu_new", gelu: "gelu", silu: "silu" } as const;

const whole = z.int().positive();
const schema = z.looseObject({
  vocab_size: whole,
  n_positions: whole,
  n_embd: whole,
  n_layer: whole,
  n_head: whole,
  n_inner: whole.nullish(),
  activation_function: z.enum(["gelu_new", "gelu_pytorch_tanh", "gelu", "silu"]).default("gelu_new"),
  layer_norm_epsilon: z.number().default(1e-5),
  resid_pdrop: z.number().default(0.1),
  attn_pdrop: z.number().default(0.1),
  initializer_range: z.number().default(0.02),
  tie_word_embeddings: z.boolean().default(true),
  /** What we add: others ignore it. */
  nuwa: z.looseObject({ bias: z.boolean(), zero_init_projections: z.boolean() }).partial().default({}),
});

/** GPT-2 as in Hugging Face transformers: fused query-key-value, and matrices stored as (inputs, outputs). */
export const gpt2Layout: Layout<GptConfig> = {
  modelType: "gpt2",
  // masks that old files carry
  ignored: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
  optionalPrefix: "transformer.",

  fits(config: GptConfig): boolean {
    const { position, norm, activation, qk_norm, num_attention_heads: H, num_key_value_heads: K } = config;
    const sameHeads = K === H && config.head_dim * H === config.hidden_size;
    if (config.sliding_window !== null) return false;
    return position === "learned" && norm === "layernorm" && activation in ACTIVATIONS && !qk_norm && sameHeads;
  },

  toJson(config: GptConfig): ConfigJson {
    const { activation } = config;
    return {
      architectures: ["GPT2LMHeadModel"],
      vocab_size: config.vocab_size,
      n_positions: config.max_position_embeddings,
      n_ctx: config.max_position_embeddings,
      n_embd: config.hidden_size,
      n_layer: config.num_hidden_layers,
      n_head: config.num_attention_heads,
      n_inner: config.intermediate_size,
      activation_function: activation === "gelu" || activation === "silu" ? activation : "gelu_new",
      layer_norm_epsilon: config.norm_epsilon,
      resid_pdrop: config.dropout,
      embd_pdrop: config.dropout,
      attn_pdrop: config.attention_dropout,
      initializer_range: config.initializer_range,
      tie_word_embeddings: config.tie_word_embeddings,
      nuwa: { bias: config.bias, zero_init_projections: config.zero_init_projections },
    };
  },

  fromJson(json: ConfigJson, where: string): GptConfig {
    const config = parseJsonConfig(schema, json, where);
    requireSetting(json, "scale_attn_weights", [true], where);
    requireSetting(json, "scale_attn_by_inverse_layer_idx", [false], where);
    requireSetting(json, "add_cross_attention", [false], where);
    const { activation_function: activation } = config;
    return resolveGptConfig(
      {
        vocab_size: config.vocab_size,
        num_hidden_layers: config.n_layer,
        hidden_size: config.n_embd,
        num_attention_heads: config.n_head,
        intermediate_size: config.n_inner ?? 4 * config.n_embd,
        max_position_embeddings: config.n_positions,
        ...classicGpt,
        norm_epsilon: config.layer_norm_epsilon,
        activation: activation === "gelu" || activation === "silu" ? activation : "gelu_tanh",
        bias: config.nuwa.bias ?? true,
        tie_word_embeddings: config.tie_word_embeddings,
        dropout: config.resid_pdrop,
        attention_dropout: config.attn_pdrop,
        initializer_range: config.initializer_range,
        zero_init_projections: config.nuwa.zero_init_projections ?? false,
      },
      where,
    );
  },

  tensors(config: GptConfig, parameters: ParameterStore): StoredTensor[] {
    const stored: StoredTensor[] = [
      plain(parameters.byName("model.embed_tokens.weight"), "transformer.wte.weight"),
      plain(parameters.byName("model.embed_positions.weight"), "transformer.wpe.weight"),
    ];
    /** Where the file has a bias and we have none, it is written as zeros. */
    const vector = (name: string, from: readonly string[], length: number): StoredTensor => {
      const parts = from.filter((part) => parameters.has(part)).map((part) => parameters.byName(part));
      return { name, shape: [length], parts, transposed: false };
    };
    const matrix = (name: string, from: readonly string[]): StoredTensor => {
      const parts = from.map((part) => parameters.byName(part));
      const outputs = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
      return { name, shape: [parts[0]?.shape[1] ?? 0, outputs], parts, transposed: true };
    };
    const { hidden_size: C, intermediate_size: inner, num_hidden_layers: layers } = config;
    for (let layer = 0; layer < layers; layer++) {
      const ours = `model.layers.${layer}`;
      const theirs = `transformer.h.${layer}`;
      const norm = (to: string, from: string): StoredTensor[] =>
        ["weight", "bias"].map((end) => vector(`${theirs}.${to}.${end}`, [`${ours}.${from}.${end}`], C));
      const linear = (to: string, from: readonly string[], outputs: number): StoredTensor[] => [
        matrix(
          `${theirs}.${to}.weight`,
          from.map((name) => `${ours}.${name}.weight`),
        ),
        vector(
          `${theirs}.${to}.bias`,
          from.map((name) => `${ours}.${name}.bias`),
          outputs,
        ),
      ];
      const projections = ["q_proj", "k_proj", "v_proj"].map((name) => `self_attn.${name}`);
      stored.push(
        ...norm("ln_1", "input_layernorm"),
        ...linear("attn.c_attn", projections, 3 * C),
        ...linear("attn.c_proj", ["self_attn.o_proj"], C),
        ...norm("ln_2", "post_attention_layernorm"),
        ...linear("mlp.c_fc", ["mlp.up_proj"], inner),
        ...linear("mlp.c_proj", ["mlp.down_proj"], C),
      );
    }
    for (const end of ["weight", "bias"]) {
      stored.push(vector(`transformer.ln_f.${end}`, [`model.norm.${end}`], C));
    }
    if (!config.tie_word_embeddings) stored.push(plain(parameters.byName("lm_head.weight")));
    return stored;
  },
};
