import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, checkWeight, rowsOf, sameShape, shapeError } from "./check.ts";

/**
 * y = x · weightᵀ + bias.
 *
 * @param x (..., I)
 * @param weight (O, I); bfloat16 or int8 when it needs no gradient
 * @param bias (O)
 * @returns (..., O)
 * @throws NuwaError SHAPE
 *
 * @example const logits = linear(tape, hidden, head); // (B, T, C) -> (B, T, V)
 */
export function linear(tape: Tape, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const given = bias === undefined ? { x, weight } : { x, weight, bias };
  checkInputs("linear", tape, { x, bias });
  checkWeight("linear", tape, "weight", weight);
  const { rows, width: inputs } = rowsOf(x);
  const [outputs, columns] = weight.shape;
  if (weight.shape.length !== 2 || outputs === undefined || columns !== inputs || x.shape.length === 0) {
    throw shapeError("linear", "x (..., I) and weight (O, I)", given);
  }
  if (bias !== undefined && !sameShape(bias.shape, [outputs])) {
    throw shapeError("linear", "bias (O) for weight (O, I)", given);
  }
  const { device } = tape;
  const dims = { rows, inputs, outputs };
  const out = tape.output([...x.shape.slice(0, -1), outputs], [x, weight, bias]);
  device.linear(out.storage, x.storage, weight.storage, bias?.storage ?? null, dims);
  tape.record(out, (dout) => {
    if (bias?.requiresGrad === true) {
      const { tensor, accumulate } = tape.gradient(bias);
      device.linearBackwardBias(tensor.storage, dout.storage, dims, accumulate);
    }
    if (weight.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(weight);
      device.linearBackwardWeight(tensor.storage, dout.storage, x.storage, dims, accumulate);
    }
    if (x.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(x);
      device.linearBackwardInput(tensor.storage, dout.storage, weight.storage, dims, accumulate);
    }
  });
  return out;
}
