import { NuwaError } from "../../text/errors.ts";
import type { AttentionDims, AttentionInputs } from "../device.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, shapeError } from "./check.ts";

/** Which keys a query sees, and how its scores are made. */
export interface AttentionOptions {
  /** A query sees keys up to its own time step only. The last query stands at the last key. */
  readonly causal: boolean;
  /**
   * Sliding window: of w, a query at i sees keys i − w + 1 to i (Beltagy et al. 2020; Mistral 7B, Jiang et al. 2023),
   * and without `causal` also i + 1 to i + w − 1. Default: no limit. Time and memory are linear in T.
   */
  readonly window?: number;
  /** Multiplies q·k; default 1/√D. */
  readonly scale?: number;
  /**
   * (H, 2·positions − 1), positions ≥ S and T: element [h][positions − 1 + distance] is added to the scores of keys at
   * that distance (key − query). Made by `alibiTable` or `relativePositionBias`; gradients flow into it.
   */
  readonly relative?: Tensor;
  /**
   * (B or 1, H or 1, T or 1, S). float32 is added to the scores, −∞ hides; of int32, where it is 0 the key is hidden.
   * No gradient flows into it.
   */
  readonly mask?: Tensor;
  /**
   * int32 (B, S), S ≥ T: of packed documents each sees itself only. A query reads its segment at its own position; a
   * negative segment is padding, which neither sees nor is seen.
   */
  readonly segments?: Tensor;
  /** Share of the probabilities that is dropped when the tape trains; default 0. */
  readonly dropout?: number;
}

/**
 * Scaled dot-product attention, softmax(q·kᵀ·scale + biases)·v (Vaswani et al. 2017, equation 1), without a T×S matrix
 * in memory (Dao et al. 2022); tiles that no query sees are skipped. Grouped heads: H is a multiple of K, and query
 * head h reads key-value head ⌊h·K/H⌋. A query that sees no key gives zeros and no gradient.
 *
 * @param q (B, T, H, D)
 * @param k (B, S, K, D)
 * @param v (B, S, K, D)
 * @returns (B, T, H, D)
 * @throws NuwaError SHAPE, VALUE
 *
 * @example const y = attention(tape, q, k, v, { causal: true, window: 4096 });
 */
export function attention(tape: Tape, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const sizes = attentionSizes("attention", tape, q, k, v);
  const { relative } = options;
  const { inputs, dims } = prepare("attention", tape, { q, k, v }, { ...sizes, S: sizes.capacity }, options);
  const { B, T, H } = dims;
  const { device } = tape;
  const out = tape.output(q.shape, [q, k, v, relative]);
  const logSumExp = tape.empty([B, H, T]);
  device.attention(out.storage, logSumExp.storage, inputs, dims);
  const backward = (dout: Tensor) => {
    const dq = tape.gradientWrite(q);
    const dk = tape.gradientWrite(k);
    const dv = tape.gradientWrite(v);
    const drelative = relative?.requiresGrad === true ? tape.gradientWrite(relative) : undefined;
    device.attentionBackward(
      { q: dq.storage, k: dk.storage, v: dv.storage, relative: drelative?.storage ?? null },
      dout.storage,
      out.storage,
      logSumExp.storage,
      inputs,
      dims,
    );
    for (const gradient of [dq, dk, dv, drelative]) gradient?.finish();
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
 * @throws NuwaError SHAPE, VALUE
 */
export function attentionWithCache(
  tape: Tape,
  q: Tensor,
  kCache: Tensor,
  vCache: Tensor,
  options: { readonly length: number } & Pick<AttentionOptions, "window" | "scale" | "relative">,
): Tensor {
  const op = "attentionWithCache";
  const sizes = attentionSizes(op, tape, q, kCache, vCache);
  const { B, T, H, capacity } = sizes;
  const { length, ...others } = options;
  if (!Number.isInteger(length) || length < T || length > capacity) {
    throw shapeError(op, `T ≤ length ≤ capacity for length ${length}`, { q, kCache });
  }
  const out = tape.output(q.shape, [q, kCache, vCache]);
  if (out.requiresGrad) {
    throw new NuwaError("SHAPE", "attentionWithCache: expected a tape that does not record", {
      hint: "gradients do not flow through a cache: use attention",
    });
  }
  const tensors = { q, k: kCache, v: vCache };
  const { inputs, dims } = prepare(op, tape, tensors, { ...sizes, S: length }, { causal: true, ...others });
  const logSumExp = tape.empty([B, H, T]);
  tape.device.attention(out.storage, logSumExp.storage, inputs, dims);
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

type Sizes = Pick<AttentionDims, "B" | "T" | "S" | "capacity" | "H" | "K" | "D">;

/** Checks the options and turns them into what the kernels take. */
function prepare(
  op: string,
  tape: Tape,
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  sizes: Sizes,
  options: AttentionOptions,
): { readonly inputs: AttentionInputs; readonly dims: AttentionDims } {
  const { B, T, S, H, D } = sizes;
  const { causal, window, scale = 1 / Math.sqrt(D), relative, mask, segments, dropout = 0 } = options;
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new NuwaError("VALUE", `${op}: expected window to be a whole number from 1, got ${window}`);
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw new NuwaError("VALUE", `${op}: expected dropout from 0 to below 1, got ${dropout}`);
  }
  checkInputs(op, tape, { relative });
  const [, width = 0] = relative?.shape ?? [];
  const positions = (width + 1) / 2;
  if (relative !== undefined) {
    const fits = relative.shape.length === 2 && relative.shape[0] === H && Number.isInteger(positions);
    if (!fits || positions < Math.max(S, T)) {
      const expected = `relative (H, 2·positions − 1) = (${H}, at least ${2 * Math.max(S, T) - 1})`;
      throw shapeError(op, expected, { q, k, relative });
    }
  }
  checkInputs(op, tape, { segments }, "int32");
  if (segments !== undefined && (segments.shape.length !== 2 || segments.shape[0] !== B || segments.shape[1] !== S)) {
    throw shapeError(op, `segments (B, S) = (${B}, ${S})`, { q, k, segments });
  }
  if (segments !== undefined && S < T)
    throw shapeError(op, "a key, and its segment, for each query", { q, k, segments });
  const limit = window === undefined ? S + T : Math.min(window - 1, S + T);
  const dims = {
    ...sizes,
    scale,
    left: limit,
    right: causal ? 0 : limit,
    positions,
    maskStrides: maskStrides(op, tape, mask, sizes, { q, k }),
    dropout: tape.training && dropout > 0 ? tape.nextDropout(dropout) : null,
  };
  const storageOf = (tensor: Tensor | undefined) => tensor?.storage ?? null;
  const others = { relative: storageOf(relative), mask: storageOf(mask), segments: storageOf(segments) };
  return { inputs: { q: q.storage, k: k.storage, v: v.storage, ...others }, dims };
}

function maskStrides(
  op: string,
  tape: Tape,
  mask: Tensor | undefined,
  { B, T, S, H }: Sizes,
  others: Readonly<Record<string, Tensor>>,
): AttentionDims["maskStrides"] {
  if (mask === undefined) return { batch: 0, head: 0, query: 0 };
  checkInputs(op, tape, { mask }, mask.dtype === "int32" ? "int32" : "float32");
  const [batches, heads, queries, keys] = mask.shape;
  const given = [
    [batches, B],
    [heads, H],
    [queries, T],
  ] as const;
  if (mask.shape.length !== 4 || keys !== S || given.some(([size, whole]) => size !== whole && size !== 1)) {
    throw shapeError(op, `mask (B or 1, H or 1, T or 1, S) = (${B}, ${H}, ${T}, ${S})`, { ...others, mask });
  }
  const strideOf = (size: number | undefined, stride: number) => (size === 1 ? 0 : stride);
  const [perHead, perBatch] = [(queries ?? 1) * S, (heads ?? 1) * (queries ?? 1) * S];
  return { batch: strideOf(batches, perBatch), head: strideOf(heads, perHead), query: strideOf(queries, S) };
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
