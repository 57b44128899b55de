/**
 * A hash table from a pair of ids to a small integer, in typed arrays: looked up for every pair of every piece, so it
 * neither allocates nor boxes. Open addressing with linear probing; entries are never removed.
 */
export class PairTable {
  /** Two ints a slot: left and right id; left is -1 when the slot is empty. */
  #keys: Int32Array;
  #values: Int32Array;
  #mask: number;
  #size = 0;

  constructor(expected = 1024) {
    let capacity = 16;
    while (capacity < expected * 2) capacity *= 2;
    this.#keys = new Int32Array(capacity * 2).fill(-1);
    this.#values = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The slot of the pair, or of the empty place where it belongs. */
  #slot(left: number, right: number): number {
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & this.#mask;
    for (;;) {
      const key = this.#keys[slot * 2];
      if (key === -1 || (key === left && this.#keys[slot * 2 + 1] === right)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** The value of the pair, or -1. */
  get(left: number, right: number): number {
    const slot = this.#slot(left, right);
    return this.#keys[slot * 2] === -1 ? -1 : (this.#values[slot] ?? -1);
  }

  /** Sets the value (≥ 0) of the pair. */
  set(left: number, right: number, value: number): void {
    let slot = this.#slot(left, right);
    if (this.#keys[slot * 2] === -1) {
      if (this.#size * 2 > this.#mask) {
        this.#grow();
        slot = this.#slot(left, right);
      }
      this.#keys[slot * 2] = left;
      this.#keys[slot * 2 + 1] = right;
      this.#size++;
    }
    this.#values[slot] = value;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const capacity = values.length * 2;
    this.#keys = new Int32Array(capacity * 2).fill(-1);
    this.#values = new Int32Array(capacity);
    this.#mask = capacity - 1;
    for (let slot = 0; slot < values.length; slot++) {
      const left = keys[slot * 2] ?? -1;
      if (left === -1) continue;
      const right = keys[slot * 2 + 1] ?? 0;
      const target = this.#slot(left, right);
      this.#keys[target * 2] = left;
      this.#keys[target * 2 + 1] = right;
      this.#values[target] = values[slot] ?? 0;
    }
  }
}
