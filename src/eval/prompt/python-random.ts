/**
 * CPython's `random.Random(seed)` to the bit: MT19937 (Matsumoto & Nishimura 1998) with `init_by_array` seeding.
 * Published few-shot scores depend on which examples it draws, so no other generator will do.
 *
 * @example new PythonRandom(1234).sample([...documents], 5)
 */
export class PythonRandom {
  readonly #state = new Uint32Array(624);
  #index = 624;

  /** @param seed a whole number from 0 to 2^32 − 1 */
  constructor(seed: number) {
    const state = this.#state;
    const at = (i: number): number => state[i] ?? 0;
    // init_genrand(19650218), then init_by_array([seed])
    state[0] = 19650218;
    for (let i = 1; i < 624; i++) {
      const before = at(i - 1) ^ (at(i - 1) >>> 30);
      state[i] = Math.imul(1812433253, before) + i;
    }
    let i = 1;
    const wrap = () => {
      if (i >= 624) {
        state[0] = at(623);
        i = 1;
      }
    };
    for (let k = 0; k < 624; k++) {
      const before = at(i - 1) ^ (at(i - 1) >>> 30);
      state[i] = (at(i) ^ Math.imul(before, 1664525)) + (seed >>> 0);
      i++;
      wrap();
    }
    for (let k = 0; k < 623; k++) {
      const before = at(i - 1) ^ (at(i - 1) >>> 30);
      state[i] = (at(i) ^ Math.imul(before, 1566083941)) - i;
      i++;
      wrap();
    }
    state[0] = 0x80000000;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i++) {
      const y = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % 624] ?? 0) & 0x7fffffff);
      state[i] = (state[(i + 397) % 624] ?? 0) ^ (y >>> 1) ^ ((y & 1) === 0 ? 0 : 0x9908b0df);
    }
    this.#index = 0;
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.#index >= 624) this.#refill();
    let y = this.#state[this.#index++] ?? 0;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** A float in [0, 1) with 53 random bits: `random()`. */
  random(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A whole number in [0, n), n ≤ 2^32: `_randbelow`, which draws `n.bit_length()` bits until they fit. */
  below(n: number): number {
    const bits = n === 2 ** 32 ? 33 : 32 - Math.clz32(n);
    for (;;) {
      const value = this.uint32() >>> (32 - bits);
      if (value < n) return value;
    }
  }

  /** Shuffles in place: `shuffle`. */
  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i >= 1; i--) {
      const j = this.below(i + 1);
      const item = items[i] as T;
      items[i] = items[j] as T;
      items[j] = item;
    }
  }

  /**
   * k different items in random order: `sample`. As CPython does, it keeps either a list of what is left or a set of
   * what was taken, whichever is smaller, since the two draw different items.
   */
  sample<T>(items: readonly T[], k: number): T[] {
    const n = items.length;
    if (k > n) throw new RangeError(`cannot draw ${k} of ${n} items`);
    let setSize = 21;
    if (k > 5) setSize += 4 ** Math.ceil(Math.log(k * 3) / Math.log(4));
    const result: T[] = [];
    if (n <= setSize) {
      const pool = [...items];
      for (let i = 0; i < k; i++) {
        const j = this.below(n - i);
        result.push(pool[j] as T);
        pool[j] = pool[n - i - 1] as T;
      }
    } else {
      const taken = new Set<number>();
      for (let i = 0; i < k; i++) {
        let j = this.below(n);
        while (taken.has(j)) j = this.below(n);
        taken.add(j);
        result.push(items[j] as T);
      }
    }
    return result;
  }
}
