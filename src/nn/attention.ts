import {
  attention,
  type AttentionOptions as TensorAttentionOptions,
  attentionStep,
  attentionWithCache,
  reshape,
  rope,
  type RopeOptions,
  type Tape,
  type Tensor,
  writeCache,
} from "../tensor/index.ts";
import type { KvCache, LayerCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { createNorm, type Norm, type NormKind } from "./norm.ts";
import type { ParameterStore } from "./parameters.ts";

export interface AttentionOptions {
  /** C */ readonly hiddenSize: number;
  /** H */ readonly heads: number;
  /** K; H is a multiple of it. K = H is multi-head, 1 < K < H grouped-query, K = 1 multi-query attention. */
  readonly keyValueHeads: number;
  /** D */ readonly headSize: number;
  readonly bias: boolean;
  /** Normalise queries and keys over D before they are rotated (Henry et al. 2020), or null. */
  readonly qkNorm: { readonly kind: NormKind; readonly epsilon: number } | null;
  /** (positions, D), from `ropeTable`; null when positions are known otherwise. */
  readonly ropeTable: Tensor | null;
  /** (H, 2·positions − 1), from `alibiTable`, or null. */
  readonly alibiTable: Tensor | null;
  /** Newest time steps that a time step sees, itself counted; null for all. */
  readonly slidingWindow: number | null;
  /** Share of the probabilities that is dropped in training. */
  readonly dropout: number;
  /** Which of the cache's layers is this one's. */
  readonly layer: number;
}

export interface AttendOptions {
  /** x continues what is in it; the caller advances it. */
  readonly cache?: KvCache | undefined;
  /** int32 (B, T): a time step sees its own segment only; a negative one is padding. Not with a cache. */
  readonly segments?: Tensor | undefined;
  /** int32 (B, T), for RoPE: each time step's position; default: counted, after the cache's. Not with a cache. */
  readonly positions?: Tensor | undefined;
}

/** Causal multi-head attention (Vaswani et al. 2017), with grouped heads, RoPE, ALiBi, a window, QK-norm and a cache as options. */
export class CausalSelfAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly #options: AttentionOptions;
  readonly #queryNorm: Norm | undefined;
  readonly #keyNorm: Norm | undefined;

  constructor(store: ParameterStore, name: string, options: AttentionOptions) {
    const { hiddenSize: C, heads: H, keyValueHeads: K, headSize: D, bias, qkNorm } = options;
    this.#options = options;
    this.query = new Linear(store, `${name}.q_proj`, { inputs: C, outputs: H * D, bias });
    this.key = new Linear(store, `${name}.k_proj`, { inputs: C, outputs: K * D, bias });
    this.value = new Linear(store, `${name}.v_proj`, { inputs: C, outputs: K * D, bias });
    this.output = new Linear(store, `${name}.o_proj`, { inputs: H * D, outputs: C, bias });
    if (qkNorm !== null) {
      this.#queryNorm = createNorm(store, `${name}.q_norm`, D, { ...qkNorm, bias });
      this.#keyNorm = createNorm(store, `${name}.k_norm`, D, { ...qkNorm, bias });
    }
  }

  /** x (B, T, C) -> (B, T, C) */
  forward(tape: Tape, x: Tensor, { cache, segments, positions }: AttendOptions = {}): Tensor {
    const { heads: H, keyValueHeads: K, layer, alibiTable, slidingWindow, dropout } = this.#options;
    // The kernel for one time step of texts of different lengths has neither biases nor windows.
    const plain = alibiTable === null && slidingWindow === null;
    const seen = { ...(alibiTable && { relative: alibiTable }), ...(slidingWindow && { window: slidingWindow }) };
    if (plain && cache !== undefined && x.shape[1] === 1) return this.#step(tape, x, cache);
    const at = positions === undefined ? { offset: cache?.length ?? 0 } : { positions };
    const q = this.#place(tape, this.#heads(tape, this.query, x, H), this.#queryNorm, at); // (B, T, H, D)
    const k = this.#place(tape, this.#heads(tape, this.key, x, K), this.#keyNorm, at); // (B, T, K, D)
    const v = this.#heads(tape, this.value, x, K); // (B, T, K, D)
    const past = cache?.layers[layer];
    const mixed =
      cache === undefined || past === undefined
        ? attention(tape, q, k, v, { causal: true, dropout, ...seen, ...(segments && { segments }) }) // (B, T, H, D)
        : attendWithPast(tape, q, k, v, past, cache, seen);
    const [B = 0, T = 0] = x.shape;
    return this.output.forward(tape, reshape(tape, mixed, [B, T, H * this.#options.headSize])); // -> (B, T, C)
  }

  /** One new time step of texts that may differ in length: x (B, 1, C) -> (B, 1, C) */
  #step(tape: Tape, x: Tensor, cache: KvCache): Tensor {
    const { heads: H, keyValueHeads: K, headSize: D, layer, ropeTable } = this.#options;
    const q = this.#heads(tape, this.query, x, H); // (B, 1, H, D)
    const k = this.#heads(tape, this.key, x, K); // (B, 1, K, D)
    const v = this.#heads(tape, this.value, x, K); // (B, 1, K, D)
    const mixed = attentionStep(tape, this.#queryNorm?.forward(tape, q) ?? q, this.#keyNorm?.forward(tape, k) ?? k, v, {
      ...cache.layer(layer),
      positions: cache.positions,
      ropeTable,
    }); // (B, 1, H, D)
    return this.output.forward(tape, reshape(tape, mixed, [x.shape[0] ?? 0, 1, H * D])); // -> (B, 1, C)
  }

  /** x (B, T, C) -> (B, T, heads, D) */
  #heads(tape: Tape, projection: Linear, x: Tensor, heads: number): Tensor {
    const [B = 0, T = 0] = x.shape;
    return reshape(tape, projection.forward(tape, x), [B, T, heads, this.#options.headSize]);
  }

  /** Normalises and rotates queries or keys (B, T, heads, D). */
  #place(tape: Tape, x: Tensor, norm: Norm | undefined, at: RopeOptions): Tensor {
    const { ropeTable } = this.#options;
    const normalized = norm === undefined ? x : norm.forward(tape, x);
    return ropeTable === null ? normalized : rope(tape, normalized, ropeTable, at);
  }
}

/** Appends k, v (B, T, K, D) to the cache's rows and attends to all of the past. */
function attendWithPast(
  tape: Tape,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  past: LayerCache,
  cache: KvCache,
  seen: Pick<TensorAttentionOptions, "relative" | "window">,
): Tensor {
  const [, T = 0] = k.shape;
  writeCache(tape, past.keys, k, cache.length);
  writeCache(tape, past.values, v, cache.length);
  return attentionWithCache(tape, q, past.keys, past.values, { length: cache.length + T, ...seen });
}
