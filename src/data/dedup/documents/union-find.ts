/** Disjoint sets over 0 … size-1; the root of a set is its least member, whatever the order of joins. */
export class UnionFind {
  readonly #parents: Uint32Array;

  constructor(size: number) {
    this.#parents = Uint32Array.from({ length: size }, (_, i) => i);
  }

  find(i: number): number {
    let root = i;
    for (let up = this.#parents[root] ?? root; up !== root; up = this.#parents[root] ?? root) root = up;
    while (i !== root) {
      const up = this.#parents[i] ?? root;
      this.#parents[i] = root;
      i = up;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    this.#parents[Math.max(x, y)] = Math.min(x, y);
  }

  /** For each member the best one of its set. */
  best(better: (a: number, b: number) => boolean): Uint32Array {
    const byRoot = Uint32Array.from(this.#parents, (_, i) => i);
    for (let i = 0; i < byRoot.length; i++) {
      const root = this.find(i);
      if (better(i, byRoot[root] ?? root)) byRoot[root] = i;
    }
    return byRoot.map((_, i) => byRoot[this.find(i)] ?? i);
  }
}
