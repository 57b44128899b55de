/**
 * Numbers equal things equally: the first distinct 64-bit key gets 0, the next 1, and so on. An open-addressing table in
 * typed arrays that is reused from document to document, so that counting words allocates nothing.
 */
export class HashIds {
  #slots = new Int32Array(1024);
  #firstKeys = new Int32Array(512);
  #secondKeys = new Int32Array(512);
  #mask = 1023;
  /** Number of distinct keys since {@link reset}. */
  distinct = 0;

  /** Forgets all keys; `expected` distinct ones then fit without growing. */
  reset(expected: number): void {
    let size = 1024;
    while (size < 2 * expected) size *= 2;
    // Shrinks again after a giant document, so that one of them does not decide the memory of a worker.
    if (size > this.#slots.length || this.#slots.length > 64 * size) this.#allocate(size);
    this.#mask = size - 1;
    this.#slots.fill(-1, 0, size);
    this.distinct = 0;
  }

  idOf(first: number, second: number): number {
    let slot = home(first, second) & this.#mask;
    for (;;) {
      const id = this.#slots[slot] ?? -1;
      if (id < 0) break;
      if (this.#firstKeys[id] === first && this.#secondKeys[id] === second) return id;
      slot = (slot + 1) & this.#mask;
    }
    if (2 * this.distinct >= this.#mask) {
      this.#grow();
      return this.idOf(first, second);
    }
    const id = this.distinct++;
    this.#slots[slot] = id;
    this.#firstKeys[id] = first;
    this.#secondKeys[id] = second;
    return id;
  }

  /** The number of a key that is there, else -1. */
  find(first: number, second: number): number {
    let slot = home(first, second) & this.#mask;
    for (;;) {
      const id = this.#slots[slot] ?? -1;
      if (id < 0 || (this.#firstKeys[id] === first && this.#secondKeys[id] === second)) return id;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const [firsts, seconds] = [this.#firstKeys, this.#secondKeys];
    const size = 2 * (this.#mask + 1);
    this.#allocate(size);
    this.#mask = size - 1;
    this.#slots.fill(-1);
    for (let id = 0; id < this.distinct; id++) {
      const [first, second] = [firsts[id] ?? 0, seconds[id] ?? 0];
      let slot = home(first, second) & this.#mask;
      while ((this.#slots[slot] ?? -1) >= 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = id;
      this.#firstKeys[id] = first;
      this.#secondKeys[id] = second;
    }
  }

  #allocate(size: number): void {
    this.#slots = new Int32Array(size);
    this.#firstKeys = new Int32Array(size / 2);
    this.#secondKeys = new Int32Array(size / 2);
  }
}

function home(first: number, second: number): number {
  const mixed = Math.imul(Math.imul(first, 0x9e3779b1) ^ second, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
