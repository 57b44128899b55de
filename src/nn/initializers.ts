import { type Parameter, philox4x32, philoxKey } from "../tensor/index.ts";

/**
 * Fills a parameter from the normal distribution with mean 0. The values depend on the seed and the parameter's name
 * only, so they are the same on every device and do not change when other parameters come or go.
 *
 * @param std standard deviation
 */
export function normal(parameter: Parameter, std: number, seed: number): void {
  if (!parameter.device.capabilities.values) return;
  parameter.device.write(parameter.storage, normalValues(parameter.length, std, seed, parameter.name));
}

/** Fills a parameter with one value. */
export function constant(parameter: Parameter, value: number): void {
  parameter.device.fill(parameter.storage, value);
}

/**
 * `count` normal values of the stream that belongs to a seed and a name.
 * Box & Muller 1958, both halves: a Philox block of four words gives four values.
 */
export function normalValues(count: number, std: number, seed: number, name: string): Float32Array {
  const values = new Float32Array(count);
  const words = new Uint32Array(4);
  const [key0, key1] = philoxKey(seed);
  const [stream0, stream1] = nameHash(name);
  for (let start = 0, block = 0; start < count; start += 4, block++) {
    philox4x32(words, block, Math.floor(block / 2 ** 32), stream0, stream1, key0, key1);
    for (let pair = 0; pair < 4; pair += 2) {
      // + 0.5 keeps the logarithm finite
      const radius = std * Math.sqrt(-2 * Math.log(((words[pair] ?? 0) + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * (words[pair + 1] ?? 0)) / 2 ** 32;
      // a typed array ignores writes past its end
      values[start + pair] = radius * Math.cos(angle);
      values[start + pair + 1] = radius * Math.sin(angle);
    }
  }
  return values;
}

/** Two 32-bit hashes of a name: FNV-1a from two different starts. Fowler, Noll & Vo 1991. */
function nameHash(name: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (const byte of new TextEncoder().encode(name)) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193);
  }
  return [a >>> 0, b >>> 0];
}
