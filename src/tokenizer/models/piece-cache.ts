/** Pieces longer than this come back too seldom to be worth their place. */
const LONGEST = 48;
const MOST_PIECES = 1 << 18;
const MOST_UNITS = 1 << 22;
const MOST_IDS = 1 << 21;
/** Ints of one entry: hash, start and length of its text, start and count of its ids. */
const FIELDS = 5;

/**
 * What pieces were encoded to: a hash table over places in a text, so that a look-up makes no string. When full it
 * starts afresh, so its memory is bounded (some 30 megabytes).
 */
export class PieceCache {
  /** Entry number plus one; 0 is empty. */
  #slots = new Int32Array(1 << 12);
  #entries = new Int32Array(FIELDS << 11);
  #size = 0;
  #units = new Uint16Array(1 << 14);
  #unitsEnd = 0;
  #ids = new Uint32Array(1 << 13);
  #idsEnd = 0;
  #hash = 0;
  #slot = 0;

  /** The entry of `text[start, end)`, or -1. */
  find(text: string, start: number, end: number): number {
    const length = end - start;
    if (length > LONGEST) return -1;
    let hash = length;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    const slots = this.#slots;
    const entries = this.#entries;
    const units = this.#units;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let entry = (slots[slot] ?? 0) - 1; entry >= 0; entry = (slots[slot] ?? 0) - 1) {
      const at = entry * FIELDS;
      if (entries[at] === hash && entries[at + 2] === length) {
        const first = entries[at + 1] ?? 0;
        let i = 0;
        while (i < length && units[first + i] === text.charCodeAt(start + i)) i++;
        if (i === length) return entry;
      }
      slot = (slot + 1) & mask;
    }
    this.#hash = hash;
    this.#slot = slot;
    return -1;
  }

  /** How many ids the entry has. */
  count(entry: number): number {
    return this.#entries[entry * FIELDS + 4] ?? 0;
  }

  copy(entry: number, count: number, out: Uint32Array, at: number): void {
    const start = this.#entries[entry * FIELDS + 3] ?? 0;
    for (let i = 0; i < count; i++) out[at + i] = this.#ids[start + i] ?? 0;
  }

  /** Keeps the ids of the piece that {@link find} has just missed. */
  add(text: string, start: number, end: number, ids: Int32Array, count: number): void {
    const length = end - start;
    if (length > LONGEST) return;
    if (this.#size === MOST_PIECES || this.#unitsEnd + length > MOST_UNITS || this.#idsEnd + count > MOST_IDS) {
      this.#clear();
      this.#slot = this.#hash & (this.#slots.length - 1);
    }
    if ((this.#size + 1) * FIELDS > this.#entries.length) this.#entries = doubled(this.#entries);
    if (this.#unitsEnd + length > this.#units.length) this.#units = doubled(this.#units);
    if (this.#idsEnd + count > this.#ids.length) this.#ids = doubled(this.#ids);
    this.#entries.set([this.#hash, this.#unitsEnd, length, this.#idsEnd, count], this.#size * FIELDS);
    for (let i = start; i < end; i++) this.#units[this.#unitsEnd++] = text.charCodeAt(i);
    for (let i = 0; i < count; i++) this.#ids[this.#idsEnd++] = ids[i] ?? 0;
    this.#slots[this.#slot] = ++this.#size;
    if (this.#size * 2 > this.#slots.length) this.#rehash();
  }

  #clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
    this.#unitsEnd = 0;
    this.#idsEnd = 0;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#size; entry++) {
      let slot = (this.#entries[entry * FIELDS] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
  }
}

/** The same contents with twice the room. The longest piece is shorter than any array here. */
function doubled<T extends Int32Array | Uint32Array | Uint16Array>(array: T): T;
function doubled(array: Int32Array | Uint32Array | Uint16Array): Int32Array | Uint32Array | Uint16Array {
  const grown =
    array instanceof Int32Array
      ? new Int32Array(array.length * 2)
      : array instanceof Uint32Array
        ? new Uint32Array(array.length * 2)
        : new Uint16Array(array.length * 2);
  grown.set(array);
  return grown;
}
