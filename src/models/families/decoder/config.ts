import { z } from "zod";
import { NuwaError } from "../../../text/index.ts";
import { configError } from "../../family.ts";
import type { DropoutRates } from "../../model.ts";

/** Far above any model's sizes: so that a damaged config.json is refused, and not tried. */
const count = z
  .int()
  .positive()
  .max(2 ** 24);

/**
 * Settings of a GPT, under Hugging Face's names where there is one. The defaults are the modern model; see
 * {@link classicGpt} for GPT-2's. Sizes that may be left out follow from the others in {@link resolveGptConfig}.
 */
export const gptConfigSchema = z.strictObject({
  vocab_size: count.describe("Number of tokens the model knows; the tokenizer's size, or more."),
  num_hidden_layers: count.max(10_000).default(4).describe("Number of Transformer layers."),
  hidden_size: count.default(128).describe("Width of the residual stream, C."),
  num_attention_heads: count.default(4).describe("Query heads, H."),
  num_key_value_heads: count
    .optional()
    .describe("Key-value heads, K, which divides H; by default H. Fewer make a smaller cache."),
  head_dim: count.optional().describe("Size of a head, D; by default hidden_size / num_attention_heads."),
  intermediate_size: count
    .optional()
    .describe("Width inside the feed-forward layers; by default 4 C, or with swiglu 8/3 C rounded up to 64s."),
  max_position_embeddings: count.default(256).describe("Longest text the model reads, in tokens: the context, T."),
  position: z
    .enum(["learned", "rope", "alibi"])
    .default("rope")
    .describe("Position encoding: a learned table (GPT-2), rotary embedding (RoPE) or ALiBi's bias by distance."),
  rope_theta: z.number().positive().default(10_000).describe("Base of RoPE's wavelengths."),
  sliding_window: count
    .nullable()
    .default(null)
    .describe("Newest tokens that a token sees, itself counted; null for all of them."),
  norm: z
    .enum(["layernorm", "rmsnorm", "rmsnorm_no_weight"])
    .default("rmsnorm_no_weight")
    .describe("Normalisation before each half of a layer and before the head."),
  norm_epsilon: z.number().positive().default(1e-5).describe("Added under the root in normalisations."),
  activation: z
    .enum(["gelu", "gelu_tanh", "silu", "relu2", "swiglu"])
    .default("relu2")
    .describe("Non-linearity of the feed-forward layers; swiglu adds a gate."),
  qk_norm: z.boolean().default(true).describe("Whether queries and keys are normalised before they meet."),
  bias: z.boolean().default(false).describe("Whether linear layers and LayerNorm have biases."),
  tie_word_embeddings: z
    .boolean()
    .default(false)
    .describe("Whether the last layer is the token embedding itself: fewer weights."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Share of the residual updates and embeddings dropped in training."),
  attention_dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Share of attention's probabilities dropped in training."),
  initializer_range: z.number().positive().default(0.02).describe("Standard deviation of fresh weights."),
  zero_init_projections: z
    .boolean()
    .default(true)
    .describe("Whether each layer's last matrices, and an untied head, begin at zero; else GPT-2's 1/√(2 layers)."),
});

/** As a user writes it: most keys may be left out. */
export type GptSettings = z.input<typeof gptConfigSchema>;

/** As a model has it: nothing left out. */
export type GptConfig = Readonly<z.output<typeof gptConfigSchema>> & {
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
};

/** GPT-2's choices (Radford et al. 2019): learned positions, LayerNorm, GELU, biases, one matrix for both ends. */
export const classicGpt = {
  position: "learned",
  norm: "layernorm",
  activation: "gelu_tanh",
  qk_norm: false,
  bias: true,
  tie_word_embeddings: true,
  zero_init_projections: false,
} as const satisfies Partial<GptSettings>;

/** LLaMA's choices (Touvron et al. 2023): RoPE, RMSNorm, SwiGLU, no biases, two matrices. */
export const llamaGpt = {
  position: "rope",
  norm: "rmsnorm",
  activation: "swiglu",
  qk_norm: false,
  bias: false,
  tie_word_embeddings: false,
  zero_init_projections: false,
} as const satisfies Partial<GptSettings>;

/**
 * Checks a config and fills in what it leaves out.
 *
 * @param where what a message names as the place: a file, a recipe's key
 * @throws NuwaError VALUE naming the key, what was expected and what came
 * @example resolveGptConfig({ vocab_size: 512, ...classicGpt, num_hidden_layers: 2 }).intermediate_size; // 512
 */
export function resolveGptConfig(settings: unknown, where?: string): GptConfig {
  const parsed = gptConfigSchema.safeParse(settings);
  if (!parsed.success) throw configError(parsed.error, gptConfigSchema, where);
  const config = parsed.data;
  const { hidden_size: C, num_attention_heads: H, num_key_value_heads: K = H, head_dim: D = C / H } = config;
  const fail = (key: string, expected: string, got: number): NuwaError =>
    new NuwaError("VALUE", `expected ${expected} for ${key}, got ${got}`, { where });
  if (!Number.isInteger(D)) throw fail("hidden_size", `a multiple of num_attention_heads (${H})`, C);
  if (H % K !== 0) throw fail("num_key_value_heads", `a divisor of num_attention_heads (${H})`, K);
  if (config.position === "rope" && D % 2 !== 0) throw fail("head_dim", "an even size (RoPE turns pairs)", D);
  const gatedSize = Math.ceil((8 * C) / 3 / 64) * 64;
  return {
    ...config,
    num_key_value_heads: K,
    head_dim: D,
    intermediate_size: config.intermediate_size ?? (config.activation === "swiglu" ? gatedSize : 4 * C),
  };
}

/** The config with other dropout. */
export function withGptDropout(config: GptConfig, { hidden, attention }: DropoutRates): GptConfig {
  return { ...config, dropout: hidden ?? config.dropout, attention_dropout: attention ?? config.attention_dropout };
}
