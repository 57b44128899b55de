/** Pieces longer than this come back too seldom to be worth their place. */
const LONGEST = 48;
/** A string this short is copied by `slice`; a longer one would keep its whole document alive, so it is copied by hand. */
const COPIED_BY_SLICE = 12;
const MOST_PIECES = 1 << 18;
const MOST_IDS = 1 << 21;

/** What pieces were encoded to. When full it starts afresh, so its memory is bounded (some tens of megabytes). */
export class PieceCache {
  readonly #starts = new Map<string, number>();
  /** At each start: how many ids, then the ids. */
  #pool = new Uint32Array(1 << 14);
  #end = 0;

  /** Where the ids of `piece` are, or -1. */
  get(piece: string): number {
    return this.#starts.get(piece) ?? -1;
  }

  count(start: number): number {
    return this.#pool[start] ?? 0;
  }

  copy(start: number, count: number, out: Uint32Array, at: number): void {
    for (let i = 0; i < count; i++) out[at + i] = this.#pool[start + 1 + i] ?? 0;
  }

  set(piece: string, ids: Int32Array, count: number): void {
    if (piece.length > LONGEST) return;
    if (this.#starts.size >= MOST_PIECES || this.#end + count + 1 > MOST_IDS) {
      this.#starts.clear();
      this.#end = 0;
    }
    if (this.#end + count + 1 > this.#pool.length) {
      const grown = new Uint32Array(this.#pool.length * 2);
      grown.set(this.#pool);
      this.#pool = grown;
    }
    this.#starts.set(ownString(piece), this.#end);
    this.#pool[this.#end++] = count;
    for (let i = 0; i < count; i++) this.#pool[this.#end++] = ids[i] ?? 0;
  }
}

/** The same string in memory of its own, so that keeping it does not keep the text it was cut from. */
export function ownString(piece: string): string {
  if (piece.length <= COPIED_BY_SLICE) return piece;
  return Buffer.from(piece, "utf16le").toString("utf16le");
}
