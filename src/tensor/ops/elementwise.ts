import type { Activation } from "../device.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, sameShape, shapeError } from "./check.ts";

/**
 * a + b, same shape. Both inputs are given the same gradient buffer, without a copy.
 *
 * @example x = add(tape, x, attentionOut); // residual: (B, T, C)
 * @throws NuwaError SHAPE
 */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  checkPair("add", tape, { a, b });
  const out = tape.output(a.shape, [a, b]);
  tape.device.axpby(out.storage, a.storage, 1, b.storage, 1);
  tape.record(out, (dout) => {
    tape.passGradient(b, dout);
    tape.passGradient(a, dout);
  });
  return out;
}

/** a − b, same shape. @throws NuwaError SHAPE */
export function subtract(tape: Tape, a: Tensor, b: Tensor): Tensor {
  checkPair("subtract", tape, { a, b });
  const { device } = tape;
  const out = tape.output(a.shape, [a, b]);
  device.axpby(out.storage, a.storage, 1, b.storage, -1);
  tape.record(out, (dout) => {
    if (b.requiresGrad) {
      const db = tape.gradientWrite(b);
      device.axpby(db.storage, dout.storage, -1, dout.storage, 0);
      db.finish();
    }
    tape.passGradient(a, dout);
  });
  return out;
}

/**
 * a + b, written over b: one tensor less in memory. For a b that nothing else reads again, the op that made it
 * included: the output of `linear` or `dropout` is such a one. The same bits as {@link add}.
 *
 * @example x = addOnto(tape, x, mlp.forward(tape, norm.forward(tape, x)));
 * @throws NuwaError SHAPE
 */
export function addOnto(tape: Tape, a: Tensor, b: Tensor): Tensor {
  checkPair("addOnto", tape, { a, b });
  const out = tape.overwrite(b, [a, b]);
  tape.device.axpby(out.storage, a.storage, 1, b.storage, 1);
  tape.record(out, (dout) => {
    tape.passGradient(b, dout);
    tape.passGradient(a, dout);
  });
  return out;
}

/** alpha · x. @throws NuwaError SHAPE */
export function scale(tape: Tape, x: Tensor, alpha: number): Tensor {
  checkInputs("scale", tape, { x });
  const { device } = tape;
  const out = tape.output(x.shape, [x]);
  device.axpby(out.storage, x.storage, alpha, x.storage, 0);
  tape.record(out, (dout) => {
    tape.transformGradient(x, dout, (dx) => device.axpby(dx, dout.storage, alpha, dout.storage, 0));
  });
  return out;
}

/** a ⊙ b, same shape. @throws NuwaError SHAPE */
export function multiply(tape: Tape, a: Tensor, b: Tensor): Tensor {
  checkPair("multiply", tape, { a, b });
  const { device } = tape;
  const out = tape.output(a.shape, [a, b]);
  device.multiply(out.storage, a.storage, b.storage, false);
  tape.record(out, (dout) => {
    for (const [input, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!input.requiresGrad) continue;
      const { tensor, accumulate } = tape.gradient(input);
      device.multiply(tensor.storage, dout.storage, other.storage, accumulate);
    }
  });
  return out;
}

/**
 * An activation function, element by element. `gelu` is x·Φ(x) (Hendrycks & Gimpel 2016), `gelu_tanh` its tanh form
 * (GPT-2's), `silu` x·σ(x), `relu2` max(0, x)² (So et al. 2021, Primer).
 * @throws NuwaError SHAPE
 */
export function activation(tape: Tape, x: Tensor, kind: Activation): Tensor {
  checkInputs("activation", tape, { x });
  const { device } = tape;
  const out = tape.output(x.shape, [x]);
  device.activation(out.storage, x.storage, kind);
  tape.record(out, (dout) => {
    const backward = (dx: typeof dout.storage) => {
      device.activationBackward(dx, dout.storage, x.storage, kind, false);
    };
    tape.transformGradient(x, dout, backward);
  });
  return out;
}

/**
 * activation(gate) ⊙ up; with `silu` this is SwiGLU (Shazeer 2020, "GLU variants improve Transformer").
 * @throws NuwaError SHAPE
 */
export function gated(tape: Tape, gate: Tensor, up: Tensor, kind: Activation): Tensor {
  checkPair("gated", tape, { gate, up });
  const { device } = tape;
  const out = tape.output(gate.shape, [gate, up]);
  device.gated(out.storage, gate.storage, up.storage, kind);
  tape.record(out, (dout) => {
    const dgate = tape.gradientWrite(gate);
    const dup = tape.gradientWrite(up);
    device.gatedBackward(dgate.storage, dup.storage, dout.storage, gate.storage, up.storage, kind);
    dgate.finish();
    dup.finish();
  });
  return out;
}

/**
 * Sets a share `p` of the elements to zero and divides the others by 1 − p (Srivastava et al. 2014), when the tape
 * trains; otherwise gives `x` itself. The mask depends on seed, step, place and micro-batch only.
 * @throws NuwaError SHAPE, VALUE when p is not in [0, 1)
 */
export function dropout(tape: Tape, x: Tensor, p: number): Tensor {
  checkInputs("dropout", tape, { x });
  if (!(p >= 0 && p < 1)) throw shapeError("dropout", `p from 0 to below 1 (it is ${p})`, { x });
  if (!tape.training || p === 0) return x;
  const { device } = tape;
  const dims = { ...tape.nextDropout(p), accumulate: false };
  const out = tape.output(x.shape, [x]);
  device.dropout(out.storage, x.storage, dims);
  tape.record(out, (dout) => {
    tape.transformGradient(x, dout, (dx) => device.dropout(dx, dout.storage, dims));
  });
  return out;
}

function checkPair(op: string, tape: Tape, inputs: Readonly<Record<string, Tensor>>): void {
  checkInputs(op, tape, inputs);
  const [first, second] = Object.values(inputs);
  if (first !== undefined && second !== undefined && !sameShape(first.shape, second.shape)) {
    throw shapeError(op, "two tensors of one shape", inputs);
  }
}
