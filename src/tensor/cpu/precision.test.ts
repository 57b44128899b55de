import { describe, expect, it } from "vitest";
import type { Device } from "../device.ts";
import { createDevice, nativeAvailable } from "../devices.ts";
import { PhiloxStream } from "../philox.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { readNow } from "../tensor.ts";

interface Product {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly accumulate: boolean;
}

const random = new PhiloxStream(1);
const drawn = Float32Array.from({ length: 1 << 14 }, () => random.normal());

function values(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => drawn[(i + seed * 5003) % drawn.length] ?? 0);
}

function product(device: Device, dims: Product): Float64Array {
  const { M, N, K } = dims;
  const storages = [M * K, K * N, M * N].map((length, i) => {
    const storage = device.allocate("float32", length);
    device.write(storage, values(length, i));
    return storage;
  });
  const [a, b, out] = storages;
  if (a === undefined || b === undefined || out === undefined) throw new Error("three storages were made");
  device.matmul(out, a, b, dims);
  const result = Float64Array.from(readNow(device, out));
  for (const storage of storages) device.release(storage);
  return result;
}

describe.skipIf(!nativeAvailable().available)("bfloat16 products of the cpu device (needs the native kernels)", () => {
  const reference = new ReferenceDevice({ precision: "bfloat16" });
  const exact = new ReferenceDevice();
  const [one, many] = [1, 3].map((threads) => createDevice("cpu", { threads, precision: "bfloat16" }));
  const sizes = [
    [1, 1, 1],
    [1, 40, 33],
    [3, 17, 5],
    [7, 33, 64],
    [29, 70, 131],
    [30, 36, 450],
  ] as const;
  const kinds = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;

  it.each(sizes)("are the reference's at %i x %i x %i, and the same for any number of threads", (M, N, K) => {
    if (one === undefined || many === undefined) throw new Error("two devices were made");
    for (const [transposeA, transposeB] of kinds) {
      for (const accumulate of [false, true]) {
        const dims = { M, N, K, transposeA, transposeB, accumulate };
        const [found, expected, unrounded] = [one, reference, exact].map((device) => product(device, dims));
        const scale = Math.sqrt(K);
        const apart = (a: Float64Array = new Float64Array(), b: Float64Array = new Float64Array()) =>
          a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b[i] ?? Number.NaN))), 0) / scale;
        expect(apart(found, expected)).toBeLessThan(4e-6);
        // And they are rounded: float32 operands would give another result.
        if (K > 4) expect(apart(found, unrounded)).toBeGreaterThan(1e-4);
        expect(product(many, dims)).toEqual(found);
      }
    }
  });
});
