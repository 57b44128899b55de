import type { LinearDims, MatmulDims, Storage } from "../device.ts";
import { at, floats } from "./memory.ts";

export function matmul(out: Storage, a: Storage, b: Storage, dims: MatmulDims): void {
  const { M, N, K, transposeA, transposeB, accumulate } = dims;
  const [c, p, q] = [floats(out), floats(a), floats(b)];
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) {
        sum += at(p, transposeA ? k * M + m : m * K + k) * at(q, transposeB ? n * K + k : k * N + n);
      }
      c[m * N + n] = (accumulate ? at(c, m * N + n) : 0) + sum;
    }
  }
}

export function linear(out: Storage, x: Storage, weight: Storage, bias: Storage | null, dims: LinearDims): void {
  const { rows: M, inputs: K, outputs: N } = dims;
  matmul(out, x, weight, { M, N, K, transposeA: false, transposeB: true, accumulate: false });
  if (bias === null) return;
  const [y, b] = [floats(out), floats(bias)];
  for (let i = 0; i < M * N; i++) y[i] = at(y, i) + at(b, i % N);
}

export function linearBackwardInput(
  dx: Storage,
  dout: Storage,
  weight: Storage,
  dims: LinearDims,
  accumulate: boolean,
): void {
  const { rows: M, inputs: N, outputs: K } = dims;
  matmul(dx, dout, weight, { M, N, K, transposeA: false, transposeB: false, accumulate });
}

export function linearBackwardWeight(
  dweight: Storage,
  dout: Storage,
  x: Storage,
  dims: LinearDims,
  accumulate: boolean,
): void {
  const { rows: K, inputs: N, outputs: M } = dims;
  matmul(dweight, dout, x, { M, N, K, transposeA: true, transposeB: false, accumulate });
}

export function linearBackwardBias(dbias: Storage, dout: Storage, dims: LinearDims, accumulate: boolean): void {
  const [result, upstream] = [floats(dbias), floats(dout)];
  const { rows, outputs } = dims;
  for (let n = 0; n < outputs; n++) {
    let sum = accumulate ? at(result, n) : 0;
    for (let row = 0; row < rows; row++) sum += at(upstream, row * outputs + n);
    result[n] = sum;
  }
}
