import { NuwaError } from "../../text/errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, shapeError } from "./check.ts";

export interface AttentionOptions {
  /** Query t sees keys up to its own time step only. */
  readonly causal: boolean;
  /** Multiplies q·k; default 1/√D. */
  readonly scale?: number;
}

/**
 * Scaled dot-product attention, softmax(q·kᵀ·scale)·v (Vaswani et al. 2017, equation 1), without a T×T matrix in
 * memory (Dao et al. 2022). Grouped heads: H is a multiple of K, and query head h reads key-value head ⌊h·K/H⌋.
 *
 * @param q (B, T, H, D)
 * @param k (B, S, K, D); S ≥ T, and S = T when gradients are needed
 * @param v (B, S, K, D)
 * @returns (B, T, H, D)
 * @throws NuwaError SHAPE
 *
 * @example const y = attention(tape, q, k, v, { causal: true });
 */
export function attention(tape: Tape, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const sizes = attentionSizes("attention", tape, q, k, v);
  const { B, T, H, D, capacity: S } = sizes;
  const out = tape.output(q.shape, [q, k, v]);
  if (out.requiresGrad ? S !== T : S < T) {
    const expected = out.requiresGrad ? "as many keys as queries when gradients are needed" : "at least as many keys";
    throw shapeError("attention", expected, { q, k });
  }
  const dims = { ...sizes, S, causal: options.causal, scale: options.scale ?? 1 / Math.sqrt(D) };
  const { device } = tape;
  const logSumExp = tape.empty([B, H, T]);
  device.attention(out.storage, logSumExp.storage, q.storage, k.storage, v.storage, dims);
  const backward = (dout: Tensor) => {
    const dq = tape.gradientWrite(q);
    const dk = tape.gradientWrite(k);
    const dv = tape.gradientWrite(v);
    device.attentionBackward(
      dq.storage,
      dk.storage,
      dv.storage,
      dout.storage,
      out.storage,
      logSumExp.storage,
      q.storage,
      k.storage,
      v.storage,
      dims,
    );
    for (const gradient of [dq, dk, dv]) gradient.finish();
  };
  tape.record(out, backward, [logSumExp, out]);
  return out;
}

/**
 * Causal attention of the newest T time steps over a cache that already holds them and all before: query t sees
 * keys s ≤ t + (length − T). For generation: no gradients.
 *
 * @param q (B, T, H, D)
 * @param kCache (B, capacity, K, D), of which the first `length` time steps are in use
 * @param vCache (B, capacity, K, D)
 * @returns (B, T, H, D)
 * @throws NuwaError SHAPE
 */
export function attentionWithCache(
  tape: Tape,
  q: Tensor,
  kCache: Tensor,
  vCache: Tensor,
  options: { readonly length: number; readonly scale?: number },
): Tensor {
  const sizes = attentionSizes("attentionWithCache", tape, q, kCache, vCache);
  const { B, T, H, D, capacity } = sizes;
  const { length } = options;
  if (!Number.isInteger(length) || length < T || length > capacity) {
    throw shapeError("attentionWithCache", `T ≤ length ≤ capacity for length ${length}`, { q, kCache });
  }
  const out = tape.output(q.shape, [q, kCache, vCache]);
  if (out.requiresGrad) {
    throw new NuwaError("SHAPE", "attentionWithCache: expected a tape that does not record", {
      hint: "gradients do not flow through a cache: use attention",
    });
  }
  const dims = { ...sizes, S: length, causal: true, scale: options.scale ?? 1 / Math.sqrt(D) };
  const logSumExp = tape.empty([B, H, T]);
  tape.device.attention(out.storage, logSumExp.storage, q.storage, kCache.storage, vCache.storage, dims);
  tape.free(logSumExp);
  return out;
}

/**
 * Copies the keys or values of new time steps into a cache.
 *
 * @param cache (B, capacity, K, D)
 * @param x (B, T, K, D)
 * @param position time step of the cache that the first of x goes to
 * @throws NuwaError SHAPE when they do not fit
 */
export function writeCache(tape: Tape, cache: Tensor, x: Tensor, position: number): void {
  checkInputs("writeCache", tape, { cache, x });
  const [B, T, K, D] = x.shape;
  const [rows, capacity, cacheK, cacheD] = cache.shape;
  const given = { cache, x };
  if (B === undefined || T === undefined || K === undefined || D === undefined || capacity === undefined) {
    throw shapeError("writeCache", "cache (B, capacity, K, D) and x (B, T, K, D)", given);
  }
  if (rows !== B || cacheK !== K || cacheD !== D || position < 0 || position + T > capacity) {
    throw shapeError("writeCache", `room for time steps ${position} to ${position + T - 1}`, given);
  }
  const width = K * D;
  for (let b = 0; b < B; b++) {
    const target = cache.storage.slice((b * capacity + position) * width, T * width);
    tape.device.copy(target, x.storage.slice(b * T * width, T * width));
  }
}

function attentionSizes(op: string, tape: Tape, q: Tensor, k: Tensor, v: Tensor) {
  checkInputs(op, tape, { q, k, v });
  const [B, T, H, D] = q.shape;
  const [keyB, capacity, K, keyD] = k.shape;
  const given = { q, k, v };
  if (B === undefined || T === undefined || H === undefined || D === undefined || q.shape.length !== 4) {
    throw shapeError(op, "q (B, T, H, D)", given);
  }
  if (capacity === undefined || K === undefined || keyB !== B || keyD !== D || k.shape.length !== 4) {
    throw shapeError(op, "k (B, S, K, D) for q (B, T, H, D)", given);
  }
  if (v.shape.length !== 4 || v.shape.some((size, axis) => size !== k.shape[axis])) {
    throw shapeError(op, "k and v of one shape", given);
  }
  if (K === 0 || H % K !== 0)
    throw shapeError(op, "the query heads H to be a multiple of the key-value heads K", given);
  return { B, T, H, K, D, capacity };
}
