/**
 * Numbers of few bits in which weights are kept for inference, and in files. A value becomes bits, and bits a value;
 * devices hold whole matrices of them.
 */
import type { WeightDType } from "./device.ts";

/** Weights that share one scale in `int8`. */
export const INT8_BLOCK = 32;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** A float32 as bfloat16 bits: rounded to nearest, ties to even. NaN stays NaN. */
export function toBfloat16(value: number): number {
  float[0] = value;
  const whole = bits[0] ?? 0;
  if (Number.isNaN(value)) return (whole >>> 16) | 0x40;
  return ((whole + 0x7fff + ((whole >>> 16) & 1)) / 0x10000) & 0xffff;
}

/** The float32 value of a bfloat16's 16 bits; exact. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0] ?? 0;
}

/** A float32 as IEEE 754 binary16 bits (1 sign, 5 exponent and 10 fraction bits), rounded to nearest, ties to even. */
export function toFloat16(value: number): number {
  float[0] = value;
  const whole = bits[0] ?? 0;
  const sign = (whole >>> 16) & 0x8000;
  const magnitude = Math.abs(float[0] ?? 0);
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundHalfToEven(magnitude * 2 ** 24);
  const rest = whole & 0x7fffffff;
  return sign | ((rest + 0xfff + ((rest >>> 13) & 1) - (112 << 23)) >>> 13);
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The value of IEEE 754 binary16 bits. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // subnormal
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** 32 weights (or fewer, at a row's end) of one scale: weight i is `fromFloat16(scale) * values[i]`. */
export interface Int8Block {
  /** float16 bits */
  readonly scale: number;
  readonly values: Int8Array;
}

/**
 * ggml's Q8_0: the largest magnitude becomes ±127. Rounded half away from zero in float32, and with the scale as it
 * is before it becomes a float16, as ggml does.
 * Source: ggml, `quantize_row_q8_0_ref`.
 */
export function toInt8Block(weights: ArrayLike<number>): Int8Block {
  const values = new Int8Array(INT8_BLOCK);
  let largest = 0;
  for (let i = 0; i < weights.length; i++) largest = Math.max(largest, Math.abs(Math.fround(weights[i] ?? 0)));
  const scale = Math.fround(largest / 127);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  for (let i = 0; i < weights.length; i++) {
    const value = Math.fround(Math.fround(weights[i] ?? 0) * inverse);
    values[i] = Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
  }
  return { scale: toFloat16(scale), values };
}

/** What is left of values (rows, width) in a dtype, as float32 numbers. */
export function roundToWeights(dtype: WeightDType, data: ArrayLike<number>, width: number): Float64Array {
  if (dtype === "float32") return Float64Array.from(data, Math.fround);
  if (dtype === "bfloat16") return Float64Array.from(data, (value) => fromBfloat16(toBfloat16(value)));
  const out = new Float64Array(data.length);
  for (let row = 0; row < data.length; row += width) {
    for (let first = row; first < row + width; first += INT8_BLOCK) {
      const last = Math.min(first + INT8_BLOCK, row + width);
      const { scale, values } = toInt8Block(Array.from({ length: last - first }, (_, i) => data[first + i] ?? 0));
      for (let i = first; i < last; i++) out[i] = Math.fround(fromFloat16(scale) * (values[i - first] ?? 0));
    }
  }
  return out;
}

/** Elements of a row as it lies in memory: whole blocks, except for float32. */
export function paddedWidth(dtype: WeightDType, width: number): number {
  return dtype === "float32" ? width : Math.ceil(width / INT8_BLOCK) * INT8_BLOCK;
}

/** Bytes of a matrix (rows, width): values, then for int8 two bytes of scale for each block. */
export function weightBytes(dtype: WeightDType, rows: number, width: number): number {
  const elements = rows * paddedWidth(dtype, width);
  if (dtype === "float32") return elements * 4;
  return dtype === "bfloat16" ? elements * 2 : elements + (elements / INT8_BLOCK) * 2;
}
