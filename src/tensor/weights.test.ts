import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createDevice, nativeAvailable } from "./devices.ts";
import { MetaDevice } from "./meta.ts";
import { embedding, linear } from "./ops/index.ts";
import { ReferenceDevice } from "./reference/device.ts";
import { Tape } from "./tape.ts";
import { Parameter, readNow, Tensor } from "./tensor.ts";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16, toInt8Block, weightBytes } from "./weights.ts";

const numbers = z.array(z.int());
/** Made by PyTorch and ggml's Python package: test/fixtures/weights.py. */
const fixture = z
  .object({
    float32: numbers,
    bfloat16: numbers,
    float16: numbers,
    blocks: z.array(numbers),
    q8_0: z.array(numbers),
  })
  .parse(JSON.parse(readFileSync(new URL("../../test/fixtures/weights.json", import.meta.url), "utf8")));

const floats = (bits: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);

describe("bits of few-bit numbers are those of others", () => {
  const values = floats(fixture.float32);

  test("bfloat16 as PyTorch rounds it", () => {
    expect(Array.from(values, toBfloat16)).toEqual(fixture.bfloat16);
    expect(fromBfloat16(0x3fc0)).toBe(1.5);
    expect(fromBfloat16(toBfloat16(Number.NaN))).toBeNaN();
    expect(fromBfloat16(toBfloat16(-Infinity))).toBe(-Infinity);
  });

  test("float16 as PyTorch rounds it, and back", () => {
    expect(Array.from(values, toFloat16)).toEqual(fixture.float16);
    for (const half of [0, 1, 0x3ff, 0x400, 0x3c00, 0x7bff, 0x8001, 0xfbff, 0x7c00, 0xfc00]) {
      expect(toFloat16(fromFloat16(half))).toBe(half);
    }
    expect(fromFloat16(toFloat16(Number.NaN))).toBeNaN();
  });

  test("Q8_0 as ggml quantizes it", () => {
    for (const [i, block] of fixture.blocks.entries()) {
      const { scale, values: quantized } = toInt8Block(floats(block));
      const bytes = [scale & 0xff, scale >>> 8, ...new Uint8Array(quantized.buffer)];
      expect(bytes).toEqual(fixture.q8_0[i]);
    }
  });
});

const native = nativeAvailable();

describe.skipIf(!native.available)("the cpu device (needs the native kernels)", () => {
  test.each(["float32", "bfloat16", "int8"] as const)("rounds %s exactly as the reference does", (dtype) => {
    const cpu = createDevice("cpu", { threads: 2 });
    const reference = new ReferenceDevice();
    const [rows, width] = [11, 77]; // the last block of a row is not whole
    const data = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i) * Math.exp(Math.sin(i) * 8));
    // int8 holds what a float16 scale can say: 127 times 65504
    data.set(
      floats(fixture.float32).map((value) => Math.min(value, 8e6)),
      100,
    );
    const [a, b] = [cpu, reference].map((device) => {
      const storage = device.allocateMatrix(dtype, rows, width);
      device.write(storage, data);
      return Array.from(readNow(device, storage));
    });
    expect(a).toEqual(b);
    cpu.dispose();
  });
});

test("a matrix takes 4, 2 and 34/32 bytes a weight, and meta knows", () => {
  expect(weightBytes("float32", 3, 64)).toBe(3 * 64 * 4);
  expect(weightBytes("bfloat16", 3, 64)).toBe(3 * 64 * 2);
  expect(weightBytes("int8", 3, 64)).toBe(3 * 2 * 34);
  expect(weightBytes("int8", 3, 65)).toBe(3 * 3 * 34);
  const meta = new MetaDevice();
  const storage = meta.allocateMatrix("int8", 3, 64);
  expect(meta.persistentBytes).toBe(204);
  meta.release(storage);
  expect(meta.persistentBytes).toBe(0);
});

test("weights of few bits serve inference only", () => {
  const device = new ReferenceDevice();
  expect(() => new Parameter(device, "w", [2, 3], { dtype: "int8" })).toThrow(/"w": expected float32.*got int8/);
  expect(() => new Parameter(device, "w", [3], { dtype: "int8", trainable: false })).toThrow(/shape \(3\)/);
  const weight = new Parameter(device, "w", [2, 3], { dtype: "bfloat16", trainable: false });
  device.write(weight.storage, [1, 2, 3, 4, 5, 6]);
  const arena = device.createArena();
  const options = { device, arena, training: false };
  const x = new Tensor(device, device.allocate("float32", 3), [1, 3]);
  device.write(x.storage, [1, 0, 1]);
  const tape = new Tape({ ...options, recording: false });
  expect([...linear(tape, x, weight).toArray()]).toEqual([4, 10]);
  expect([...embedding(tape, weight, tape.constant([1], [1], "int32")).toArray()]).toEqual([4, 5, 6]);
  const recording = new Tape({ ...options, recording: true });
  expect(() => linear(recording, x, weight)).toThrow(/linear: expected float32 weights.*weight "w" bfloat16 \(2, 3\)/);
});
