import type { AttentionDims, RopeDims, Storage } from "../device.ts";
import { at, floats } from "./memory.ts";

export function rope(out: Storage, x: Storage, table: Storage, dims: RopeDims): void {
  const { B, T, H, D, offset, inverse } = dims;
  const [y, values, angles] = [floats(out), floats(x), floats(table)];
  const half = D / 2;
  for (let row = 0; row < B * T * H; row++) {
    const t = Math.floor(row / H) % T;
    for (let i = 0; i < half; i++) {
      const cos = at(angles, (offset + t) * D + i);
      const sin = at(angles, (offset + t) * D + half + i) * (inverse ? -1 : 1);
      const [first, second] = [at(values, row * D + i), at(values, row * D + half + i)];
      y[row * D + i] = first * cos - second * sin;
      y[row * D + half + i] = second * cos + first * sin;
    }
  }
}

/** Visits every pair of query and key that sees each other: the offsets of their vectors, and the query's row. */
function eachQuery(
  dims: AttentionDims,
  visit: (query: number, keyOf: (s: number) => number, keys: number, row: number) => void,
): void {
  const { B, T, S, capacity, H, K, D, causal } = dims;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const keyHead = Math.floor(h / (H / K));
      for (let t = 0; t < T; t++) {
        const query = ((b * T + t) * H + h) * D;
        const keyOf = (s: number) => ((b * capacity + s) * K + keyHead) * D;
        visit(query, keyOf, causal ? t + (S - T) + 1 : S, (b * H + h) * T + t);
      }
    }
  }
}

function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += at(a, aStart + i) * at(b, bStart + i);
  return sum;
}

/** y[start…] += alpha · x[xStart…] */
function addScaled(y: Float64Array, start: number, alpha: number, x: Float64Array, xStart: number, n: number): void {
  for (let i = 0; i < n; i++) y[start + i] = at(y, start + i) + alpha * at(x, xStart + i);
}

export function attention(
  out: Storage,
  logSumExp: Storage,
  q: Storage,
  k: Storage,
  v: Storage,
  dims: AttentionDims,
): void {
  const [y, lse, Q, K, V] = [floats(out), floats(logSumExp), floats(q), floats(k), floats(v)];
  const { D, scale } = dims;
  y.fill(0);
  eachQuery(dims, (query, keyOf, keys, row) => {
    const scores = Array.from({ length: keys }, (_, s) => dot(Q, query, K, keyOf(s), D) * scale);
    const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    lse[row] = largest + Math.log(total);
    for (const [s, score] of scores.entries()) {
      addScaled(y, query, Math.exp(score - largest) / total, V, keyOf(s), D);
    }
  });
}

/**
 * With P the softmax, made again from scores and logSumExp: dV = Pᵀ·dO, dP = dO·Vᵀ,
 * dS = P ⊙ (dP − rowsum(dO ⊙ O)), dQ = scale·dS·K, dK = scale·dSᵀ·Q (Dao et al. 2022, appendix B.2).
 */
export function attentionBackward(
  dq: Storage,
  dk: Storage,
  dv: Storage,
  dout: Storage,
  out: Storage,
  logSumExp: Storage,
  q: Storage,
  k: Storage,
  v: Storage,
  dims: AttentionDims,
): void {
  const [dQ, dK, dV, dO] = [floats(dq), floats(dk), floats(dv), floats(dout)];
  const [O, lse, Q, K, V] = [floats(out), floats(logSumExp), floats(q), floats(k), floats(v)];
  const { D, scale } = dims;
  for (const gradient of [dQ, dK, dV]) gradient.fill(0);
  eachQuery(dims, (query, keyOf, keys, row) => {
    const delta = dot(dO, query, O, query, D);
    for (let s = 0; s < keys; s++) {
      const key = keyOf(s);
      const probability = Math.exp(dot(Q, query, K, key, D) * scale - at(lse, row));
      const dScore = probability * (dot(dO, query, V, key, D) - delta) * scale;
      addScaled(dV, key, probability, dO, query, D);
      addScaled(dQ, query, dScore, K, key, D);
      addScaled(dK, key, dScore, Q, query, D);
    }
  });
}
