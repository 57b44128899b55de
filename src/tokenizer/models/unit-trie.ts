/**
 * A trie over UTF-16 units: nodes are numbers, level by level, so that the children of a node lie side by side, in the
 * order of their units. Node 0 is the root, whose children have a table of their own.
 */
export class UnitTrie {
  readonly #roots = new Int32Array(0x10000).fill(-1);
  readonly #units: Uint16Array;
  /** By node, where its children begin; they end where those of the next node begin. */
  readonly #children: Int32Array;
  /** The value at a node, or -1. */
  readonly #values: Int32Array;

  /** @param entries keys that are not empty, and their values (≥ 0); of a key that is given twice the later value counts */
  constructor(entries: Iterable<readonly [key: string, value: number]>) {
    const values = new Map(entries);
    const keys = [...values.keys()].sort();
    const units = [0];
    const found = [-1];
    const children: number[] = [];
    // By node, the keys that begin with it: [first, last), and how many units it stands for.
    const firsts = [0];
    const lasts = [keys.length];
    const depths = [0];
    for (let node = 0; node < units.length; node++) {
      const last = lasts[node] ?? 0;
      const depth = depths[node] ?? 0;
      children.push(units.length);
      // A key that ends here comes before those that go on.
      let at = firsts[node] ?? 0;
      if (depth > 0 && keys[at]?.length === depth) found[node] = values.get(keys[at++] ?? "") ?? -1;
      while (at < last) {
        const unit = keys[at]?.charCodeAt(depth) ?? 0;
        let end = at + 1;
        while (end < last && keys[end]?.charCodeAt(depth) === unit) end++;
        if (node === 0) this.#roots[unit] = units.length;
        firsts.push(at);
        lasts.push(end);
        depths.push(depth + 1);
        units.push(unit);
        found.push(-1);
        at = end;
      }
    }
    children.push(units.length);
    this.#units = Uint16Array.from(units);
    this.#children = Int32Array.from(children);
    this.#values = Int32Array.from(found);
  }

  /** The node that `unit` leads to from `node`, or -1. */
  step(node: number, unit: number): number {
    if (node === 0) return this.#roots[unit] ?? -1;
    let low = this.#children[node] ?? 0;
    let high = this.#children[node + 1] ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const here = this.#units[middle] ?? 0;
      if (here === unit) return middle;
      if (here < unit) low = middle + 1;
      else high = middle;
    }
    return -1;
  }

  value(node: number): number {
    return this.#values[node] ?? -1;
  }
}
