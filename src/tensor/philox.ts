/**
 * Philox4x32-10, a counter-based random number generator: the output is a pure function of counter and key, so any
 * element of any stream can be made anywhere, in any order, on any number of threads, and is the same.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */

/** Upper 32 bits of the product of two uint32. Halves of 16 bits keep every partial product exact in a double. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/**
 * Writes the four uint32 words for one counter and key to `out`.
 *
 * @example
 * const words = new Uint32Array(4);
 * philox4x32(words, 0, 0, 0, 0, 0, 0); // 6627e8d5 e169c58d bc57ac4c 9b00dbd8
 */
export function philox4x32(
  out: Uint32Array,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let c0 = counter0 >>> 0;
  let c1 = counter1 >>> 0;
  let c2 = counter2 >>> 0;
  let c3 = counter3 >>> 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A seed's two key words: its low and high 32 bits. Seeds are whole numbers from 0 to 2^53 - 1. */
export function philoxKey(seed: number): readonly [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/**
 * A stream of random numbers for use on the host: initial weights, batches, sampling. Streams with another seed or
 * other stream words are independent; the position in a stream is a plain number that can be saved and set.
 *
 * @example
 * const random = new PhiloxStream(seed, [step, microBatch, 0]);
 * random.uniform(); // in [0, 1)
 */
export class PhiloxStream {
  readonly #key: readonly [number, number];
  readonly #stream: readonly [number, number, number];
  readonly #words = new Uint32Array(4);
  #block = -1;
  /** Count of 32-bit words drawn so far; set it to jump. */
  position = 0;

  /** `stream` gives counter words 1 to 3. */
  constructor(seed: number, stream: readonly [number, number, number] = [0, 0, 0]) {
    this.#key = philoxKey(seed);
    this.#stream = stream;
  }

  /** The next whole number in [0, 2^32). */
  uint32(): number {
    const block = Math.floor(this.position / 4);
    if (block !== this.#block) {
      const [c1, c2, c3] = this.#stream;
      philox4x32(this.#words, block, c1, c2, c3, this.#key[0], this.#key[1]);
      this.#block = block;
    }
    return this.#words[this.position++ % 4] ?? 0;
  }

  /** The next number in [0, 1), with 53 random bits: two words. */
  uniform(): number {
    const high = this.uint32() >>> 5; // 27 bits
    const low = this.uint32() >>> 6; // 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** The next whole number in [0, n), each equally likely up to 2^-53·n. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** The next number from the standard normal distribution (Box & Muller 1958, the cosine half): four words. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform())); // 1 - u is in (0, 1]: the logarithm is finite
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}
