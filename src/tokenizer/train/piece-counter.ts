/** What a {@link PieceCounter} holds, as plain arrays that a thread can hand to another. */
export interface CountedPieces {
  /** UTF-16 units of all pieces, one after another. */
  readonly units: Uint16Array<ArrayBuffer>;
  /** Where each piece ends. */
  readonly ends: Int32Array<ArrayBuffer>;
  readonly hashes: Int32Array<ArrayBuffer>;
  readonly counts: Float64Array<ArrayBuffer>;
}

/**
 * Counts pieces in typed arrays: a hash table over one block of UTF-16 units, so that a piece counted again makes no
 * string. Memory: 2 bytes a unit and some 40 bytes a piece.
 */
export class PieceCounter {
  /** Entry number plus one; 0 is empty. */
  #slots = new Int32Array(1 << 12);
  #hashes = new Int32Array(1 << 11);
  #ends = new Int32Array(1 << 11);
  #counts = new Float64Array(1 << 11);
  #units = new Uint16Array(1 << 14);
  #unitsEnd = 0;
  #size = 0;
  #bytes = 0;

  /** Different pieces. */
  get size(): number {
    return this.#size;
  }

  /** UTF-8 bytes of the different pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts `text[start, end)`. */
  readonly add = (text: string, start: number, end: number): void => {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = mix(hash);
    const slots = this.#slots;
    const mask = slots.length - 1;
    const units = this.#units;
    let slot = hash & mask;
    for (let entry = (slots[slot] ?? 0) - 1; entry >= 0; entry = (slots[slot] ?? 0) - 1) {
      if (this.#hashes[entry] === hash) {
        const first = entry === 0 ? 0 : (this.#ends[entry - 1] ?? 0);
        if ((this.#ends[entry] ?? 0) - first === end - start) {
          let i = start;
          while (i < end && units[first + i - start] === text.charCodeAt(i)) i++;
          if (i === end) {
            this.#counts[entry] = (this.#counts[entry] ?? 0) + 1;
            return;
          }
        }
      }
      slot = (slot + 1) & mask;
    }
    this.#reserve(end - start);
    for (let i = start; i < end; i++) this.#units[this.#unitsEnd++] = text.charCodeAt(i);
    this.#bytes += utf8Length(this.#units, this.#unitsEnd - (end - start), this.#unitsEnd);
    this.#append(slot, hash, 1);
  };

  /** Adds what another counted. */
  merge(other: CountedPieces): void {
    const { units, ends, hashes, counts } = other;
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] ?? start;
      const length = end - start;
      const hash = hashes[i] ?? 0;
      const mask = this.#slots.length - 1;
      let slot = hash & mask;
      let found = -1;
      for (let entry = (this.#slots[slot] ?? 0) - 1; entry >= 0; entry = (this.#slots[slot] ?? 0) - 1) {
        const first = entry === 0 ? 0 : (this.#ends[entry - 1] ?? 0);
        if (this.#hashes[entry] === hash && (this.#ends[entry] ?? 0) - first === length) {
          let k = 0;
          while (k < length && this.#units[first + k] === units[start + k]) k++;
          if (k === length) {
            found = entry;
            break;
          }
        }
        slot = (slot + 1) & mask;
      }
      if (found >= 0) this.#counts[found] = (this.#counts[found] ?? 0) + (counts[i] ?? 0);
      else {
        this.#reserve(length);
        this.#units.set(units.subarray(start, end), this.#unitsEnd);
        this.#unitsEnd += length;
        this.#bytes += utf8Length(units, start, end);
        this.#append(slot, hash, counts[i] ?? 0);
      }
      start = end;
    }
  }

  #reserve(length: number): void {
    if (this.#unitsEnd + length > this.#units.length) {
      const grown = new Uint16Array(Math.max(this.#units.length * 2, this.#unitsEnd + length));
      grown.set(this.#units.subarray(0, this.#unitsEnd));
      this.#units = grown;
    }
    if (this.#size < this.#ends.length) return;
    this.#hashes = grownInts(this.#hashes);
    this.#ends = grownInts(this.#ends);
    const counts = new Float64Array(this.#counts.length * 2);
    counts.set(this.#counts);
    this.#counts = counts;
  }

  /** The units are there already. */
  #append(slot: number, hash: number, count: number): void {
    const entry = this.#size++;
    this.#hashes[entry] = hash;
    this.#ends[entry] = this.#unitsEnd;
    this.#counts[entry] = count;
    this.#slots[slot] = this.#size;
    if (this.#size * 2 <= this.#slots.length) return;
    this.#rehash(this.#slots.length * 2);
  }

  #rehash(length: number): void {
    const slots = new Int32Array(length);
    const mask = length - 1;
    for (let entry = 0; entry < this.#size; entry++) {
      let slot = (this.#hashes[entry] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
  }

  /**
   * Forgets the rarest pieces (all that occur once, then twice, …) until at most `pieces` of them with `bytes` are left.
   *
   * @returns how many pieces were forgotten, and how often they occurred in all
   */
  forgetRarest(pieces: number, bytes: number): { pieces: number; occurrences: number } {
    let forgotten = 0;
    let occurrences = 0;
    for (let threshold = 1; this.#size > pieces || this.#bytes > bytes; threshold++) {
      let kept = 0;
      let units = 0;
      let start = 0;
      this.#bytes = 0;
      for (let entry = 0; entry < this.#size; entry++) {
        const end = this.#ends[entry] ?? 0;
        const count = this.#counts[entry] ?? 0;
        if (count <= threshold) {
          forgotten++;
          occurrences += count;
        } else {
          this.#units.copyWithin(units, start, end);
          units += end - start;
          this.#bytes += utf8Length(this.#units, units - (end - start), units);
          this.#hashes[kept] = this.#hashes[entry] ?? 0;
          this.#ends[kept] = units;
          this.#counts[kept] = count;
          kept++;
        }
        start = end;
      }
      this.#size = kept;
      this.#unitsEnd = units;
    }
    this.#rehash(this.#slots.length);
    return { pieces: forgotten, occurrences };
  }

  /** A copy of what was counted. */
  snapshot(): CountedPieces {
    return {
      units: this.#units.slice(0, this.#unitsEnd),
      ends: this.#ends.slice(0, this.#size),
      hashes: this.#hashes.slice(0, this.#size),
      counts: this.#counts.slice(0, this.#size),
    };
  }

  /** Every piece: its place in `units`, and its count. */
  forEach(visit: (units: Uint16Array, start: number, end: number, count: number) => void): void {
    let start = 0;
    for (let entry = 0; entry < this.#size; entry++) {
      const end = this.#ends[entry] ?? 0;
      visit(this.#units, start, end, this.#counts[entry] ?? 0);
      start = end;
    }
  }

  /** Every piece as a string. */
  *[Symbol.iterator](): Generator<[piece: string, count: number]> {
    let start = 0;
    for (let entry = 0; entry < this.#size; entry++) {
      const end = this.#ends[entry] ?? 0;
      yield [stringOf(this.#units, start, end), this.#counts[entry] ?? 0];
      start = end;
    }
  }
}

/** The last multiplication leaves the low bits poor. */
function mix(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return once ^ (once >>> 13);
}

function grownInts(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}

function stringOf(units: Uint16Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...units.subarray(at, Math.min(end, at + 4096)));
  }
  return text;
}

/** UTF-8 bytes of well-formed UTF-16. */
function utf8Length(units: Uint16Array, start: number, end: number): number {
  let bytes = 0;
  for (let i = start; i < end; i++) {
    const unit = units[i] ?? 0;
    // Each half of a pair counts for two of its four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3;
  }
  return bytes;
}
