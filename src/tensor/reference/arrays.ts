import type { Storage } from "../device.ts";
import type { AxisDims, BlockDims, SwapDims } from "../kernels.ts";
import { at, floats, integers } from "./memory.ts";

/** The values of a storage that is only moved. */
function values(storage: Storage): Float64Array | Int32Array {
  return storage.dtype === "int32" ? integers(storage) : floats(storage);
}

export function copyBlocks(out: Storage, x: Storage, dims: BlockDims, accumulate: boolean): void {
  const { count, length, outStride, xStride } = dims;
  const [y, input] = [values(out), values(x)];
  for (let block = 0; block < count; block++) {
    for (let i = 0; i < length; i++) {
      const to = block * outStride + i;
      y[to] = (accumulate ? at(y, to) : 0) + at(input, block * xStride + i);
    }
  }
}

export function swapAxes(out: Storage, x: Storage, dims: SwapDims): void {
  const { outer, first, middle, second, inner } = dims;
  const [y, input] = [values(out), values(x)];
  for (let o = 0; o < outer; o++)
    for (let a = 0; a < first; a++)
      for (let m = 0; m < middle; m++)
        for (let b = 0; b < second; b++)
          for (let i = 0; i < inner; i++) {
            const from = (((o * first + a) * middle + m) * second + b) * inner + i;
            y[(((o * second + b) * middle + m) * first + a) * inner + i] = at(input, from);
          }
}

export function gather(out: Storage, x: Storage, ids: Storage, dims: AxisDims, picks: number): void {
  const { outer, size, inner } = dims;
  const [y, input, chosen] = [floats(out), floats(x), integers(ids)];
  for (let i = 0; i < outer * picks * inner; i++) {
    const o = Math.floor(i / (picks * inner));
    y[i] = at(input, (o * size + at(chosen, i)) * inner + (i % inner));
  }
}

export function gatherBackward(dx: Storage, dout: Storage, ids: Storage, dims: AxisDims, picks: number): void {
  const { outer, size, inner } = dims;
  const [result, upstream, chosen] = [floats(dx), floats(dout), integers(ids)];
  for (let i = 0; i < outer * picks * inner; i++) {
    const o = Math.floor(i / (picks * inner));
    const to = (o * size + at(chosen, i)) * inner + (i % inner);
    result[to] = at(result, to) + at(upstream, i);
  }
}

export function sumAxis(out: Storage, x: Storage, { outer, size, inner }: AxisDims, scale: number): void {
  const [y, input] = [floats(out), floats(x)];
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      for (let s = 0; s < size; s++) sum += at(input, (o * size + s) * inner + i);
      y[o * inner + i] = sum * scale;
    }
  }
}

export function broadcastAxis(
  out: Storage,
  x: Storage,
  { outer, size, inner }: AxisDims,
  scale: number,
  accumulate: boolean,
): void {
  const [y, input] = [floats(out), floats(x)];
  for (let to = 0; to < outer * size * inner; to++) {
    const from = Math.floor(to / (size * inner)) * inner + (to % inner);
    y[to] = (accumulate ? at(y, to) : 0) + scale * at(input, from);
  }
}
