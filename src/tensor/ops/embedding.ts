import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkIds, checkInputs, checkWeight, shapeError } from "./check.ts";

/**
 * Rows of a table: out[..., :] = table[ids[...], :].
 *
 * @param table (V, C)
 * @param ids (...) int32; ids that came from the host are checked to be in [0, V)
 * @returns (..., C)
 * @throws NuwaError SHAPE
 *
 * @example const x = embedding(tape, table, tokens); // (B, T) -> (B, T, C)
 */
export function embedding(tape: Tape, table: Tensor, ids: Tensor): Tensor {
  checkWeight("embedding", tape, "table", table);
  checkInputs("embedding", tape, { ids }, "int32");
  const [vocabulary, width] = table.shape;
  if (table.shape.length !== 2 || vocabulary === undefined || width === undefined) {
    throw shapeError("embedding", "table (V, C)", { table, ids });
  }
  checkIds("embedding", "ids", ids, vocabulary, { negative: false });
  const { device } = tape;
  const rows = ids.length;
  const out = tape.output([...ids.shape, width], [table]);
  device.embedding(out.storage, table.storage, ids.storage, rows, width);
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(table);
    if (!accumulate) device.fill(tensor.storage, 0);
    device.embeddingBackward(tensor.storage, dout.storage, ids.storage, rows, width);
  });
  return out;
}
