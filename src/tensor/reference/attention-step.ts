import type { AttentionStepDims, Storage } from "../device.ts";
import { attention, rope } from "./attention.ts";
import { at, floats, integers, ReferenceStorage } from "./memory.ts";

/** Text by text: the ordinary rotation, a copy into the cache, and the ordinary attention over its past. */
export function attentionStep(out: Storage, q: Storage, k: Storage, v: Storage, dims: AttentionStepDims): void {
  const { keys, values, positions, ropeTable, B, capacity, H, K, D, scale } = dims;
  for (let b = 0; b < B; b++) {
    const offset = at(integers(positions), b);
    if (!(offset >= 0 && offset < capacity)) throw new RangeError(`attentionStep: position ${offset} of ${capacity}`);
    const rotated = (x: Storage, heads: number): Float64Array => {
      const part = x.slice(b * heads * D, heads * D);
      const turned = new ReferenceStorage("float32", floats(part).slice());
      const sizes = { B: 1, T: 1, H: heads, D, offset, positions: null, inverse: false };
      if (ropeTable !== null) rope(turned, part, ropeTable, sizes);
      return floats(turned);
    };
    floats(keys).set(rotated(k, K), (b * capacity + offset) * K * D);
    floats(values).set(floats(v.slice(b * K * D, K * D)), (b * capacity + offset) * K * D);
    const query = new ReferenceStorage("float32", rotated(q, H));
    const logSumExp = new ReferenceStorage("float32", new Float64Array(H));
    const past = (cache: Storage): Storage => cache.slice(b * capacity * K * D, capacity * K * D);
    const sizes = { B: 1, T: 1, S: offset + 1, capacity, H, K, D, scale, left: offset, right: 0, positions: 0 };
    const inputs = { q: query, k: past(keys), v: past(values), relative: null, mask: null, segments: null };
    attention(out.slice(b * H * D, H * D), logSumExp, inputs, {
      ...sizes,
      maskStrides: { batch: 0, head: 0, query: 0 },
      dropout: null,
    });
  }
}
