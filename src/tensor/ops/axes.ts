import type { AxisDims } from "../kernels.ts";
import type { Tape } from "../tape.ts";
import { elementCount, type Tensor } from "../tensor.ts";
import { checkIds, checkInputs, sameShape, shapeError } from "./check.ts";

/** (outer, size, inner) around an axis; −1 is the last axis. @throws NuwaError SHAPE */
function around(op: string, x: Tensor, axis: number): AxisDims & { readonly axis: number } {
  const place = axis < 0 ? axis + x.shape.length : axis;
  const size = x.shape[place];
  if (size === undefined) {
    throw shapeError(op, `an axis from 0 to ${x.shape.length - 1}, or −1 for the last (it is ${axis})`, { x });
  }
  const [before, after] = [x.shape.slice(0, place), x.shape.slice(place + 1)];
  return { axis: place, outer: elementCount(before), size, inner: elementCount(after) };
}

/**
 * Exchanges two axes: the elements move in memory.
 *
 * @returns x's shape with the two sizes exchanged
 * @throws NuwaError SHAPE
 * @example transpose(tape, x, 1, 2); // (B, T, H, D) -> (B, H, T, D)
 */
export function transpose(tape: Tape, x: Tensor, axis0: number, axis1: number): Tensor {
  checkInputs("transpose", tape, { x });
  const [a, b] = [around("transpose", x, axis0), around("transpose", x, axis1)];
  const [low, high] = a.axis <= b.axis ? [a, b] : [b, a];
  const { device } = tape;
  const shape = x.shape.map((size, axis) => (axis === low.axis ? high.size : axis === high.axis ? low.size : size));
  const out = tape.output(shape, [x]);
  const same = low.axis === high.axis;
  const middle = same ? 1 : elementCount(x.shape.slice(low.axis + 1, high.axis));
  const second = same ? 1 : high.size;
  const dims = { outer: low.outer, first: low.size, middle, second, inner: high.inner };
  device.swapAxes(out.storage, x.storage, dims);
  tape.record(out, (dout) => {
    const dx = tape.gradientWrite(x);
    device.swapAxes(dx.storage, dout.storage, { ...dims, first: dims.second, second: dims.first });
    dx.finish();
  });
  return out;
}

/**
 * Elements start up to end (not counted) of an axis.
 *
 * @throws NuwaError SHAPE
 * @example slice(tape, x, 1, 0, 1); // the first time step: (B, T, C) -> (B, 1, C)
 */
export function slice(tape: Tape, x: Tensor, axis: number, start: number, end: number): Tensor {
  checkInputs("slice", tape, { x });
  const { axis: place, outer, size, inner } = around("slice", x, axis);
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > size) {
    throw shapeError("slice", `0 ≤ start ≤ end ≤ ${size} (they are ${start} and ${end})`, { x });
  }
  const { device } = tape;
  const out = tape.output(x.shape.with(place, end - start), [x]);
  const part = (tensor: Tensor) => tensor.storage.slice(start * inner, tensor.length - start * inner);
  const dims = { count: outer, length: (end - start) * inner };
  if (out.length > 0) {
    device.copyBlocks(out.storage, part(x), { ...dims, outStride: dims.length, xStride: size * inner }, false);
  }
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(x);
    if (!accumulate) device.fill(tensor.storage, 0);
    const strides = { outStride: size * inner, xStride: dims.length };
    if (out.length > 0) device.copyBlocks(part(tensor), dout.storage, { ...dims, ...strides }, true);
  });
  return out;
}

/**
 * Joins tensors along an axis; their other sizes are equal.
 *
 * @throws NuwaError SHAPE
 * @example concat(tape, [prefix, x], 1); // (B, P, C) and (B, T, C) -> (B, P + T, C)
 */
export function concat(tape: Tape, tensors: readonly [Tensor, ...Tensor[]], axis: number): Tensor {
  const [first] = tensors;
  const given = Object.fromEntries(tensors.map((tensor, i) => [`tensor ${i}`, tensor]));
  checkInputs("concat", tape, given);
  const { axis: place, outer, inner } = around("concat", first, axis);
  for (const { shape } of tensors) {
    if (shape.length !== first.shape.length || !sameShape(shape.with(place, 0), first.shape.with(place, 0))) {
      throw shapeError("concat", `tensors of one shape but for axis ${place}`, given);
    }
  }
  const { device } = tape;
  const size = tensors.reduce((sum, tensor) => sum + (tensor.shape[place] ?? 0), 0);
  const out = tape.output(first.shape.with(place, size), tensors);
  let start = 0;
  const parts = tensors.map((tensor) => {
    const length = (tensor.shape[place] ?? 0) * inner;
    const own = { tensor, start, length };
    start += length;
    return own;
  });
  const stride = size * inner;
  for (const part of parts) {
    if (part.tensor.length === 0) continue;
    const dims = { count: outer, length: part.length, outStride: stride, xStride: part.length };
    device.copyBlocks(out.storage.slice(part.start, out.length - part.start), part.tensor.storage, dims, false);
  }
  tape.record(out, (dout) => {
    for (const part of parts) {
      if (!part.tensor.requiresGrad || part.tensor.length === 0) continue;
      const { tensor, accumulate } = tape.gradient(part.tensor);
      const dims = { count: outer, length: part.length, outStride: part.length, xStride: stride };
      device.copyBlocks(tensor.storage, dout.storage.slice(part.start, dout.length - part.start), dims, accumulate);
    }
  });
  return out;
}

/**
 * Picks elements along an axis, as torch.gather: out[…, p, …] = x[…, ids[…, p, …], …].
 *
 * @param ids int32, x's shape but for the axis
 * @throws NuwaError SHAPE
 * @example gather(tape, logProbabilities, -1, chosen); // (N, V) by (N, 1) -> (N, 1)
 */
export function gather(tape: Tape, x: Tensor, axis: number, ids: Tensor): Tensor {
  checkInputs("gather", tape, { x });
  const { axis: place, ...dims } = around("gather", x, axis);
  const picks = ids.shape[place];
  checkInputs("gather", tape, { ids }, "int32");
  if (picks === undefined || !sameShape(ids.shape, x.shape.with(place, picks))) {
    throw shapeError("gather", `ids of x's shape but for axis ${place}`, { x, ids });
  }
  checkIds("gather", "ids", ids, dims.size, { negative: false });
  const { device } = tape;
  const out = tape.output(ids.shape, [x]);
  device.gather(out.storage, x.storage, ids.storage, dims, picks);
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(x);
    if (!accumulate) device.fill(tensor.storage, 0);
    device.gatherBackward(tensor.storage, dout.storage, ids.storage, dims, picks);
  });
  return out;
}

function reduced(op: string, tape: Tape, x: Tensor, axis: number | undefined, mean: boolean): Tensor {
  checkInputs(op, tape, { x });
  const whole = { axis: 0, outer: 1, size: x.length, inner: 1 };
  const { axis: place, ...dims } = axis === undefined ? whole : around(op, x, axis);
  if (mean && dims.size === 0) throw shapeError(op, "something to take the mean of", { x });
  const scale = mean ? 1 / dims.size : 1;
  const { device } = tape;
  const out = tape.output(axis === undefined ? [1] : x.shape.toSpliced(place, 1), [x]);
  if (axis === undefined) {
    device.sum(out.storage, 0, x.storage);
    if (mean) device.axpby(out.storage, out.storage, scale, out.storage, 0);
  } else {
    device.sumAxis(out.storage, x.storage, dims, scale);
  }
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(x);
    device.broadcastAxis(tensor.storage, dout.storage, dims, scale, accumulate);
  });
  return out;
}

/** Σ over an axis, which goes away; over all elements, to (1), when none is given. @throws NuwaError SHAPE */
export function sum(tape: Tape, x: Tensor, axis?: number): Tensor {
  return reduced("sum", tape, x, axis, false);
}

/** Mean over an axis, which goes away; over all elements, to (1), when none is given. @throws NuwaError SHAPE */
export function mean(tape: Tape, x: Tensor, axis?: number): Tensor {
  return reduced("mean", tape, x, axis, true);
}

/**
 * Repeats x along a new axis: the inverse of the shapes of {@link sum}.
 *
 * @param axis where the new axis stands in the result
 * @throws NuwaError SHAPE
 * @example broadcast(tape, pooled, 1, T); // (B, C) -> (B, T, C)
 */
export function broadcast(tape: Tape, x: Tensor, axis: number, size: number): Tensor {
  checkInputs("broadcast", tape, { x });
  if (!Number.isInteger(axis) || axis < 0 || axis > x.shape.length || !Number.isInteger(size) || size < 0) {
    throw shapeError("broadcast", `a new axis from 0 to ${x.shape.length} (axis ${axis}, size ${size})`, { x });
  }
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis)];
  const dims = { outer: elementCount(before), size, inner: elementCount(after) };
  const { device } = tape;
  const out = tape.output([...before, size, ...after], [x]);
  device.broadcastAxis(out.storage, x.storage, dims, 1, false);
  tape.record(out, (dout) => {
    const dx = tape.gradientWrite(x);
    device.sumAxis(dx.storage, dout.storage, dims, 1);
    dx.finish();
  });
  return out;
}
