import { HashIds } from "../../../ngram/hash-ids.ts";

/** Shares of a text's characters, 0 to 1 (a top n-gram that overlaps itself can exceed 1), by n-gram size. */
export interface RepetitionShares {
  /** Size -> share of the most frequent n-gram: its count times its length over the text's length. */
  top: Map<number, number>;
  /** Size -> share of n-grams seen before. */
  duplicate: Map<number, number>;
}

/**
 * Top and duplicate n-gram character shares (Gopher, table A1), for several sizes in one climb.
 *
 * An (n+1)-gram can only repeat where its two n-grams repeat, so each step numbers pairs of neighbouring n-grams and
 * looks only at positions still alive: exact (a pair of numbers is no hash), and after four or five steps nearly free
 * on ordinary prose.
 */
export class NgramCounter {
  readonly #ids = new HashIds();
  #current = new Int32Array(0);
  #counts = new Int32Array(0);
  #firsts = new Int32Array(0);
  #visited = new Uint8Array(0);
  #alive = new Int32Array(0);
  #offsets = new Int32Array(0);

  /**
   * `wordIds` and `lengths` (code points) hold one entry a token, `tokens` of them. `gap` is what stands between two
   * tokens of an n-gram: 1 (a space), or 0 for Chinese.
   *
   * Top: of equally frequent n-grams the first counts; an n-gram that occurs once is no repetition, so the share is 0
   * (else any text of a dozen different words would fail). Duplicate: left to right, an n-gram seen before counts with
   * its whole length and the walk jumps behind it, so no character counts twice.
   */
  shares(
    wordIds: Int32Array,
    lengths: Int32Array,
    tokens: number,
    characters: number,
    gap: number,
    topSizes: readonly number[],
    duplicateSizes: readonly number[],
  ): RepetitionShares {
    const result: RepetitionShares = { top: new Map(), duplicate: new Map() };
    for (const n of topSizes) result.top.set(n, 0);
    for (const n of duplicateSizes) result.duplicate.set(n, 0);
    const largest = Math.max(0, ...topSizes, ...duplicateSizes);
    if (tokens === 0 || characters === 0) return result;
    this.#reserve(tokens);
    const { current, counts, firsts, alive, offsets } = this.#arrays();

    let position = 0;
    for (let i = 0; i < tokens; i++) {
      offsets[i] = position;
      position += (lengths[i] ?? 0) + gap;
    }
    offsets[tokens] = position;
    const lengthAt = (i: number, n: number): number => (offsets[i + n] ?? 0) - (offsets[i] ?? 0) - gap;

    let distinct = 0;
    for (let i = 0; i < tokens; i++) {
      const id = wordIds[i] ?? 0;
      current[i] = id;
      if (id >= distinct) {
        distinct = id + 1;
        counts[id] = 0;
        firsts[id] = i;
      }
      counts[id] = (counts[id] ?? 0) + 1;
    }
    let living = this.#keepRepeated(tokens, undefined);
    for (let n = 2; n <= largest && living > 0; n++) {
      // alive[0..living) are the positions, ascending, whose (n-1)-gram repeats.
      this.#ids.reset(living);
      distinct = 0;
      let pairs = 0;
      for (let k = 0; k < living; k++) {
        const i = alive[k] ?? 0;
        const next = k + 1 < living && alive[k + 1] === i + 1 ? (current[i + 1] ?? -1) : -1;
        if (next < 0) {
          current[i] = -1;
          continue;
        }
        const id = this.#ids.idOf(current[i] ?? 0, next);
        current[i] = id;
        if (id >= distinct) {
          distinct = id + 1;
          counts[id] = 0;
          firsts[id] = i;
        }
        counts[id] = (counts[id] ?? 0) + 1;
        alive[pairs++] = i;
      }
      living = this.#keepRepeated(pairs, alive);
      if (result.top.has(n)) {
        let best = -1;
        for (let id = 0; id < distinct; id++) if (best < 0 || (counts[id] ?? 0) > (counts[best] ?? 0)) best = id;
        const count = best < 0 ? 0 : (counts[best] ?? 0);
        if (count > 1) result.top.set(n, (count * lengthAt(firsts[best] ?? 0, n)) / characters);
      }
      if (result.duplicate.has(n)) {
        const visited = this.#visited.fill(0, 0, distinct);
        let repeated = 0;
        let free = 0;
        for (let k = 0; k < living; k++) {
          const i = alive[k] ?? 0;
          if (i < free) continue;
          const id = current[i] ?? 0;
          if (visited[id] === 1) {
            repeated += lengthAt(i, n);
            free = i + n;
          } else visited[id] = 1;
        }
        result.duplicate.set(n, repeated / characters);
      }
    }
    return result;
  }

  /** Keeps of the first `count` positions (all, or those in `from`) the ones whose n-gram occurs twice or more. */
  #keepRepeated(count: number, from: Int32Array | undefined): number {
    const { current, counts, alive } = this.#arrays();
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const i = from === undefined ? k : (from[k] ?? 0);
      if ((counts[current[i] ?? 0] ?? 0) > 1) alive[kept++] = i;
      else current[i] = -1;
    }
    return kept;
  }

  #arrays(): { current: Int32Array; counts: Int32Array; firsts: Int32Array; alive: Int32Array; offsets: Int32Array } {
    return {
      current: this.#current,
      counts: this.#counts,
      firsts: this.#firsts,
      alive: this.#alive,
      offsets: this.#offsets,
    };
  }

  #reserve(tokens: number): void {
    const size = this.#current.length;
    if (size >= tokens && !(size > 1 << 21 && tokens < 1 << 18)) return;
    const room = Math.max(1024, Math.ceil(tokens * 1.5));
    this.#current = new Int32Array(room);
    this.#counts = new Int32Array(room);
    this.#firsts = new Int32Array(room);
    this.#alive = new Int32Array(room);
    this.#offsets = new Int32Array(room + 1);
    this.#visited = new Uint8Array(room);
  }
}
