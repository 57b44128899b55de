import type { Device, LinearDims, Storage } from "../device.ts";
import type { RecurrentKind, UnaryFunction } from "../kernels.ts";
import { at, atOptional } from "./memory.ts";
import type { NativeAddon, NativeContext } from "./native.ts";

/** Numbers of `UnaryKind` in native/cpu/kernels.h. */
const UNARY: Readonly<Record<UnaryFunction, number>> = {
  tanh: 0,
  sigmoid: 1,
  exp: 2,
  log: 3,
  log_sigmoid: 4,
  square: 5,
};

/** Numbers of `RecurrentKind` in native/cpu/kernels.h. */
const RECURRENT: Readonly<Record<RecurrentKind, number>> = { lstm: 0, gru: 1, rnn_tanh: 2, rnn_relu: 3 };

/** Numbers of `GroupedKind` in native/cpu/kernels.h. */
const GROUPED = { forward: 0, input: 1, weight: 2 } as const;

type Context = NativeContext | undefined;
type Kernel<Name extends keyof Device> = Device[Name] extends (...args: infer Arguments) => void
  ? (native: NativeAddon, context: Context, ...args: Arguments) => void
  : never;

export const unary: Kernel<"unary"> = (native, c, out, x, kind) => {
  native.unary(c, at(out), at(x), out.length, UNARY[kind]);
};

export const unaryBackward: Kernel<"unaryBackward"> = (native, c, dx, dout, x, kind, accumulate) => {
  native.unaryBackward(c, at(dx), at(dout), at(x), dx.length, UNARY[kind], accumulate);
};

export const softmax: Kernel<"softmax"> = (native, c, out, x, { rows, width }, logarithm) => {
  native.softmax(c, at(out), at(x), rows, width, logarithm);
};

export const softmaxBackward: Kernel<"softmaxBackward"> = (native, c, dx, dout, out, dims, logarithm, accumulate) => {
  native.softmaxBackward(c, at(dx), at(dout), at(out), dims.rows, dims.width, logarithm, accumulate);
};

export const logSumExp: Kernel<"logSumExp"> = (native, c, out, x, { rows, width }) => {
  native.logSumExp(c, at(out), at(x), rows, width);
};

export const logSumExpBackward: Kernel<"logSumExpBackward"> = (native, c, dx, dout, x, out, dims, accumulate) => {
  native.logSumExpBackward(c, at(dx), at(dout), at(x), at(out), dims.rows, dims.width, accumulate);
};

export const copyBlocks: Kernel<"copyBlocks"> = (native, c, out, x, dims, accumulate) => {
  const { count, length, outStride, xStride } = dims;
  native.copyBlocks(c, at(out), at(x), count, length, outStride, xStride, accumulate);
};

export const swapAxes: Kernel<"swapAxes"> = (native, c, out, x, { outer, first, middle, second, inner }) => {
  native.swapAxes(c, at(out), at(x), outer, first, middle, second, inner);
};

export const gather: Kernel<"gather"> = (native, c, out, x, ids, { outer, size, inner }, picks) => {
  native.gather(c, at(out), at(x), at(ids), outer, size, picks, inner);
};

export const gatherBackward: Kernel<"gatherBackward"> = (native, c, dx, dout, ids, { outer, size, inner }, picks) => {
  native.gatherBackward(c, at(dx), at(dout), at(ids), outer, size, picks, inner);
};

export const sumAxis: Kernel<"sumAxis"> = (native, c, out, x, { outer, size, inner }, scale) => {
  native.sumAxis(c, at(out), at(x), outer, size, inner, scale);
};

export const broadcastAxis: Kernel<"broadcastAxis"> = (native, c, out, x, dims, scale, accumulate) => {
  native.broadcastAxis(c, at(out), at(x), dims.outer, dims.size, dims.inner, scale, accumulate);
};

export const recurrent: Kernel<"recurrent"> = (native, c, out, gates, memory, hidden, cell, weight, bias, dims) => {
  const states = [atOptional(memory), atOptional(hidden), atOptional(cell)] as const;
  const { B, T, H, kind } = dims;
  native.recurrent(c, at(out), at(gates), ...states, at(weight), atOptional(bias), B, T, H, RECURRENT[kind]);
};

export const recurrentBackward: Kernel<"recurrentBackward"> = (native, c, storages, { B, T, H, kind }) => {
  const { gates, hiddenGates, dhidden, dcell, dout, dlastCell, memory, out, hidden, cell, weight } = storages;
  const written = [at(gates), atOptional(hiddenGates), atOptional(dhidden), atOptional(dcell)] as const;
  const upstream = [at(dout), atOptional(dlastCell)] as const;
  const saved = [atOptional(memory), at(out), atOptional(hidden), atOptional(cell), at(weight)] as const;
  native.recurrentBackward(c, ...written, ...upstream, ...saved, B, T, H, RECURRENT[kind]);
};

export const topK: Kernel<"topK"> = (native, c, ids, x, { rows, width }, count) => {
  native.topK(c, at(ids), at(x), rows, width, count);
};

export const groupRows: Kernel<"groupRows"> = (native, c, tokens, position, offsets, shares, ids, dims) => {
  const written = [at(tokens), at(position), at(offsets), at(shares)] as const;
  native.groupRows(c, ...written, at(ids), dims.rows, dims.choices, dims.experts, dims.capacity);
};

export const combineRows: Kernel<"combineRows"> = (native, c, out, y, weights, position, dims, accumulate) => {
  const { rows, choices, width } = dims;
  native.combineRows(c, at(out), at(y), atOptional(weights), at(position), rows, choices, width, accumulate);
};

export const combineRowsBackward: Kernel<"combineRowsBackward"> = (
  native,
  c,
  dy,
  dweights,
  dout,
  y,
  weights,
  position,
  { rows, choices, width },
) => {
  const saved = [at(y), at(weights), at(position)] as const;
  native.combineRowsBackward(c, at(dy), at(dweights), at(dout), ...saved, rows, choices, width);
};

function grouped(
  native: NativeAddon,
  context: Context,
  storages: readonly [out: Storage, a: Storage, b: Storage, offsets: Storage],
  dims: LinearDims,
  kind: number,
  accumulate: boolean,
): void {
  const [out, a, b, offsets] = storages;
  const { inputs, outputs } = dims;
  const addresses = [at(out), at(a), at(b), at(offsets)] as const;
  native.groupedGemm(context, ...addresses, offsets.length - 1, inputs, outputs, kind, accumulate);
}

export const groupedLinear: Kernel<"groupedLinear"> = (native, c, out, x, weight, offsets, dims) => {
  grouped(native, c, [out, x, weight, offsets], dims, GROUPED.forward, false);
};

export const groupedLinearBackwardInput: Kernel<"groupedLinearBackwardInput"> = (
  native,
  c,
  dx,
  dout,
  weight,
  offsets,
  dims,
  accumulate,
) => {
  grouped(native, c, [dx, dout, weight, offsets], dims, GROUPED.input, accumulate);
};

export const groupedLinearBackwardWeight: Kernel<"groupedLinearBackwardWeight"> = (
  native,
  c,
  dweight,
  dout,
  x,
  offsets,
  dims,
  accumulate,
) => {
  grouped(native, c, [dweight, dout, x, offsets], dims, GROUPED.weight, accumulate);
};
