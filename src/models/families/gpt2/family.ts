import { z } from "zod";
import { defineFamily } from "../../family.ts";
import { classicGpt, gptConfigSchema, resolveGptConfig, withGptDropout } from "../decoder/config.ts";
import { Gpt } from "../decoder/gpt.ts";
import { gpt2Gguf } from "./gguf.ts";
import { gpt2Layout } from "./layout.ts";

const { shape } = gptConfigSchema;

/** Settings of GPT-2 in transformers' keys; the defaults are GPT-2's own. */
export const gpt2ConfigSchema = z.strictObject({
  vocab_size: shape.vocab_size,
  n_positions: shape.vocab_size.default(1024).describe("Longest text the model reads, in tokens: the context, T."),
  n_embd: shape.vocab_size.default(768).describe("Width of the residual stream, C."),
  n_layer: shape.vocab_size.max(10_000).default(12).describe("Number of Transformer layers."),
  n_head: shape.vocab_size.default(12).describe("Heads, H, which divides n_embd."),
  n_inner: shape.vocab_size.nullable().default(null).describe("Width inside the feed-forward layers; null for 4 C."),
  activation_function: z
    .enum(["gelu_new", "gelu", "silu"])
    .default("gelu_new")
    .describe("Non-linearity of the feed-forward layers; gelu_new is the tanh form."),
  layer_norm_epsilon: shape.norm_epsilon.describe("Added under the root in LayerNorm."),
  resid_pdrop: shape.dropout,
  attn_pdrop: shape.attention_dropout,
  initializer_range: shape.initializer_range,
  tie_word_embeddings: z.boolean().default(true).describe("Whether the last layer is the token embedding itself."),
});

const sizes = {
  gpt2: { n_layer: 12, n_embd: 768, n_head: 12 },
  "gpt2-medium": { n_layer: 24, n_embd: 1024, n_head: 16 },
  "gpt2-large": { n_layer: 36, n_embd: 1280, n_head: 20 },
  "gpt2-xl": { n_layer: 48, n_embd: 1600, n_head: 25 },
};

/** GPT-2 (Radford et al. 2019). */
export const gpt2 = defineFamily({
  name: "gpt2",
  modelType: "gpt2",
  description:
    "GPT-2: learned positions, LayerNorm before each half of a layer, GELU, biases, one matrix for both ends",
  configSchema: gpt2ConfigSchema,
  keys: { vocabulary: "vocab_size", context: "n_positions", dropout: "resid_pdrop" },
  resolve: (settings, where) => {
    const { activation_function: activation } = settings;
    return resolveGptConfig(
      {
        ...classicGpt,
        vocab_size: settings.vocab_size,
        num_hidden_layers: settings.n_layer,
        hidden_size: settings.n_embd,
        num_attention_heads: settings.n_head,
        ...(settings.n_inner !== null && { intermediate_size: settings.n_inner }),
        max_position_embeddings: settings.n_positions,
        norm_epsilon: settings.layer_norm_epsilon,
        activation: activation === "gelu_new" ? "gelu_tanh" : activation,
        dropout: settings.resid_pdrop,
        attention_dropout: settings.attn_pdrop,
        initializer_range: settings.initializer_range,
        tie_word_embeddings: settings.tie_word_embeddings,
      },
      where,
    );
  },
  withDropout: withGptDropout,
  create: (config, device, options) => new Gpt(config, device, options),
  layouts: [gpt2Layout],
  ggufLayouts: [gpt2Gguf],
  presets: Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [
      name,
      { description: "Radford et al. 2019", settings: { vocab_size: 50_257, n_positions: 1024, ...size } },
    ]),
  ),
});
