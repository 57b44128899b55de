import { NuwaError } from "../../text/errors.ts";
import type { AttentionDims, AttentionGradients, AttentionInputs, RopeDims, Storage } from "../device.ts";
import { philox4x32 } from "../philox.ts";
import { at, floats, integers } from "./memory.ts";

export function rope(out: Storage, x: Storage, table: Storage, dims: RopeDims): void {
  const { B, T, H, D, offset, inverse } = dims;
  const [y, values, angles] = [floats(out), floats(x), floats(table)];
  const positions = dims.positions === null ? null : integers(dims.positions);
  const half = D / 2;
  for (let row = 0; row < B * T * H; row++) {
    const step = Math.floor(row / H);
    const position = positions === null ? offset + (step % T) : at(positions, step);
    if (!(position >= 0 && position < angles.length / D)) {
      const [expected, where] = [angles.length / D - 1, `time step ${step % T} of text ${Math.floor(step / T)}`];
      throw new NuwaError("VALUE", `rope: expected positions from 0 to ${expected}, got ${position} for ${where}`);
    }
    for (let i = 0; i < half; i++) {
      const cos = at(angles, position * D + i);
      const sin = at(angles, position * D + half + i) * (inverse ? -1 : 1);
      const [first, second] = [at(values, row * D + i), at(values, row * D + half + i)];
      y[row * D + i] = first * cos - second * sin;
      y[row * D + half + i] = second * cos + first * sin;
    }
  }
}

/** One query of one head. */
interface Query {
  readonly b: number;
  readonly h: number;
  readonly t: number;
  /** Among the keys. */ readonly position: number;
  /** Offset of its vector in q. */ readonly start: number;
  /** Of (B, H, T). */ readonly row: number;
  /** Offset of key s's vector in k and v. */ readonly keyStart: (s: number) => number;
}

function* queries({ B, T, S, capacity, H, K, D }: AttentionDims): Generator<Query> {
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const keyHead = Math.floor(h / (H / K));
      const keyStart = (s: number) => ((b * capacity + s) * K + keyHead) * D;
      for (let t = 0; t < T; t++) {
        yield { b, h, t, position: t + S - T, start: ((b * T + t) * H + h) * D, row: (b * H + h) * T + t, keyStart };
      }
    }
  }
}

/** The query's score for every key: scaled, biases added, −∞ where it does not see the key. */
function scoresOf(query: Query, inputs: AttentionInputs, dims: AttentionDims): number[] {
  const { b, h, t, position, start, keyStart } = query;
  const { S, D, scale, left, right, positions, maskStrides } = dims;
  const [q, k] = [floats(inputs.q), floats(inputs.k)];
  const { relative, mask, segments } = inputs;
  const segmentOf = (s: number) => (segments === null ? 0 : at(integers(segments), b * S + s));
  const maskStart = b * maskStrides.batch + h * maskStrides.head + t * maskStrides.query;
  return Array.from({ length: S }, (_, s) => {
    const near = position - left <= s && s <= position + right;
    if (!near || segmentOf(s) < 0 || segmentOf(s) !== segmentOf(position)) return Number.NEGATIVE_INFINITY;
    if (mask?.dtype === "int32" && at(integers(mask), maskStart + s) === 0) return Number.NEGATIVE_INFINITY;
    const byDistance =
      relative === null ? 0 : at(floats(relative), h * (2 * positions - 1) + positions - 1 + s - position);
    const added = mask?.dtype === "float32" ? at(floats(mask), maskStart + s) : 0;
    return dot(q, start, k, keyStart(s), D) * scale + byDistance + added;
  });
}

/** What dropout multiplies the query's probabilities by: 0 or 1/(1 − p). */
function dropFactors({ row }: Query, { S, dropout }: AttentionDims): number[] {
  if (dropout === null) return Array(S).fill(1);
  const words = new Uint32Array(4);
  const first = row * Math.ceil(S / 4); // of the row's groups of four
  return Array.from({ length: S }, (_, s) => {
    if (s % 4 === 0) philox4x32(words, first + s / 4, ...dropout.counter, ...dropout.seed);
    return at(words, s % 4) < dropout.p * 2 ** 32 ? 0 : 1 / (1 - dropout.p);
  });
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

export function attention(out: Storage, logSumExp: Storage, inputs: AttentionInputs, dims: AttentionDims): void {
  const [y, lse, v] = [floats(out), floats(logSumExp), floats(inputs.v)];
  y.fill(0);
  for (const query of queries(dims)) {
    const scores = scoresOf(query, inputs, dims);
    const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    lse[query.row] = Number.POSITIVE_INFINITY;
    if (largest === Number.NEGATIVE_INFINITY) continue; // sees nothing
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    lse[query.row] = largest + Math.log(total);
    const factors = dropFactors(query, dims);
    for (const [s, score] of scores.entries()) {
      const weight = (Math.exp(score - largest) / total) * at(factors, s);
      if (weight !== 0) addScaled(y, query.start, weight, v, query.keyStart(s), dims.D);
    }
  }
}

/**
 * With P the softmax, made again from scores and logSumExp, and M the factors of dropout: dV = (P ⊙ M)ᵀ·dO,
 * dP = (dO·Vᵀ) ⊙ M, dS = P ⊙ (dP − rowsum(dO ⊙ O)), dQ = scale·dS·K, dK = scale·dSᵀ·Q (Dao et al. 2022, appendix B.2).
 */
export function attentionBackward(
  gradients: AttentionGradients,
  dout: Storage,
  out: Storage,
  logSumExp: Storage,
  inputs: AttentionInputs,
  dims: AttentionDims,
): void {
  const [dq, dk, dv] = [floats(gradients.q), floats(gradients.k), floats(gradients.v)];
  const drelative = gradients.relative === null ? null : floats(gradients.relative);
  const [q, k, v] = [floats(inputs.q), floats(inputs.k), floats(inputs.v)];
  const [dO, O, lse] = [floats(dout), floats(out), floats(logSumExp)];
  const { D, scale, positions } = dims;
  for (const gradient of [dq, dk, dv, drelative]) gradient?.fill(0);
  for (const query of queries(dims)) {
    const { start, row, h, position } = query;
    const delta = dot(dO, start, O, start, D);
    const factors = dropFactors(query, dims);
    for (const [s, score] of scoresOf(query, inputs, dims).entries()) {
      const probability = Math.exp(score - at(lse, row));
      if (probability === 0) continue;
      const key = query.keyStart(s);
      const dScore = probability * (dot(dO, start, v, key, D) * at(factors, s) - delta);
      addScaled(dv, key, probability * at(factors, s), dO, start, D);
      addScaled(dq, start, dScore * scale, k, key, D);
      addScaled(dk, key, dScore * scale, q, start, D);
      if (drelative === null) continue;
      const index = h * (2 * positions - 1) + positions - 1 + s - position;
      drelative[index] = at(drelative, index) + dScore;
    }
  }
}
