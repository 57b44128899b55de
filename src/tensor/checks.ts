/**
 * What every kernel asks of its storages, in one place: dtype and length, before anything is computed. A kernel reads and
 * writes by the sizes it was told, so a storage that is too short would be memory of somebody else.
 */
import { NuwaError } from "../text/errors.ts";
import type { AttentionDims, AttentionInputs, Device, NormDims } from "./device.ts";
import { gateCount, type LinearDims } from "./kernels.ts";
import type { Storage } from "./storage.ts";

/** Methods of {@link Device} that manage memory; the others are kernels. */
type MemoryMethod =
  | "allocate"
  | "allocateMatrix"
  | "release"
  | "createArena"
  | "write"
  | "read"
  | "readNow"
  | "synchronize"
  | "dispose";

/** Names of the kernels of a device. */
export type KernelName = Exclude<keyof Device, MemoryMethod | "name" | "capabilities">;

type Check<Name extends KernelName> = (...args: Parameters<Device[Name]>) => void;

function fail(label: string, expected: string, got: string): never {
  throw new NuwaError("SHAPE", `expected ${expected} for ${label}, got ${got}`);
}

/** float32 of at least so many elements; null is no storage. */
function floats(label: string, storage: Storage | null, length: number): void {
  if (storage === null) return;
  if (storage.dtype !== "float32") fail(label, "float32", storage.dtype);
  if (!(storage.length >= length)) fail(label, `${length} elements`, String(storage.length));
}

/** The same for int32. */
function integers(label: string, storage: Storage | null, length: number): void {
  if (storage === null) return;
  if (storage.dtype !== "int32") fail(label, "int32", storage.dtype);
  if (!(storage.length >= length)) fail(label, `${length} elements`, String(storage.length));
}

/** A matrix of any dtype that weights have. */
function weightOf(label: string, storage: Storage, length: number): void {
  if (storage.dtype === "int32") fail(label, "a float dtype", "int32");
  if (!(storage.length >= length)) fail(label, `${length} elements`, String(storage.length));
}

/** float32 or int32, as `x` is. */
function plain(label: string, storage: Storage, x: Storage, length: number): void {
  if (storage.dtype !== "float32" && storage.dtype !== "int32") fail(label, "float32 or int32", storage.dtype);
  if (storage.dtype !== x.dtype) fail(label, x.dtype, storage.dtype);
  if (!(storage.length >= length)) fail(label, `${length} elements`, String(storage.length));
}

/** Element by element: all float32, all of one length. */
function alike(length: number, storages: Readonly<Record<string, Storage>>): void {
  for (const label in storages) {
    const storage = storages[label];
    if (storage === undefined) continue;
    if (storage.dtype !== "float32") fail(label, "float32", storage.dtype);
    if (storage.length !== length) fail(label, `${length} elements`, String(storage.length));
  }
}

function element(label: string, storage: Storage, index: number): void {
  floats(label, storage, 1);
  if (!(index >= 0 && index < storage.length))
    fail(`the index into ${label}`, `less than ${storage.length}`, `${index}`);
}

function checkNorm(out: Storage, x: Storage, { rows, width }: NormDims): void {
  floats("out", out, rows * width);
  floats("x", x, rows * width);
}

function checkAttention(inputs: AttentionInputs, dims: AttentionDims): void {
  const { B, T, S, capacity, H, K, D, positions, maskStrides } = dims;
  if (!(S <= capacity)) fail("S", `at most the capacity ${capacity}`, String(S));
  floats("q", inputs.q, B * T * H * D);
  floats("k", inputs.k, B * capacity * K * D);
  floats("v", inputs.v, B * capacity * K * D);
  floats("relative", inputs.relative, H * (2 * positions - 1));
  if (inputs.relative !== null && positions < Math.max(S, T)) fail("positions", `${Math.max(S, T)}`, `${positions}`);
  const { batch, head, query } = maskStrides;
  const last = (B - 1) * batch + (H - 1) * head + (T - 1) * query + S;
  if (inputs.mask?.dtype === "int32") integers("mask", inputs.mask, last);
  else floats("mask", inputs.mask, last);
  integers("segments", inputs.segments, B * S);
}

function checkProduct(out: Storage, outLength: number, a: Storage, aLength: number, b: Storage, bLength: number): void {
  floats("the result", out, outLength);
  floats("the first operand", a, aLength);
  floats("the second operand", b, bLength);
}

function checkGrouped(
  [out, outLength]: readonly [Storage, number],
  x: Storage,
  xLength: number,
  [weight, weightLength]: readonly [Storage, number],
  offsets: Storage,
): void {
  checkProduct(out, outLength, x, xLength, weight, weightLength);
  integers("offsets", offsets, 1);
}

const elements = ({ rows, inputs, outputs }: LinearDims) => ({
  x: rows * inputs,
  out: rows * outputs,
  weight: inputs * outputs,
});

function checkUpdate(parameter: Storage, gradient: Storage, scale: Storage | null): void {
  alike(parameter.length, { parameter, gradient });
  floats("scale", scale, 1);
}

/** One for each kernel: a kernel without a check does not compile. */
const checks: { readonly [Name in KernelName]: Check<Name> } = {
  fill: (x) => plain("x", x, x, 0),
  copy: (out, x) => {
    plain("x", x, x, 0);
    plain("out", out, x, x.length);
    if (out.length !== x.length) fail("out", `${x.length} elements`, String(out.length));
  },
  axpby: (out, a, _alpha, b) => alike(out.length, { out, a, b }),
  multiply: (out, a, b) => alike(out.length, { out, a, b }),
  activation: (out, x) => alike(out.length, { out, x }),
  activationBackward: (dx, dout, x) => alike(dx.length, { dx, dout, x }),
  gated: (out, gate, up) => alike(out.length, { out, gate, up }),
  gatedBackward: (dgate, dup, dout, gate, up) => alike(dgate.length, { dgate, dup, dout, gate, up }),
  dropout: (out, x) => alike(out.length, { out, x }),
  sum: (out, index, x) => {
    element("out", out, index);
    floats("x", x, 0);
  },
  sumOfSquares: (out, index, x) => {
    element("out", out, index);
    floats("x", x, 0);
  },
  argmax: (out, x, rows, width) => {
    integers("out", out, rows);
    floats("x", x, rows * width);
  },
  matmul: (out, a, b, { M, N, K }) => checkProduct(out, M * N, a, M * K, b, K * N),
  linear: (out, x, weight, bias, dims) => {
    const length = elements(dims);
    floats("out", out, length.out);
    floats("x", x, length.x);
    weightOf("weight", weight, length.weight);
    floats("bias", bias, dims.outputs);
  },
  linearBackwardInput: (dx, dout, weight, dims) => {
    const length = elements(dims);
    checkProduct(dx, length.x, dout, length.out, weight, length.weight);
  },
  linearBackwardWeight: (dweight, dout, x, dims) => {
    const length = elements(dims);
    checkProduct(dweight, length.weight, dout, length.out, x, length.x);
  },
  linearBackwardBias: (dbias, dout, { rows, outputs }) => {
    floats("dbias", dbias, outputs);
    floats("dout", dout, rows * outputs);
  },
  embedding: (out, table, ids, rows, width) => {
    floats("out", out, rows * width);
    weightOf("table", table, 0);
    integers("ids", ids, rows);
  },
  embeddingBackward: (dtable, dout, ids, rows, width) => {
    floats("dtable", dtable, 0);
    floats("dout", dout, rows * width);
    integers("ids", ids, rows);
  },
  layerNorm: (out, mean, rstd, x, weight, bias, dims) => {
    checkNorm(out, x, dims);
    floats("mean", mean, dims.rows);
    floats("rstd", rstd, dims.rows);
    floats("weight", weight, dims.width);
    floats("bias", bias, dims.width);
  },
  layerNormBackward: (dx, dweight, dbias, dout, x, weight, mean, rstd, dims) => {
    checkNorm(dx, x, dims);
    floats("dout", dout, dims.rows * dims.width);
    floats("mean", mean, dims.rows);
    floats("rstd", rstd, dims.rows);
    floats("weight", weight, dims.width);
    floats("dweight", dweight, dims.width);
    floats("dbias", dbias, dims.width);
  },
  rmsNorm: (out, rstd, x, weight, dims) => {
    checkNorm(out, x, dims);
    floats("rstd", rstd, dims.rows);
    floats("weight", weight, dims.width);
  },
  rmsNormBackward: (dx, dweight, dout, x, weight, rstd, dims) => {
    checkNorm(dx, x, dims);
    floats("dout", dout, dims.rows * dims.width);
    floats("rstd", rstd, dims.rows);
    floats("weight", weight, dims.width);
    floats("dweight", dweight, dims.width);
  },
  rope: (out, x, table, { B, T, H, D, offset, positions }) => {
    floats("out", out, B * T * H * D);
    floats("x", x, B * T * H * D);
    floats("table", table, positions === null ? (offset + T) * D : D);
    integers("positions", positions, B * T);
  },
  attention: (out, logSumExp, inputs, dims) => {
    const { B, T, H, D } = dims;
    checkAttention(inputs, dims);
    floats("out", out, B * T * H * D);
    floats("logSumExp", logSumExp, B * H * T);
  },
  attentionStep: (out, q, k, v, { keys, values, positions, ropeTable, B, capacity, H, K, D }) => {
    floats("out", out, B * H * D);
    floats("q", q, B * H * D);
    floats("k", k, B * K * D);
    floats("v", v, B * K * D);
    floats("keys", keys, B * capacity * K * D);
    floats("values", values, B * capacity * K * D);
    integers("positions", positions, B);
    floats("ropeTable", ropeTable, capacity * D);
  },
  attentionBackward: (gradients, dout, out, logSumExp, inputs, dims) => {
    const { B, T, S, H, K, D, positions } = dims;
    checkAttention(inputs, dims);
    floats("dq", gradients.q, B * T * H * D);
    floats("dk", gradients.k, B * S * K * D);
    floats("dv", gradients.v, B * S * K * D);
    floats("drelative", gradients.relative, H * (2 * positions - 1));
    floats("dout", dout, B * T * H * D);
    floats("out", out, B * T * H * D);
    floats("logSumExp", logSumExp, B * H * T);
  },
  crossEntropy: (losses, logits, targets, weights, { rows, vocabulary }) => {
    floats("losses", losses, rows);
    floats("logits", logits, rows * vocabulary);
    integers("targets", targets, rows);
    floats("weights", weights, rows);
  },
  adamW: (parameter, gradient, m, v, scale) => {
    checkUpdate(parameter, gradient, scale);
    alike(parameter.length, { m, v });
  },
  lion: (parameter, gradient, m, scale) => {
    checkUpdate(parameter, gradient, scale);
    alike(parameter.length, { m });
  },
  sgd: (parameter, gradient, m, scale) => {
    checkUpdate(parameter, gradient, scale);
    if (m !== null) alike(parameter.length, { m });
  },
  nesterov: (m, gradient, scale) => checkUpdate(m, gradient, scale),
  adafactor: (parameter, gradient, row, column, scale, { matrices, rows, columns }) => {
    checkUpdate(parameter, gradient, scale);
    const length = matrices * rows * columns;
    floats("parameter", parameter, length);
    floats("row", row, column === null ? length : matrices * rows);
    floats("column", column, matrices * columns);
  },
  unary: (out, x) => alike(out.length, { out, x }),
  unaryBackward: (dx, dout, x) => alike(dx.length, { dx, dout, x }),
  softmax: (out, x, { rows, width }) => {
    floats("out", out, rows * width);
    floats("x", x, rows * width);
  },
  softmaxBackward: (dx, dout, out, { rows, width }) => {
    for (const [label, storage] of Object.entries({ dx, dout, out })) floats(label, storage, rows * width);
  },
  logSumExp: (out, x, { rows, width }) => {
    floats("out", out, rows);
    floats("x", x, rows * width);
  },
  logSumExpBackward: (dx, dout, x, out, { rows, width }) => {
    floats("dx", dx, rows * width);
    floats("x", x, rows * width);
    floats("dout", dout, rows);
    floats("out", out, rows);
  },
  copyBlocks: (out, x, { count, length, outStride, xStride }, accumulate) => {
    if (count === 0 || length === 0) return;
    plain("x", x, x, (count - 1) * xStride + length);
    plain("out", out, x, (count - 1) * outStride + length);
    if (accumulate) floats("out", out, 0);
  },
  swapAxes: (out, x, { outer, first, middle, second, inner }) => {
    const length = outer * first * middle * second * inner;
    plain("x", x, x, length);
    plain("out", out, x, length);
  },
  gather: (out, x, ids, { outer, size, inner }, picks) => {
    floats("out", out, outer * picks * inner);
    floats("x", x, outer * size * inner);
    integers("ids", ids, outer * picks * inner);
  },
  gatherBackward: (dx, dout, ids, { outer, size, inner }, picks) => {
    floats("dx", dx, outer * size * inner);
    floats("dout", dout, outer * picks * inner);
    integers("ids", ids, outer * picks * inner);
  },
  sumAxis: (out, x, { outer, size, inner }) => {
    floats("out", out, outer * inner);
    floats("x", x, outer * size * inner);
  },
  broadcastAxis: (out, x, { outer, size, inner }) => {
    floats("out", out, outer * size * inner);
    floats("x", x, outer * inner);
  },
  recurrent: (out, gates, memory, hidden, cell, weight, bias, { kind, B, T, H }) => {
    const G = gateCount(kind);
    floats("out", out, B * T * H);
    floats("gates", gates, B * T * G * H);
    floats("memory", memory, B * T * H);
    floats("hidden", hidden, B * H);
    floats("cell", cell, B * H);
    floats("weight", weight, G * H * H);
    floats("bias", bias, G * H);
  },
  recurrentBackward: (given, { kind, B, T, H }) => {
    const G = gateCount(kind);
    for (const label of ["gates", "hiddenGates"] as const) floats(label, given[label], B * T * G * H);
    for (const label of ["dout", "memory", "out"] as const) floats(label, given[label], B * T * H);
    const states = ["dhidden", "dcell", "dlastCell", "hidden", "cell"] as const;
    for (const label of states) floats(label, given[label], B * H);
    floats("weight", given.weight, G * H * H);
  },
  topK: (ids, x, { rows, width }, count) => {
    integers("ids", ids, rows * count);
    floats("x", x, rows * width);
    if (!(count <= width)) fail("the count", `at most ${width}`, String(count));
  },
  groupRows: (tokens, position, offsets, shares, ids, { rows, choices, experts }) => {
    integers("tokens", tokens, rows * choices);
    integers("position", position, rows * choices);
    integers("offsets", offsets, experts + 1);
    floats("shares", shares, experts);
    integers("ids", ids, rows * choices);
  },
  combineRows: (out, y, weights, position, { rows, choices, width }) => {
    floats("out", out, rows * width);
    floats("y", y, 0);
    floats("weights", weights, rows * choices);
    integers("position", position, rows * choices);
  },
  combineRowsBackward: (dy, dweights, dout, y, weights, position, { rows, choices, width }) => {
    floats("dy", dy, 0);
    floats("dweights", dweights, rows * choices);
    floats("dout", dout, rows * width);
    floats("y", y, 0);
    floats("weights", weights, rows * choices);
    integers("position", position, rows * choices);
  },
  groupedLinear: (out, x, weight, offsets, dims) => {
    const length = elements(dims);
    checkGrouped([out, length.out], x, length.x, [weight, (offsets.length - 1) * length.weight], offsets);
  },
  groupedLinearBackwardInput: (dx, dout, weight, offsets, dims) => {
    const length = elements(dims);
    checkGrouped([dx, length.x], dout, length.out, [weight, (offsets.length - 1) * length.weight], offsets);
  },
  groupedLinearBackwardWeight: (dweight, dout, x, offsets, dims) => {
    const length = elements(dims);
    checkGrouped([dweight, (offsets.length - 1) * length.weight], dout, length.out, [x, length.x], offsets);
  },
  multiplyScalar: (out, x, factor) => {
    alike(out.length, { out, x });
    floats("factor", factor, 1);
  },
  normalize: (out, x, squares) => {
    alike(out.length, { out, x });
    floats("squares", squares, 1);
  },
  applyUpdate: (parameter, update, scale) => checkUpdate(parameter, update, scale),
  clipGradients: (out, values, squares) => {
    floats("out", out, 3);
    floats("values", values, 0);
    floats("squares", squares, 0);
  },
  sampleToken: (ids, logprobs, row, logits, history) => {
    integers("ids", ids, row + 1);
    floats("logprobs", logprobs, row + 1);
    floats("logits", logits, 1);
    integers("history", history, 0);
  },
};

/** Names of all kernels, in the order of the checks. */
export const kernelNames: readonly string[] = Object.keys(checks);

const checked = new WeakSet<object>();

/**
 * Puts the checks before a device's kernels. For the end of a device's constructor: what comes in through the registry
 * gets them all the same, once.
 */
export function checkKernels(device: Device): void {
  if (checked.has(device)) return;
  checked.add(device);
  for (const [name, check] of Object.entries(checks)) {
    const kernel: unknown = Reflect.get(device, name, device);
    if (typeof kernel !== "function")
      throw new NuwaError("DEVICE", `the ${device.name} device has no kernel "${name}"`);
    const run = (...args: unknown[]): void => {
      try {
        Reflect.apply(check, undefined, args);
      } catch (error) {
        throw named(error, name);
      }
      Reflect.apply(kernel, device, args);
    };
    Object.defineProperty(device, name, { value: run, configurable: true, enumerable: false, writable: true });
  }
}

/** The kernel's name before what was wrong. */
function named(error: unknown, kernel: string): unknown {
  if (!(error instanceof NuwaError)) return error;
  return new NuwaError(error.code, `${kernel}: ${error.message}`, { hint: error.hint, cause: error });
}
