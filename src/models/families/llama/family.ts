import { z } from "zod";
import { NuwaError } from "../../../text/index.ts";
import { defineFamily } from "../../family.ts";
import { gptConfigSchema, llamaGpt, resolveGptConfig, withGptDropout } from "../decoder/config.ts";
import { Gpt } from "../decoder/gpt.ts";
import { llamaGguf } from "./gguf.ts";
import { llamaLayout } from "./layout.ts";

const { shape } = gptConfigSchema;
const size = shape.vocab_size;
/** The original's `multiple_of`. */
const MULTIPLE = 256;

/** Settings of LLaMA in transformers' keys. */
export const llamaConfigSchema = z.strictObject({
  vocab_size: size,
  hidden_size: size.default(4096).describe("Width of the residual stream, C."),
  intermediate_size: size
    .optional()
    .describe("Width inside the feed-forward layers; by default 8/3 C rounded up to 256s, as the original's."),
  num_hidden_layers: size.max(10_000).default(32).describe("Number of Transformer layers."),
  num_attention_heads: size.default(32).describe("Query heads, H."),
  num_key_value_heads: shape.num_key_value_heads,
  head_dim: shape.head_dim,
  max_position_embeddings: size.default(2048).describe("Longest text the model reads, in tokens: the context, T."),
  rms_norm_eps: z.number().positive().default(1e-6).describe("Added under the root in RMSNorm."),
  rope_theta: shape.rope_theta,
  attention_bias: z.boolean().default(false).describe("Whether linear layers have biases; the same as mlp_bias."),
  mlp_bias: z.boolean().default(false).describe("Whether linear layers have biases; the same as attention_bias."),
  attention_dropout: shape.attention_dropout,
  initializer_range: shape.initializer_range,
  tie_word_embeddings: shape.tie_word_embeddings,
});

/** Touvron et al. 2023, table 2; widths of the feed-forward layers as released. */
const sizes = {
  "llama-7b": [32, 4096, 32, 11_008],
  "llama-13b": [40, 5120, 40, 13_824],
  "llama-33b": [60, 6656, 52, 17_920],
  "llama-65b": [80, 8192, 64, 22_016],
} as const;

/** LLaMA (Touvron et al. 2023). */
export const llama = defineFamily({
  name: "llama",
  modelType: "llama",
  description: "LLaMA: RoPE, RMSNorm before each half of a layer, SwiGLU, no biases, grouped heads where asked",
  configSchema: llamaConfigSchema,
  keys: { vocabulary: "vocab_size", context: "max_position_embeddings" },
  resolve: (settings, where) => {
    const { hidden_size: C, attention_bias: bias, mlp_bias: mlpBias, intermediate_size: inner } = settings;
    if (bias !== mlpBias) {
      const message = `attention_bias is ${bias} and mlp_bias ${mlpBias}; expected the same`;
      throw new NuwaError("VALUE", message, { where });
    }
    const { num_key_value_heads: keyValueHeads, head_dim: headSize } = settings;
    return resolveGptConfig(
      {
        ...llamaGpt,
        vocab_size: settings.vocab_size,
        num_hidden_layers: settings.num_hidden_layers,
        hidden_size: C,
        num_attention_heads: settings.num_attention_heads,
        ...(keyValueHeads !== undefined && { num_key_value_heads: keyValueHeads }),
        ...(headSize !== undefined && { head_dim: headSize }),
        intermediate_size: inner ?? Math.ceil((8 * C) / 3 / MULTIPLE) * MULTIPLE,
        max_position_embeddings: settings.max_position_embeddings,
        rope_theta: settings.rope_theta,
        norm_epsilon: settings.rms_norm_eps,
        bias,
        attention_dropout: settings.attention_dropout,
        initializer_range: settings.initializer_range,
        tie_word_embeddings: settings.tie_word_embeddings,
      },
      where,
    );
  },
  withDropout: withGptDropout,
  create: (config, device, options) => new Gpt(config, device, options),
  layouts: [llamaLayout],
  ggufLayouts: [llamaGguf],
  presets: Object.fromEntries(
    Object.entries(sizes).map(([name, [layers, width, heads, inner]]) => [
      name,
      {
        description: "Touvron et al. 2023",
        settings: {
          vocab_size: 32_000,
          hidden_size: width,
          intermediate_size: inner,
          num_hidden_layers: layers,
          num_attention_heads: heads,
          max_position_embeddings: 2048,
        },
      },
    ]),
  ),
});
