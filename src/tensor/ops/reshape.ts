import type { Tape } from "../tape.ts";
import { elementCount, type Tensor } from "../tensor.ts";
import { checkInputs, shapeError } from "./check.ts";

/**
 * The same elements in another shape, sharing memory in both directions: no copy forward or backward.
 *
 * @throws NuwaError SHAPE when the number of elements differs
 * @example reshape(tape, x, [B, T, H, D]); // (B, T, C) -> (B, T, H, D)
 */
export function reshape(tape: Tape, x: Tensor, shape: readonly number[]): Tensor {
  checkInputs("reshape", tape, { x }, x.dtype); // any dtype will do
  if (elementCount(shape) !== x.length) {
    throw shapeError("reshape", `${elementCount(shape)} elements for (${shape.join(", ")})`, { x });
  }
  const out = tape.view(x, shape);
  tape.record(out, (dout) => tape.passGradient(x, dout));
  return out;
}
