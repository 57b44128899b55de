import { z } from "zod";
import { NuwaError } from "../../../text/index.ts";
import { type ConfigJson, type Layout, plain, requireSetting } from "../../checkpoint/layout.ts";
import { parseJsonConfig } from "../../checkpoint/parse-config.ts";
import { type GptConfig, llamaGpt, resolveGptConfig } from "../decoder/config.ts";

const whole = z.int().positive();
const ropeSchema = z.looseObject({ rope_type: z.string().optional(), rope_theta: z.number().optional() });
const schema = z.looseObject({
  vocab_size: whole,
  hidden_size: whole,
  intermediate_size: whole,
  num_hidden_layers: whole,
  num_attention_heads: whole,
  num_key_value_heads: whole.nullish(),
  head_dim: whole.nullish(),
  max_position_embeddings: whole.default(2048),
  rms_norm_eps: z.number().default(1e-6),
  rope_theta: z.number().optional(),
  rope_parameters: ropeSchema.nullish(),
  rope_scaling: ropeSchema.nullish(),
  initializer_range: z.number().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  attention_dropout: z.number().default(0),
  mlp_bias: z.boolean().default(false),
  nuwa: z.looseObject({ dropout: z.number(), zero_init_projections: z.boolean() }).partial().default({}),
});

/** LLaMA as in Hugging Face transformers; our own names are the same. */
export const llamaLayout: Layout<GptConfig> = {
  modelType: "llama",
  ignored: /\.rotary_emb\.inv_freq$/,
  optionalPrefix: "",

  fits({ position, norm, activation, qk_norm, sliding_window: window }: GptConfig): boolean {
    return window === null && position === "rope" && norm === "rmsnorm" && activation === "swiglu" && !qk_norm;
  },

  toJson(config: GptConfig): ConfigJson {
    return {
      architectures: ["LlamaForCausalLM"],
      vocab_size: config.vocab_size,
      hidden_size: config.hidden_size,
      intermediate_size: config.intermediate_size,
      num_hidden_layers: config.num_hidden_layers,
      num_attention_heads: config.num_attention_heads,
      num_key_value_heads: config.num_key_value_heads,
      head_dim: config.head_dim,
      max_position_embeddings: config.max_position_embeddings,
      hidden_act: "silu",
      rms_norm_eps: config.norm_epsilon,
      rope_theta: config.rope_theta,
      initializer_range: config.initializer_range,
      tie_word_embeddings: config.tie_word_embeddings,
      attention_bias: config.bias,
      attention_dropout: config.attention_dropout,
      mlp_bias: config.bias,
      nuwa: { dropout: config.dropout, zero_init_projections: config.zero_init_projections },
    };
  },

  fromJson(json: ConfigJson, where: string): GptConfig {
    const config = parseJsonConfig(schema, json, where);
    requireSetting(json, "hidden_act", ["silu"], where);
    if (config.attention_bias !== config.mlp_bias) {
      const message = `attention_bias is ${config.attention_bias} and mlp_bias ${config.mlp_bias}; expected the same`;
      throw new NuwaError("CHECKPOINT", message, { where });
    }
    for (const scaling of [config.rope_parameters, config.rope_scaling]) {
      const type = scaling?.rope_type ?? scaling?.["type"];
      if (type === undefined || type === "default") continue;
      throw new NuwaError("CHECKPOINT", `RoPE scaling "${String(type)}" is not supported`, { where });
    }
    return resolveGptConfig(
      {
        vocab_size: config.vocab_size,
        num_hidden_layers: config.num_hidden_layers,
        hidden_size: config.hidden_size,
        num_attention_heads: config.num_attention_heads,
        num_key_value_heads: config.num_key_value_heads ?? config.num_attention_heads,
        ...(config.head_dim != null && { head_dim: config.head_dim }),
        intermediate_size: config.intermediate_size,
        max_position_embeddings: config.max_position_embeddings,
        ...llamaGpt,
        rope_theta: config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10_000,
        norm_epsilon: config.rms_norm_eps,
        bias: config.attention_bias,
        tie_word_embeddings: config.tie_word_embeddings,
        dropout: config.nuwa.dropout ?? 0,
        attention_dropout: config.attention_dropout,
        initializer_range: config.initializer_range,
        zero_init_projections: config.nuwa.zero_init_projections ?? false,
      },
      where,
    );
  },

  tensors: (_config, parameters) => [...parameters].map((parameter) => plain(parameter)),
};
