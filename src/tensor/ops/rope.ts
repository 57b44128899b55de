import { NuwaError } from "../../text/errors.ts";
import type { Device } from "../device.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { checkIds, checkInputs, sameShape, shapeError } from "./check.ts";

/**
 * Cosines and sines for {@link rope}: row p holds cos(p·θ^(−2i/D)) for i < D/2, then the sines
 * (Su et al. 2021, equation 15). Lives until `device.release(table.storage)`.
 *
 * @returns (positions, D)
 * @throws NuwaError SHAPE when D is odd
 */
export function ropeTable(device: Device, positions: number, D: number, theta: number): Tensor {
  if (D <= 0 || D % 2 !== 0) throw new NuwaError("SHAPE", `ropeTable: expected an even head size, got ${D}`);
  const half = D / 2;
  const values = new Float64Array(positions * D);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * theta ** (-i / half);
      values[position * D + i] = Math.cos(angle);
      values[position * D + half + i] = Math.sin(angle);
    }
  }
  const storage = device.allocate("float32", values.length);
  device.write(storage, values);
  return new Tensor(device, storage, [positions, D]);
}

/** Positions that {@link rope} turns by. */
export interface RopeOptions {
  /** Position of the first time step: the number of time steps in the cache. Default 0. */
  readonly offset?: number;
  /** int32 (B, T): the position of each time step of each text, instead of `offset`; not differentiated. */
  readonly positions?: Tensor | undefined;
}

/**
 * Rotary position embedding: pairs (i, i + D/2) of each head are rotated by their position's angles. Time step t stands
 * at position `offset + t`, or at `positions[b, t]`: texts packed into one row start anew, padded ones may start late.
 *
 * @param x (B, T, H, D)
 * @param table (positions, D) from {@link ropeTable}
 * @returns (B, T, H, D)
 * @throws NuwaError SHAPE when a position is beyond the table, or both an offset and positions came; VALUE from the
 *   device when positions that it made are beyond the table
 */
export function rope(tape: Tape, x: Tensor, table: Tensor, options: RopeOptions = {}): Tensor {
  checkInputs("rope", tape, { x, table });
  const { offset = 0, positions: explicit } = options;
  checkInputs("rope", tape, { positions: explicit }, "int32");
  const [B, T, H, D] = x.shape;
  const [positions, columns] = table.shape;
  if (B === undefined || T === undefined || H === undefined || D === undefined || x.shape.length !== 4) {
    throw shapeError("rope", "x (B, T, H, D)", { x, table });
  }
  if (positions === undefined || columns !== D || table.shape.length !== 2) {
    throw shapeError("rope", "table (positions, D) for x (B, T, H, D)", { x, table });
  }
  if (explicit !== undefined) {
    if (!sameShape(explicit.shape, [B, T]))
      throw shapeError("rope", "positions (B, T)", { positions: explicit, x, table });
    if (offset !== 0)
      throw new NuwaError("SHAPE", `rope: expected positions or an offset, got both (offset ${offset})`);
    checkIds("rope", "positions", explicit, positions, { negative: false, hint: "the table has too few positions" });
  } else if (!Number.isInteger(offset) || offset < 0 || offset + T > positions) {
    throw shapeError("rope", `positions ${offset} to ${offset + T - 1} to be in the table`, { x, table });
  }
  const { device } = tape;
  const dims = { B, T, H, D, offset, positions: explicit?.storage ?? null };
  const out = tape.output(x.shape, [x]);
  device.rope(out.storage, x.storage, table.storage, { ...dims, inverse: false });
  tape.record(out, (dout) => {
    const backward = (dx: typeof dout.storage) => {
      device.rope(dx, dout.storage, table.storage, { ...dims, inverse: true });
    };
    tape.transformGradient(x, dout, backward);
  });
  return out;
}
