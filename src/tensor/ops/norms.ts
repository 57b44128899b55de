import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, rowsOf, sameShape, shapeError } from "./check.ts";

/** Weight and ε of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** (C) */ readonly weight?: Tensor | undefined;
  /** Added to the variance or mean square. */ readonly epsilon: number;
}

/** Weight, bias and ε of {@link layerNorm}. */
export interface LayerNormOptions extends RmsNormOptions {
  /** (C) */ readonly bias?: Tensor | undefined;
}

/**
 * (x − mean) / √(variance + ε) ⊙ weight + bias over the last axis (Ba, Kiros & Hinton 2016).
 *
 * @param x (..., C)
 * @throws NuwaError SHAPE
 *
 * @example layerNorm(tape, x, { weight, bias, epsilon: 1e-5 });
 */
export function layerNorm(tape: Tape, x: Tensor, options: LayerNormOptions): Tensor {
  const { weight, bias } = options;
  checkNorm("layerNorm", tape, x, { weight, bias });
  const { device } = tape;
  const { rows, width } = rowsOf(x);
  const dims = { rows, width, epsilon: options.epsilon };
  const out = tape.output(x.shape, [x, weight, bias]);
  const mean = tape.empty([rows]);
  const rstd = tape.empty([rows]);
  const w = weight?.storage ?? null;
  device.layerNorm(out.storage, mean.storage, rstd.storage, x.storage, w, bias?.storage ?? null, dims);
  const backward = (dout: Tensor) => {
    const parameters = parameterGradients(tape, [weight, bias]);
    const [dweight, dbias] = parameters.storages;
    const dx = inputGradient(tape, x);
    device.layerNormBackward(
      dx.tensor.storage,
      dweight ?? null,
      dbias ?? null,
      dout.storage,
      x.storage,
      w,
      mean.storage,
      rstd.storage,
      dims,
      { dx: dx.accumulate, parameters: parameters.accumulate },
    );
    if (!x.requiresGrad) tape.free(dx.tensor);
  };
  tape.record(out, backward, [mean, rstd]);
  return out;
}

/**
 * x / √(mean(x²) + ε) ⊙ weight over the last axis (Zhang & Sennrich 2019).
 *
 * @param x (..., C)
 * @throws NuwaError SHAPE
 *
 * @example rmsNorm(tape, x, { weight, epsilon: 1e-6 });
 */
export function rmsNorm(tape: Tape, x: Tensor, options: RmsNormOptions): Tensor {
  const { weight } = options;
  checkNorm("rmsNorm", tape, x, { weight });
  const { device } = tape;
  const { rows, width } = rowsOf(x);
  const dims = { rows, width, epsilon: options.epsilon };
  const out = tape.output(x.shape, [x, weight]);
  const rstd = tape.empty([rows]);
  const w = weight?.storage ?? null;
  device.rmsNorm(out.storage, rstd.storage, x.storage, w, dims);
  const backward = (dout: Tensor) => {
    const parameters = parameterGradients(tape, [weight]);
    const dx = inputGradient(tape, x);
    device.rmsNormBackward(
      dx.tensor.storage,
      parameters.storages[0] ?? null,
      dout.storage,
      x.storage,
      w,
      rstd.storage,
      dims,
      { dx: dx.accumulate, parameters: parameters.accumulate },
    );
    if (!x.requiresGrad) tape.free(dx.tensor);
  };
  tape.record(out, backward, [rstd]);
  return out;
}

function checkNorm(op: string, tape: Tape, x: Tensor, vectors: Readonly<Record<string, Tensor | undefined>>): void {
  checkInputs(op, tape, { x, ...vectors });
  const { width } = rowsOf(x);
  for (const [label, vector] of Object.entries(vectors)) {
    if (vector !== undefined && !sameShape(vector.shape, [width])) {
      throw shapeError(op, `x (..., C) and ${label} (C)`, { x, [label]: vector });
    }
  }
}

/** The kernel always writes dx: for an input that needs no gradient, beside everything else. */
function inputGradient(tape: Tape, x: Tensor): { readonly tensor: Tensor; readonly accumulate: boolean } {
  return x.requiresGrad ? tape.gradient(x) : { tensor: tape.empty(x.shape), accumulate: false };
}

/**
 * Gradients of a norm's vectors. The kernel adds to all or to none, so when one of them already holds a gradient
 * and another does not, the other is set to zero first.
 */
function parameterGradients(tape: Tape, vectors: readonly (Tensor | undefined)[]) {
  const gradients = vectors.map((vector) => (vector?.requiresGrad === true ? tape.gradient(vector) : undefined));
  const accumulate = gradients.some((gradient) => gradient?.accumulate === true);
  for (const gradient of gradients) {
    if (accumulate && gradient?.accumulate === false) tape.device.fill(gradient.tensor.storage, 0);
  }
  return { storages: gradients.map((gradient) => gradient?.tensor.storage), accumulate };
}
