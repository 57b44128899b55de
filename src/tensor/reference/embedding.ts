import type { Storage } from "../device.ts";
import { at, floats, integers } from "./memory.ts";

export function embedding(out: Storage, table: Storage, ids: Storage, rows: number, width: number): void {
  const [y, values, indices] = [floats(out), floats(table), integers(ids)];
  for (let row = 0; row < rows; row++) {
    const id = at(indices, row);
    y.set(values.subarray(id * width, (id + 1) * width), row * width);
  }
}

export function embeddingBackward(dtable: Storage, dout: Storage, ids: Storage, rows: number, width: number): void {
  const [result, upstream, indices] = [floats(dtable), floats(dout), integers(ids)];
  for (let row = 0; row < rows; row++) {
    const start = at(indices, row) * width;
    for (let i = 0; i < width; i++) result[start + i] = at(result, start + i) + at(upstream, row * width + i);
  }
}
