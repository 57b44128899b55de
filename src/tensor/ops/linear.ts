import type { Activation, LinearDims, Storage } from "../device.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, checkWeight, rowsOf, sameShape, shapeError } from "./check.ts";
import { activation } from "./elementwise.ts";

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
  const dims = checkLinear("linear", tape, x, weight, bias);
  const { device } = tape;
  const out = tape.output([...x.shape.slice(0, -1), dims.outputs], [x, weight, bias]);
  device.linear(out.storage, x.storage, weight.storage, bias?.storage ?? null, dims);
  tape.record(out, (dout) => {
    parameterGradients(tape, dout, x.storage, weight, bias, dims);
    if (x.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(x);
      device.linearBackwardInput(tensor.storage, dout.storage, weight.storage, dims, accumulate);
    }
  });
  return out;
}

/**
 * activation(x) · weightᵀ + bias: the second half of a feed-forward layer. The same bits as the two ops one after the
 * other; activation(x) does not stay in memory, backward computes it again, which costs next to nothing beside the
 * products.
 *
 * @param x (..., I)
 * @param weight (O, I)
 * @param bias (O)
 * @returns (..., O)
 * @throws NuwaError SHAPE
 */
export function activationLinear(tape: Tape, x: Tensor, kind: Activation, weight: Tensor, bias?: Tensor): Tensor {
  const dims = checkLinear("activationLinear", tape, x, weight, bias);
  if (!tape.recording) return linear(tape, activation(tape, x, kind), weight, bias);
  const { device } = tape;
  const out = tape.output([...x.shape.slice(0, -1), dims.outputs], [x, weight, bias]);
  const activated = tape.empty(x.shape);
  device.activation(activated.storage, x.storage, kind);
  device.linear(out.storage, activated.storage, weight.storage, bias?.storage ?? null, dims);
  tape.free(activated);
  tape.record(out, (dout) => {
    if (weight.requiresGrad) {
      const again = tape.empty(x.shape);
      device.activation(again.storage, x.storage, kind);
      parameterGradients(tape, dout, again.storage, weight, bias, dims);
      tape.free(again);
    } else parameterGradients(tape, dout, x.storage, weight, bias, dims);
    if (!x.requiresGrad) return;
    const dx = tape.empty(x.shape);
    device.linearBackwardInput(dx.storage, dout.storage, weight.storage, dims, false);
    device.activationBackward(dx.storage, dx.storage, x.storage, kind, false);
    tape.passGradient(x, dx);
    tape.free(dx);
  });
  return out;
}

/** @throws NuwaError SHAPE */
function checkLinear(op: string, tape: Tape, x: Tensor, weight: Tensor, bias: Tensor | undefined): LinearDims {
  const given = bias === undefined ? { x, weight } : { x, weight, bias };
  checkInputs(op, tape, { x, bias });
  checkWeight(op, tape, "weight", weight);
  const { rows, width: inputs } = rowsOf(x);
  const [outputs, columns] = weight.shape;
  if (weight.shape.length !== 2 || outputs === undefined || columns !== inputs || x.shape.length === 0) {
    throw shapeError(op, "x (..., I) and weight (O, I)", given);
  }
  if (bias !== undefined && !sameShape(bias.shape, [outputs])) {
    throw shapeError(op, "bias (O) for weight (O, I)", given);
  }
  return { rows, inputs, outputs };
}

function parameterGradients(
  tape: Tape,
  dout: Tensor,
  x: Storage,
  weight: Tensor,
  bias: Tensor | undefined,
  dims: LinearDims,
): void {
  if (bias?.requiresGrad === true) {
    const { tensor, accumulate } = tape.gradient(bias);
    tape.device.linearBackwardBias(tensor.storage, dout.storage, dims, accumulate);
  }
  if (weight.requiresGrad) {
    const { tensor, accumulate } = tape.gradient(weight);
    tape.device.linearBackwardWeight(tensor.storage, dout.storage, x, dims, accumulate);
  }
}
