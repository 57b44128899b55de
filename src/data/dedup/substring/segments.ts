/** Stretches of windows with one key: stretch `i` is the windows that begin at tokens `starts[i]` to `ends[i] - 1`. */
export interface Segments {
  count: number;
  highs: Uint32Array;
  lows: Uint32Array;
  starts: Int32Array;
  ends: Int32Array;
}

/**
 * Gives each window of `width` tokens a key: the least hash of the runs of a quarter as many tokens inside it (a minimizer:
 * Schleimer et al. 2003, Roberts et al. 2004). Equal windows have equal keys, and neighbours mostly share one, so that
 * some 19 windows of 50 tokens make one stretch. So repeated windows are found by looking only at stretches of one key
 * together, in whatever portions fit into memory: none is missed.
 */
export class Segmenter implements Segments {
  count = 0;
  highs = new Uint32Array(256);
  lows = new Uint32Array(256);
  starts = new Int32Array(256);
  ends = new Int32Array(256);
  readonly #width: number;
  readonly #run: number;
  #runHighs = new Uint32Array(1024);
  #runLows = new Uint32Array(1024);
  #queue = new Int32Array(1024);

  constructor(width: number) {
    this.#width = width;
    this.#run = Math.ceil(width / 4);
  }

  /** Looks at `count` tokens; the result stands in this object until the next call. */
  segment(hashes: Int32Array, count: number): Segments {
    this.count = 0;
    if (count < this.#width) return this;
    const runs = this.#hashRuns(hashes, count);
    const [highs, lows, queue] = [this.#runHighs, this.#runLows, this.#queue];
    /** Runs in a window. */
    const span = this.#width - this.#run + 1;
    // The queue holds runs whose hashes ascend: the first is the least of the window.
    let [head, tail] = [0, 0];
    let least = -1;
    for (let i = 0; i < runs; i++) {
      const [high, low] = [highs[i] ?? 0, lows[i] ?? 0];
      while (tail > head) {
        const back = queue[tail - 1] ?? 0;
        const other = highs[back] ?? 0;
        if (other < high || (other === high && (lows[back] ?? 0) <= low)) break;
        tail--;
      }
      queue[tail++] = i;
      const window = i - span + 1;
      if (window < 0) continue;
      while ((queue[head] ?? 0) < window) head++;
      const first = queue[head] ?? 0;
      const isSame = least >= 0 && highs[first] === highs[least] && lows[first] === lows[least];
      if (isSame) this.ends[this.count - 1] = window + 1;
      else this.#push(highs[first] ?? 0, lows[first] ?? 0, window);
      least = first;
    }
    return this;
  }

  #push(high: number, low: number, window: number): void {
    if (this.count === this.highs.length) {
      this.highs = grown(this.highs, new Uint32Array(2 * this.count));
      this.lows = grown(this.lows, new Uint32Array(2 * this.count));
      this.starts = grown(this.starts, new Int32Array(2 * this.count));
      this.ends = grown(this.ends, new Int32Array(2 * this.count));
    }
    this.highs[this.count] = high;
    this.lows[this.count] = low;
    this.starts[this.count] = window;
    this.ends[this.count++] = window + 1;
  }

  /** Two rolling polynomials over each run of tokens, mixed so that their order has nothing to do with the tokens. */
  #hashRuns(hashes: Int32Array, count: number): number {
    const run = this.#run;
    const runs = count - run + 1;
    if (this.#runHighs.length < runs) {
      this.#runHighs = new Uint32Array(2 * runs);
      this.#runLows = new Uint32Array(2 * runs);
      this.#queue = new Int32Array(2 * runs);
    }
    const [p, q] = [0x2c1b3c6d, 0x297a2d39];
    let [powerP, powerQ, x, y] = [1, 1, 0, 0];
    for (let i = 1; i < run; i++) {
      powerP = Math.imul(powerP, p);
      powerQ = Math.imul(powerQ, q);
    }
    for (let i = 0; i < count; i++) {
      const token = hashes[i] ?? 0;
      if (i >= run) {
        const gone = hashes[i - run] ?? 0;
        x = (x - Math.imul(gone, powerP)) | 0;
        y = (y - Math.imul(gone, powerQ)) | 0;
      }
      x = (Math.imul(x, p) + token) | 0;
      y = (Math.imul(y, q) + token) | 0;
      if (i < run - 1) continue;
      let h = x ^ (x >>> 16);
      h = Math.imul(h, 0x7feb352d);
      this.#runHighs[i - run + 1] = h ^ (h >>> 15);
      let l = y ^ (y >>> 15);
      l = Math.imul(l, 0x846ca68b);
      this.#runLows[i - run + 1] = l ^ (l >>> 16);
    }
    return runs;
  }
}

function grown<T extends Uint32Array | Int32Array>(old: T, array: T): T {
  array.set(old);
  return array;
}
