import type { Device, LinearDims, Precision, Storage } from "../device.ts";
import { fromBfloat16, toBfloat16 } from "../weights.ts";
import { at, floats } from "./memory.ts";

export type Products = Pick<
  Device,
  "matmul" | "linear" | "linearBackwardInput" | "linearBackwardWeight" | "linearBackwardBias"
>;

/** The products of a precision: the others are matmul with other names for its sides. */
export function createProducts(precision: Precision): Products {
  const operand =
    precision === "bfloat16" ? (value: number) => fromBfloat16(toBfloat16(value)) : (value: number) => value;

  const matmul: Device["matmul"] = (out, a, b, dims) => {
    const { M, N, K, transposeA, transposeB, accumulate } = dims;
    const c = floats(out);
    const [p, q] = [floats(a).map(operand), floats(b).map(operand)];
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          sum += at(p, transposeA ? k * M + m : m * K + k) * at(q, transposeB ? n * K + k : k * N + n);
        }
        c[m * N + n] = (accumulate ? at(c, m * N + n) : 0) + sum;
      }
    }
  };

  const linear: Device["linear"] = (out, x, weight, bias, dims) => {
    const { rows: M, inputs: K, outputs: N } = dims;
    matmul(out, x, weight, { M, N, K, transposeA: false, transposeB: true, accumulate: false });
    if (bias === null) return;
    const [y, b] = [floats(out), floats(bias)];
    for (let i = 0; i < M * N; i++) y[i] = at(y, i) + at(b, i % N);
  };

  const linearBackwardInput: Device["linearBackwardInput"] = (dx, dout, weight, dims, accumulate) => {
    const { rows: M, inputs: N, outputs: K } = dims;
    matmul(dx, dout, weight, { M, N, K, transposeA: false, transposeB: false, accumulate });
  };

  const linearBackwardWeight: Device["linearBackwardWeight"] = (dweight, dout, x, dims, accumulate) => {
    const { rows: K, inputs: N, outputs: M } = dims;
    matmul(dweight, dout, x, { M, N, K, transposeA: true, transposeB: false, accumulate });
  };

  return { matmul, linear, linearBackwardInput, linearBackwardWeight, linearBackwardBias };
}

function linearBackwardBias(dbias: Storage, dout: Storage, dims: LinearDims, accumulate: boolean): void {
  const [result, upstream] = [floats(dbias), floats(dout)];
  const { rows, outputs } = dims;
  for (let n = 0; n < outputs; n++) {
    let sum = accumulate ? at(result, n) : 0;
    for (let row = 0; row < rows; row++) sum += at(upstream, row * outputs + n);
    result[n] = sum;
  }
}
