import type { NormDims, Storage } from "../device.ts";
import { at, floats } from "./memory.ts";

interface Accumulate {
  readonly dx: boolean;
  readonly parameters: boolean;
}

export function layerNorm(
  out: Storage,
  mean: Storage,
  rstd: Storage,
  x: Storage,
  weight: Storage | null,
  bias: Storage | null,
  dims: NormDims,
): void {
  const { rows, width, epsilon } = dims;
  const [y, means, rstds, values] = [floats(out), floats(mean), floats(rstd), floats(x)];
  const w = weight === null ? null : floats(weight);
  const b = bias === null ? null : floats(bias);
  for (let row = 0; row < rows; row++) {
    const input = values.subarray(row * width, (row + 1) * width);
    const m = input.reduce((sum, value) => sum + value, 0) / width;
    const variance = input.reduce((sum, value) => sum + (value - m) ** 2, 0) / width;
    const r = 1 / Math.sqrt(variance + epsilon);
    means[row] = m;
    rstds[row] = r;
    for (let i = 0; i < width; i++) {
      y[row * width + i] = (at(input, i) - m) * r * (w === null ? 1 : at(w, i)) + (b === null ? 0 : at(b, i));
    }
  }
}

/**
 * With x̂ = (x − mean)·rstd and g = dout ⊙ weight:
 * dx = rstd·(g − mean(g) − x̂·mean(g ⊙ x̂)), dweight = Σ dout ⊙ x̂, dbias = Σ dout.
 */
export function layerNormBackward(
  dx: Storage,
  dweight: Storage | null,
  dbias: Storage | null,
  dout: Storage,
  x: Storage,
  weight: Storage | null,
  mean: Storage,
  rstd: Storage,
  dims: NormDims,
  accumulate: Accumulate,
): void {
  const means = floats(mean);
  if (dbias !== null) {
    const [db, d] = [floats(dbias), floats(dout)];
    if (!accumulate.parameters) db.fill(0);
    for (let i = 0; i < d.length; i++) db[i % dims.width] = at(db, i % dims.width) + at(d, i);
  }
  normBackward(dx, dweight, dout, x, weight, (row) => at(means, row), true, rstd, dims, accumulate);
}

export function rmsNorm(out: Storage, rstd: Storage, x: Storage, weight: Storage | null, dims: NormDims): void {
  const { rows, width, epsilon } = dims;
  const [y, rstds, values] = [floats(out), floats(rstd), floats(x)];
  const w = weight === null ? null : floats(weight);
  for (let row = 0; row < rows; row++) {
    const input = values.subarray(row * width, (row + 1) * width);
    const r = 1 / Math.sqrt(input.reduce((sum, value) => sum + value * value, 0) / width + epsilon);
    rstds[row] = r;
    for (let i = 0; i < width; i++) y[row * width + i] = at(input, i) * r * (w === null ? 1 : at(w, i));
  }
}

/** As LayerNorm's, with x̂ = x·rstd and without the mean(g) term. */
export function rmsNormBackward(
  dx: Storage,
  dweight: Storage | null,
  dout: Storage,
  x: Storage,
  weight: Storage | null,
  rstd: Storage,
  dims: NormDims,
  accumulate: Accumulate,
): void {
  normBackward(dx, dweight, dout, x, weight, () => 0, false, rstd, dims, accumulate);
}

function normBackward(
  dx: Storage,
  dweight: Storage | null,
  dout: Storage,
  x: Storage,
  weight: Storage | null,
  meanOf: (row: number) => number,
  centred: boolean,
  rstd: Storage,
  dims: NormDims,
  accumulate: Accumulate,
): void {
  const { rows, width } = dims;
  const [result, upstream, values, rstds] = [floats(dx), floats(dout), floats(x), floats(rstd)];
  const w = weight === null ? null : floats(weight);
  const dw = dweight === null ? null : floats(dweight);
  if (dw !== null && !accumulate.parameters) dw.fill(0);
  for (let row = 0; row < rows; row++) {
    const r = at(rstds, row);
    const m = meanOf(row);
    const start = row * width;
    let meanG = 0;
    let meanGx = 0;
    for (let i = 0; i < width; i++) {
      const normalised = (at(values, start + i) - m) * r;
      const g = at(upstream, start + i) * (w === null ? 1 : at(w, i));
      if (centred) meanG += g / width;
      meanGx += (g * normalised) / width;
      if (dw !== null) dw[i] = at(dw, i) + at(upstream, start + i) * normalised;
    }
    for (let i = 0; i < width; i++) {
      const normalised = (at(values, start + i) - m) * r;
      const g = at(upstream, start + i) * (w === null ? 1 : at(w, i));
      const gradient = r * (g - meanG - normalised * meanGx);
      result[start + i] = (accumulate.dx ? at(result, start + i) : 0) + gradient;
    }
  }
}
