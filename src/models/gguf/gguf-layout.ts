/** How llama.cpp names and orders the tensors and settings of the two architectures that we share with it. */
import { elementCount } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { Gpt } from "../families/gpt/gpt.ts";
import type { GptConfig } from "../families/gpt/gpt-config.ts";

export interface GgufTensor {
  readonly name: string;
  /** Rows first, as everywhere here; the file has it the other way round. */
  readonly shape: readonly number[];
  /** Stored in F32 whatever the file's type. */
  readonly exact: boolean;
  readonly values: () => Promise<Float32Array>;
}

export interface GgufModel {
  readonly architecture: "llama" | "gpt2";
  /** Metadata under the architecture's name. */
  readonly settings: Readonly<Record<string, { readonly kind: "uint32" | "float32"; readonly value: number }>>;
  readonly tensors: readonly GgufTensor[];
}

/** @throws NuwaError VALUE for an architecture that llama.cpp does not have */
export function ggufTensors(model: Gpt): GgufModel {
  const { config } = model;
  const { position, norm, activation, qk_norm, bias } = config;
  if (position === "rope" && norm === "rmsnorm" && activation === "swiglu" && !qk_norm && !bias) return llama(model);
  const sameHeads = config.num_key_value_heads === config.num_attention_heads;
  const plainHeads = config.head_dim * config.num_attention_heads === config.hidden_size;
  // ggml's GELU is the tanh form
  if (
    position === "learned" &&
    norm === "layernorm" &&
    activation === "gelu_tanh" &&
    !qk_norm &&
    sameHeads &&
    plainHeads
  ) {
    return gpt2(model);
  }
  throw new NuwaError("VALUE", "llama.cpp has no architecture with these choices", {
    hint: "expected RoPE, RMSNorm, SwiGLU, no biases (llama), or learned positions, LayerNorm, gelu_tanh (gpt2)",
  });
}

const count = (value: number) => ({ kind: "uint32", value }) as const;
const real = (value: number) => ({ kind: "float32", value }) as const;

function sharedSettings(config: GptConfig) {
  return {
    context_length: count(config.max_position_embeddings),
    embedding_length: count(config.hidden_size),
    block_count: count(config.num_hidden_layers),
    feed_forward_length: count(config.intermediate_size),
    "attention.head_count": count(config.num_attention_heads),
    "attention.head_count_kv": count(config.num_key_value_heads),
    vocab_size: count(config.vocab_size),
  };
}

/** Parameters one after another along their first axis; zeros of `length` for a bias that we do not have. */
function tensor(model: Gpt, name: string, from: readonly string[], options: { exact?: boolean; length?: number } = {}) {
  const parts = from.filter((part) => model.parameters.has(part)).map((part) => model.parameters.byName(part));
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = parts.length === 0 ? [options.length ?? 0] : [rows, ...(parts[0]?.shape.slice(1) ?? [])];
  const values = async (): Promise<Float32Array> => {
    const out = new Float32Array(elementCount(shape));
    let position = 0;
    for (const part of parts) {
      out.set(await part.read(), position);
      position += part.length;
    }
    return out;
  };
  return { name, shape, exact: options.exact === true || shape.length === 1, values };
}

function llama(model: Gpt): GgufModel {
  const { config } = model;
  const { num_attention_heads: H, num_key_value_heads: K, head_dim: D, num_hidden_layers: layers } = config;
  const tensors: GgufTensor[] = [
    tensor(model, "token_embd.weight", ["model.embed_tokens.weight"]),
    tensor(model, "output_norm.weight", ["model.norm.weight"]),
  ];
  if (!config.tie_word_embeddings) tensors.push(tensor(model, "output.weight", ["lm_head.weight"]));
  for (let layer = 0; layer < layers; layer++) {
    const [ours, theirs] = [`model.layers.${layer}`, `blk.${layer}`];
    const one = (to: string, from: string) => tensor(model, `${theirs}.${to}.weight`, [`${ours}.${from}.weight`]);
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
  const settings = {
    ...sharedSettings(config),
    "attention.key_length": count(D),
    "attention.value_length": count(D),
    "rope.dimension_count": count(D),
    "rope.freq_base": real(config.rope_theta),
    "attention.layer_norm_rms_epsilon": real(config.norm_epsilon),
  };
  return { architecture: "llama", settings, tensors };
}

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

function gpt2(model: Gpt): GgufModel {
  const { config } = model;
  const { hidden_size: C, intermediate_size: inner } = config;
  const tensors: GgufTensor[] = [
    tensor(model, "token_embd.weight", ["model.embed_tokens.weight"]),
    tensor(model, "position_embd.weight", ["model.embed_positions.weight"], { exact: true }),
    tensor(model, "output_norm.weight", ["model.norm.weight"]),
    tensor(model, "output_norm.bias", ["model.norm.bias"], { length: C }),
  ];
  if (!config.tie_word_embeddings) tensors.push(tensor(model, "output.weight", ["lm_head.weight"]));
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const both = (to: string, from: readonly string[], length: number): GgufTensor[] =>
      ["weight", "bias"].map((end) => {
        const names = from.map((name) => `model.layers.${layer}.${name}.${end}`);
        return tensor(model, `blk.${layer}.${to}.${end}`, names, { length });
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
  const settings = { ...sharedSettings(config), "attention.layer_norm_epsilon": real(config.norm_epsilon) };
  return { architecture: "gpt2", settings, tensors };
}
