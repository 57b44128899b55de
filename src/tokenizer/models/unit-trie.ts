import { PairTable } from "./pair-table.ts";

/** A trie over UTF-16 units: nodes are numbers, edges lie in one hash table. Node 0 is the root. */
export class UnitTrie {
  readonly #edges: PairTable;
  /** The value at a node, or -1. */
  readonly #values: number[] = [-1];

  constructor(expected = 1024) {
    this.#edges = new PairTable(expected);
  }

  /** Sets the value (≥ 0) of a key that is not empty. */
  set(key: string, value: number): void {
    let node = 0;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      let next = this.#edges.get(node, unit);
      if (next < 0) {
        next = this.#values.length;
        this.#values.push(-1);
        this.#edges.set(node, unit, next);
      }
      node = next;
    }
    this.#values[node] = value;
  }

  /** The node that `unit` leads to from `node`, or -1. */
  step(node: number, unit: number): number {
    return this.#edges.get(node, unit);
  }

  value(node: number): number {
    return this.#values[node] ?? -1;
  }
}
