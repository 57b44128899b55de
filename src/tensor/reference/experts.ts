import type { Device, LinearDims, Storage } from "../device.ts";
import type { CombineDims, GroupingDims, RowDims } from "../kernels.ts";
import { at, floats, integers } from "./memory.ts";
import type { Products } from "./products.ts";

export function topK(ids: Storage, x: Storage, { rows, width }: RowDims, count: number): void {
  const [chosen, input] = [integers(ids), floats(x)];
  for (let row = 0; row < rows; row++) {
    const left = Array.from({ length: width }, (_, i) => i);
    for (let k = 0; k < count; k++) {
      let best = 0;
      for (const [n, i] of left.entries()) {
        if (at(input, row * width + i) > at(input, row * width + at(left, best))) best = n;
      }
      chosen[row * count + k] = at(left, best);
      left.splice(best, 1);
    }
  }
}

export function groupRows(
  tokens: Storage,
  position: Storage,
  offsets: Storage,
  shares: Storage,
  ids: Storage,
  { rows, choices, experts, capacity }: GroupingDims,
): void {
  const [tokenOf, places, starts] = [integers(tokens), integers(position), integers(offsets)];
  const [share, chosen] = [floats(shares), integers(ids)];
  const dropped: number[] = [];
  let next = 0;
  for (let e = 0; e < experts; e++) {
    starts[e] = next;
    let wanted = 0;
    for (let slot = 0; slot < rows * choices; slot++) {
      if (at(chosen, slot) !== e) continue;
      if (wanted++ < capacity) {
        tokenOf[next] = Math.floor(slot / choices);
        places[slot] = next++;
      } else {
        places[slot] = -1;
        dropped.push(slot);
      }
    }
    share[e] = wanted / rows;
  }
  starts[experts] = next;
  for (const slot of dropped.toSorted((a, b) => a - b)) tokenOf[next++] = Math.floor(slot / choices);
}

export function combineRows(
  out: Storage,
  y: Storage,
  weights: Storage | null,
  position: Storage,
  { rows, choices, width }: CombineDims,
  accumulate: boolean,
): void {
  const [result, values, places] = [floats(out), floats(y), integers(position)];
  const w = weights === null ? null : floats(weights);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < width; c++) {
      let sum = accumulate ? at(result, row * width + c) : 0;
      for (let slot = row * choices; slot < (row + 1) * choices; slot++) {
        const from = at(places, slot);
        if (from >= 0) sum += (w === null ? 1 : at(w, slot)) * at(values, from * width + c);
      }
      result[row * width + c] = sum;
    }
  }
}

export function combineRowsBackward(
  dy: Storage,
  dweights: Storage,
  dout: Storage,
  y: Storage,
  weights: Storage,
  position: Storage,
  { rows, choices, width }: CombineDims,
): void {
  const [dvalues, dw, upstream] = [floats(dy), floats(dweights), floats(dout)];
  const [values, w, places] = [floats(y), floats(weights), integers(position)];
  for (let slot = 0; slot < rows * choices; slot++) {
    const [place, row] = [at(places, slot), Math.floor(slot / choices)];
    let sum = 0;
    for (let c = 0; c < width && place >= 0; c++) {
      const d = at(upstream, row * width + c);
      sum += d * at(values, place * width + c);
      dvalues[place * width + c] = d * at(w, slot);
    }
    dw[slot] = sum;
  }
}

/** Calls `product` with the rows of each expert, and the expert's part of the weights. */
function eachGroup(
  offsets: Storage,
  dims: LinearDims,
  product: (rowsOf: (storage: Storage, width: number) => Storage, own: LinearDims, matrixOf: Part) => void,
): void {
  const starts = integers(offsets);
  const size = dims.inputs * dims.outputs;
  for (let e = 0; e + 1 < starts.length; e++) {
    const [first, rows] = [at(starts, e), at(starts, e + 1) - at(starts, e)];
    const rowsOf = (storage: Storage, width: number) => storage.slice(first * width, rows * width);
    product(rowsOf, { ...dims, rows }, (weights) => weights.slice(e * size, size));
  }
}

type Part = (weights: Storage) => Storage;

export type GroupedProducts = Pick<
  Device,
  "groupedLinear" | "groupedLinearBackwardInput" | "groupedLinearBackwardWeight"
>;

/** One of the device's own products for each expert. */
export function createGroupedProducts(products: Products): GroupedProducts {
  return {
    groupedLinear: (out, x, weight, offsets, dims) => {
      eachGroup(offsets, dims, (rows, own, matrix) => {
        products.linear(rows(out, dims.outputs), rows(x, dims.inputs), matrix(weight), null, own);
      });
    },
    groupedLinearBackwardInput: (dx, dout, weight, offsets, dims, accumulate) => {
      eachGroup(offsets, dims, (rows, own, matrix) => {
        const [to, from] = [rows(dx, dims.inputs), rows(dout, dims.outputs)];
        products.linearBackwardInput(to, from, matrix(weight), own, accumulate);
      });
    },
    groupedLinearBackwardWeight: (dweight, dout, x, offsets, dims, accumulate) => {
      eachGroup(offsets, dims, (rows, own, matrix) => {
        const [from, by] = [rows(dout, dims.outputs), rows(x, dims.inputs)];
        products.linearBackwardWeight(matrix(dweight), from, by, own, accumulate);
      });
    },
  };
}
