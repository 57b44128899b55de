import type { Storage } from "../device.ts";
import { at, floats, integers } from "./memory.ts";

export function sum(out: Storage, index: number, x: Storage): void {
  floats(out)[index] = floats(x).reduce((total, value) => total + value, 0);
}

export function sumOfSquares(out: Storage, index: number, x: Storage): void {
  floats(out)[index] = floats(x).reduce((total, value) => total + value * value, 0);
}

export function argmax(out: Storage, x: Storage, rows: number, width: number): void {
  const [result, values] = [integers(out), floats(x)];
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let i = 1; i < width; i++) {
      if (at(values, row * width + i) > at(values, row * width + best)) best = i;
    }
    result[row] = best;
  }
}
