import { NuwaError } from "../../text/errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, sameShape, shapeError } from "./check.ts";

/**
 * One new time step of each of B texts that may differ in length, for generation: rotates queries and keys (with a
 * table), appends keys and values to the cache, and attends to all of each text's own past. The result of a text has
 * the same bits whatever the others are. No gradients.
 *
 * @param q (B, 1, H, D), not yet rotated
 * @param k (B, 1, K, D), not yet rotated
 * @param v (B, 1, K, D)
 * @param options.keys (B, capacity, K, D), written at each text's position
 * @param options.values (B, capacity, K, D), likewise
 * @param options.positions (B) int32: time steps that each text has in the cache already
 * @param options.ropeTable (positions, D), from `ropeTable`; null when positions are known otherwise
 * @returns (B, 1, H, D)
 * @throws NuwaError SHAPE; VALUE when a position is outside the cache
 */
export function attentionStep(
  tape: Tape,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: {
    readonly keys: Tensor;
    readonly values: Tensor;
    readonly positions: Tensor;
    readonly ropeTable: Tensor | null;
    readonly scale?: number;
  },
): Tensor {
  const { keys, values, positions, ropeTable } = options;
  const given = { q, k, v, keys, values };
  checkInputs("attentionStep", tape, { ...given, ropeTable: ropeTable ?? undefined });
  checkInputs("attentionStep", tape, { positions }, "int32");
  const [B = 0, T = 0, H = 0, D = 0] = q.shape;
  const [, capacity = 0, K = 0] = keys.shape;
  if (q.shape.length !== 4 || T !== 1 || K === 0 || H % K !== 0) {
    throw shapeError("attentionStep", "q (B, 1, H, D) with H a multiple of K", given);
  }
  if (!sameShape(keys.shape, [B, capacity, K, D]) || !sameShape(values.shape, keys.shape)) {
    throw shapeError("attentionStep", "keys and values (B, capacity, K, D)", given);
  }
  if (!sameShape(k.shape, [B, 1, K, D]) || !sameShape(v.shape, k.shape) || !sameShape(positions.shape, [B])) {
    throw shapeError("attentionStep", "k and v (B, 1, K, D) and positions (B)", { ...given, positions });
  }
  if (ropeTable !== null && ((ropeTable.shape[0] ?? 0) < capacity || ropeTable.shape[1] !== D || D % 2 !== 0)) {
    throw shapeError("attentionStep", "ropeTable (at least capacity, D)", { ropeTable, keys });
  }
  const out = tape.output(q.shape, [q, k, v]);
  if (out.requiresGrad) {
    throw new NuwaError("SHAPE", "attentionStep: expected a tape that does not record", {
      hint: "gradients do not flow through a cache: use attention",
    });
  }
  tape.device.attentionStep(out.storage, q.storage, k.storage, v.storage, {
    keys: keys.storage,
    values: values.storage,
    positions: positions.storage,
    ropeTable: ropeTable?.storage ?? null,
    B,
    capacity,
    H,
    K,
    D,
    scale: options.scale ?? 1 / Math.sqrt(D),
  });
  return out;
}
