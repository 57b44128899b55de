import type { UnaryFunction } from "../kernels.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, rowsOf, shapeError } from "./check.ts";

function unary(op: string, tape: Tape, x: Tensor, kind: UnaryFunction): Tensor {
  checkInputs(op, tape, { x });
  const { device } = tape;
  const out = tape.output(x.shape, [x]);
  device.unary(out.storage, x.storage, kind);
  tape.record(out, (dout) => {
    tape.transformGradient(x, dout, (dx) => device.unaryBackward(dx, dout.storage, x.storage, kind, false));
  });
  return out;
}

/** tanh x, element by element. @throws NuwaError SHAPE */
export function tanh(tape: Tape, x: Tensor): Tensor {
  return unary("tanh", tape, x, "tanh");
}

/** σ(x) = 1 / (1 + e^−x), element by element. @throws NuwaError SHAPE */
export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return unary("sigmoid", tape, x, "sigmoid");
}

/** log σ(x) without overflow: what reward models and DPO minimise. @throws NuwaError SHAPE */
export function logSigmoid(tape: Tape, x: Tensor): Tensor {
  return unary("logSigmoid", tape, x, "log_sigmoid");
}

/** e^x, element by element. @throws NuwaError SHAPE */
export function exp(tape: Tape, x: Tensor): Tensor {
  return unary("exp", tape, x, "exp");
}

/** Natural logarithm, element by element. @throws NuwaError SHAPE */
export function log(tape: Tape, x: Tensor): Tensor {
  return unary("log", tape, x, "log");
}

/** x², element by element. @throws NuwaError SHAPE */
export function square(tape: Tape, x: Tensor): Tensor {
  return unary("square", tape, x, "square");
}

function rowsChecked(op: string, tape: Tape, x: Tensor) {
  checkInputs(op, tape, { x });
  const dims = rowsOf(x);
  if (x.shape.length === 0 || dims.width === 0) throw shapeError(op, "x (..., C) with C of 1 or more", { x });
  return dims;
}

function softmaxOf(op: string, tape: Tape, x: Tensor, logarithm: boolean): Tensor {
  const dims = rowsChecked(op, tape, x);
  const { device } = tape;
  const out = tape.output(x.shape, [x]);
  device.softmax(out.storage, x.storage, dims, logarithm);
  const backward = (dout: Tensor) => {
    const { tensor, accumulate } = tape.gradient(x);
    device.softmaxBackward(tensor.storage, dout.storage, out.storage, dims, logarithm, accumulate);
  };
  tape.record(out, backward, [out]);
  return out;
}

/** e^x / Σ e^x over the last axis: (..., C) -> (..., C). @throws NuwaError SHAPE */
export function softmax(tape: Tape, x: Tensor): Tensor {
  return softmaxOf("softmax", tape, x, false);
}

/** x − log Σ e^x over the last axis: (..., C) -> (..., C). @throws NuwaError SHAPE */
export function logSoftmax(tape: Tape, x: Tensor): Tensor {
  return softmaxOf("logSoftmax", tape, x, true);
}

/** log Σ e^x over the last axis: (..., C) -> (...). @throws NuwaError SHAPE */
export function logSumExp(tape: Tape, x: Tensor): Tensor {
  const dims = rowsChecked("logSumExp", tape, x);
  const { device } = tape;
  const out = tape.output(x.shape.slice(0, -1), [x]);
  device.logSumExp(out.storage, x.storage, dims);
  const backward = (dout: Tensor) => {
    const { tensor, accumulate } = tape.gradient(x);
    device.logSumExpBackward(tensor.storage, dout.storage, x.storage, out.storage, dims, accumulate);
  };
  tape.record(out, backward, [out]);
  return out;
}
