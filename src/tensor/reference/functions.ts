import type { Storage } from "../device.ts";
import type { RowDims, UnaryFunction } from "../kernels.ts";
import { at, floats } from "./memory.ts";

function valueOf(kind: UnaryFunction, x: number): number {
  switch (kind) {
    case "tanh":
      return Math.tanh(x);
    case "sigmoid":
      return 1 / (1 + Math.exp(-x));
    case "exp":
      return Math.exp(x);
    case "log":
      return Math.log(x);
    case "log_sigmoid":
      return Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
    case "square":
      return x * x;
  }
}

function slopeOf(kind: UnaryFunction, x: number): number {
  switch (kind) {
    case "tanh":
      return 1 / Math.cosh(x) ** 2;
    case "sigmoid":
      return 1 / ((1 + Math.exp(-x)) * (1 + Math.exp(x)));
    case "exp":
      return Math.exp(x);
    case "log":
      return 1 / x;
    case "log_sigmoid":
      return 1 / (1 + Math.exp(x));
    case "square":
      return 2 * x;
  }
}

export function unary(out: Storage, x: Storage, kind: UnaryFunction): void {
  const [y, input] = [floats(out), floats(x)];
  for (let i = 0; i < y.length; i++) y[i] = valueOf(kind, at(input, i));
}

export function unaryBackward(dx: Storage, dout: Storage, x: Storage, kind: UnaryFunction, accumulate: boolean): void {
  const [result, upstream, input] = [floats(dx), floats(dout), floats(x)];
  for (let i = 0; i < result.length; i++) {
    result[i] = (accumulate ? at(result, i) : 0) + at(upstream, i) * slopeOf(kind, at(input, i));
  }
}

export function logSumExp(out: Storage, x: Storage, { rows, width }: RowDims): void {
  const [y, input] = [floats(out), floats(x)];
  for (let row = 0; row < rows; row++) {
    const z = input.subarray(row * width, (row + 1) * width);
    const largest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    y[row] = largest + Math.log(z.reduce((sum, score) => sum + Math.exp(score - largest), 0));
  }
}

export function logSumExpBackward(
  dx: Storage,
  dout: Storage,
  x: Storage,
  out: Storage,
  { rows, width }: RowDims,
  accumulate: boolean,
): void {
  const [result, upstream, input, sums] = [floats(dx), floats(dout), floats(x), floats(out)];
  for (let i = 0; i < rows * width; i++) {
    const row = Math.floor(i / width);
    const probability = Math.exp(at(input, i) - at(sums, row));
    result[i] = (accumulate ? at(result, i) : 0) + probability * at(upstream, row);
  }
}

export function softmax(out: Storage, x: Storage, dims: RowDims, logarithm: boolean): void {
  const [y, input] = [floats(out), floats(x)];
  const { rows, width } = dims;
  for (let row = 0; row < rows; row++) {
    const z = input.subarray(row * width, (row + 1) * width);
    const largest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = largest + Math.log(z.reduce((sum, score) => sum + Math.exp(score - largest), 0));
    for (const [i, score] of z.entries()) y[row * width + i] = logarithm ? score - total : Math.exp(score - total);
  }
}

/** softmax: y·(d − Σ d·y); log softmax: d − e^y·Σ d. */
export function softmaxBackward(
  dx: Storage,
  dout: Storage,
  out: Storage,
  { rows, width }: RowDims,
  logarithm: boolean,
  accumulate: boolean,
): void {
  const [result, upstream, y] = [floats(dx), floats(dout), floats(out)];
  for (let row = 0; row < rows; row++) {
    let total = 0;
    for (let i = row * width; i < (row + 1) * width; i++) total += at(upstream, i) * (logarithm ? 1 : at(y, i));
    for (let i = row * width; i < (row + 1) * width; i++) {
      const d = at(upstream, i);
      const own = logarithm ? d - Math.exp(at(y, i)) * total : at(y, i) * (d - total);
      result[i] = (accumulate ? at(result, i) : 0) + own;
    }
  }
}
