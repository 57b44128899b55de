import {
  attention,
  type AttentionOptions as KernelOptions,
  attentionStep,
  attentionWithCache,
  reshape,
  rope,
  type RopeOptions,
  type Tape,
  type Tensor,
  writeCache,
} from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import type { KvCache, LayerCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { createNorm, type Norm, type NormKind } from "./norm.ts";
import type { ParameterStore } from "./parameters.ts";

/** Sizes and kind of an attention layer. */
export interface AttentionOptions {
  /** C */ readonly hiddenSize: number;
  /** Channels of the sequence that keys and values come from; default C. */ readonly sourceSize?: number;
  /** H */ readonly heads: number;
  /** K; H is a multiple of it. K = H is multi-head, 1 < K < H grouped-query, K = 1 multi-query attention. */
  readonly keyValueHeads: number;
  /** D */ readonly headSize: number;
  readonly bias: boolean;
  /** Whether a time step sees those up to its own only. */
  readonly causal: boolean;
  /** Normalise queries and keys over D before they are rotated (Henry et al. 2020); default not. */
  readonly qkNorm?: { readonly kind: NormKind; readonly epsilon: number } | null;
  /** (positions, D), from `ropeTable`; default: positions are known otherwise. */
  readonly ropeTable?: Tensor | null;
  /** (H, 2·positions − 1): a bias by distance, from `alibiTable` or `relativePositionBias`. Default none. */
  readonly relative?: Tensor | null;
  /** Time steps to each side that are seen, a time step's own counted; default all. */
  readonly slidingWindow?: number | null;
  /** Share of the probabilities that is dropped in training; default 0. */
  readonly dropout?: number;
  /** Which of a cache's layers is this one's; default 0. */
  readonly layer?: number;
}

/** What a call of {@link Attention.forward} reads beside x. */
export interface AttendOptions {
  /**
   * Keys and values come from it instead of x: another sequence (B, S, sourceSize), or what {@link Attention.project} made
   * of it.
   */
  readonly source?: Tensor | LayerCache | undefined;
  /**
   * (B or 1, H or 1, T or 1, S): float32 is added to the scores, −∞ hides; of int32, where it is 0 the key is hidden. Not
   * with a cache.
   */
  readonly mask?: Tensor | undefined;
  /** int32 (B, T): a time step sees its own segment only; a negative one is padding. Neither with a cache nor a source. */
  readonly segments?: Tensor | undefined;
  /** int32 (B, T), for RoPE: each time step's position; default: counted, after the cache's. Not with a cache. */
  readonly positions?: Tensor | undefined;
  /** x continues what is in it; the caller advances it. For causal attention to itself. */
  readonly cache?: KvCache | undefined;
}

/**
 * Multi-head attention (Vaswani et al. 2017), to itself or to another sequence: causal or not, with masks, packed texts,
 * grouped heads, RoPE, ALiBi, a window, QK-norm, dropout and a cache as options. Parameters are named as Hugging Face
 * names LLaMA's.
 *
 * @example
 * const self = new Attention(store, "self_attn", { hiddenSize: C, heads: H, keyValueHeads: H, headSize: D, bias, causal: true });
 * const y = self.forward(tape, x); // (B, T, C)
 * const cross = new Attention(store, "encoder_attn", { …, causal: false });
 * const z = cross.forward(tape, y, { source, mask }); // source (B, S, C), mask (B, 1, 1, S)
 */
export class Attention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly #options: AttentionOptions;
  readonly #queryNorm: Norm | undefined;
  readonly #keyNorm: Norm | undefined;

  constructor(store: ParameterStore, name: string, options: AttentionOptions) {
    const { hiddenSize: C, sourceSize = C, heads: H, keyValueHeads: K, headSize: D, bias, qkNorm } = options;
    this.#options = options;
    this.query = new Linear(store, `${name}.q_proj`, { inputs: C, outputs: H * D, bias });
    this.key = new Linear(store, `${name}.k_proj`, { inputs: sourceSize, outputs: K * D, bias });
    this.value = new Linear(store, `${name}.v_proj`, { inputs: sourceSize, outputs: K * D, bias });
    this.output = new Linear(store, `${name}.o_proj`, { inputs: H * D, outputs: C, bias });
    if (qkNorm != null) {
      this.#queryNorm = createNorm(store, `${name}.q_norm`, D, { ...qkNorm, bias });
      this.#keyNorm = createNorm(store, `${name}.k_norm`, D, { ...qkNorm, bias });
    }
  }

  /** x (B, T, C) -> (B, T, C). @throws NuwaError VALUE for options that exclude each other, SHAPE */
  forward(tape: Tape, x: Tensor, options: AttendOptions = {}): Tensor {
    const { source, cache } = options;
    if (cache !== undefined) requireAlone(options, this.#options.causal);
    const mixed =
      source !== undefined
        ? this.#attendToSource(tape, x, source, options)
        : cache === undefined
          ? this.#attendToItself(tape, x, options)
          : this.#continue(tape, x, cache);
    const [B = 0, T = 0] = x.shape;
    return this.output.forward(tape, reshape(tape, mixed, [B, T, this.#options.heads * this.#options.headSize]));
  }

  /**
   * Keys and values (B, S, K, D) of another sequence (B, S, sourceSize), for several calls of `forward` with the same
   * source: the steps of a generation.
   */
  project(tape: Tape, source: Tensor): LayerCache {
    const { keyValueHeads: K } = this.#options;
    const keys = this.#heads(tape, this.key, source, K);
    return {
      keys: this.#keyNorm?.forward(tape, keys) ?? keys,
      values: this.#heads(tape, this.value, source, K),
    };
  }

  /** -> (B, T, H, D), as the two below */
  #attendToItself(tape: Tape, x: Tensor, { positions, segments, mask }: AttendOptions): Tensor {
    const { causal, dropout = 0 } = this.#options;
    const { q, k, v } = this.#rotated(tape, x, positions === undefined ? {} : { positions });
    const visible = { ...this.#visible(), ...(segments && { segments }), ...(mask && { mask }) };
    return attention(tape, q, k, v, { causal, dropout, ...visible });
  }

  #attendToSource(tape: Tape, x: Tensor, source: Tensor | LayerCache, { mask, segments, positions }: AttendOptions) {
    const { heads: H, causal, ropeTable, dropout = 0 } = this.#options;
    if (causal || ropeTable != null || segments !== undefined || positions !== undefined) {
      throw new NuwaError("VALUE", "attention to another sequence is not causal and has neither RoPE nor segments", {
        hint: "hide padding, or other texts of a packed source, with a mask",
      });
    }
    const { keys, values } = "keys" in source ? source : this.project(tape, source);
    const q = this.#heads(tape, this.query, x, H); // (B, T, H, D)
    const normalized = this.#queryNorm?.forward(tape, q) ?? q;
    return attention(tape, normalized, keys, values, { causal, dropout, ...this.#visible(), ...(mask && { mask }) });
  }

  /** Appends x's keys and values to the cache's, and attends to all of the past. */
  #continue(tape: Tape, x: Tensor, cache: KvCache): Tensor {
    const { relative, slidingWindow, layer = 0 } = this.#options;
    const [, T = 0] = x.shape;
    const past = cache.layer(layer);
    // The kernel for one time step of texts of different lengths has neither biases nor windows.
    if (T === 1 && relative == null && slidingWindow == null) return this.#step(tape, x, cache, past);
    const { q, k, v } = this.#rotated(tape, x, { offset: cache.length });
    writeCache(tape, past.keys, k, cache.length);
    writeCache(tape, past.values, v, cache.length);
    return attentionWithCache(tape, q, past.keys, past.values, { length: cache.length + T, ...this.#visible() });
  }

  /** One new time step of texts that may differ in length: x (B, 1, C) -> (B, 1, H, D) */
  #step(tape: Tape, x: Tensor, cache: KvCache, past: LayerCache): Tensor {
    const { heads: H, keyValueHeads: K, ropeTable = null } = this.#options;
    const q = this.#heads(tape, this.query, x, H); // (B, 1, H, D)
    const k = this.#heads(tape, this.key, x, K); // (B, 1, K, D)
    const v = this.#heads(tape, this.value, x, K); // (B, 1, K, D)
    const [normalizedQ, normalizedK] = [this.#queryNorm?.forward(tape, q) ?? q, this.#keyNorm?.forward(tape, k) ?? k];
    return attentionStep(tape, normalizedQ, normalizedK, v, { ...past, positions: cache.positions, ropeTable });
  }

  /** x (B, T, C) -> q (B, T, H, D), k and v (B, T, K, D); q and k normalised and rotated */
  #rotated(tape: Tape, x: Tensor, at: RopeOptions): { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor } {
    const { heads: H, keyValueHeads: K, ropeTable } = this.#options;
    const prepare = (projection: Linear, heads: number, norm: Norm | undefined): Tensor => {
      const split = this.#heads(tape, projection, x, heads);
      const normalized = norm === undefined ? split : norm.forward(tape, split);
      return ropeTable == null ? normalized : rope(tape, normalized, ropeTable, at);
    };
    const q = prepare(this.query, H, this.#queryNorm);
    const k = prepare(this.key, K, this.#keyNorm);
    return { q, k, v: this.#heads(tape, this.value, x, K) };
  }

  /** x (B, T, C) -> (B, T, heads, D) */
  #heads(tape: Tape, projection: Linear, x: Tensor, heads: number): Tensor {
    const [B = 0, T = 0] = x.shape;
    return reshape(tape, projection.forward(tape, x), [B, T, heads, this.#options.headSize]);
  }

  /** What the options say of which keys a time step sees, and how well. */
  #visible(): Pick<KernelOptions, "relative" | "window"> {
    const { relative, slidingWindow } = this.#options;
    return { ...(relative && { relative }), ...(slidingWindow && { window: slidingWindow }) };
  }
}

function requireAlone({ source, mask, segments, positions }: AttendOptions, causal: boolean): void {
  const others = [source, mask, segments, positions].some((other) => other !== undefined);
  if (causal && !others) return;
  throw new NuwaError("VALUE", "a cache goes with causal attention to itself, without mask, segments or positions", {
    hint: "give the whole texts without a cache",
  });
}
