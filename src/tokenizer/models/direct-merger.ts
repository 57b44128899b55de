import { PairTable } from "./pair-table.ts";

/** Left, right, result, by rank. */
type Merges = readonly (readonly [left: number, right: number, result: number])[];

/** Above every rank. */
const NO_LIMIT = 0x7fffffff;

/**
 * What merging comes to, without merging: takes the longest token that fits where the last one ended, and goes back
 * where the two could not stand beside each other. In time that grows with the piece's length, whatever it holds.
 *
 * It rests on this: a row of tokens is what merging gives exactly if each two neighbours are what merging gives of those
 * two together (van Antwerpen and Neubeck, "So many tokens, so little time", 2024). Merges inside a token's own symbols
 * happen as if it stood alone, up to the first merge across its border.
 */
export class DirectMerger {
  readonly #pairs: PairTable;
  /**
   * Four by id: the rank of the merge that makes the token (-1 for base symbols and for ids that no merge makes), its
   * parts, and 32 bits of which one is set for each right neighbour that it merges with: most look-ups end there.
   */
  readonly #made: Int32Array;
  /** By id: how many base symbols; 0 for what never comes of merging. */
  readonly #size: Int32Array;
  /** By id: the longest token that the token begins with, -1 for none. */
  readonly #prefix: Int32Array;
  /**
   * The tree of all tokens, a hash table of four ints a slot, so that a step costs one line of the cache: node, base
   * symbol, the node they lead to (0: empty; -1: one that nothing goes on from), the token that this one spells or -1.
   * The base symbols are the roots. A character of three bytes is also a step of its own, its code point's complement
   * in the symbol's place; its token is the longest that ends on the way.
   */
  #tree = new Int32Array(0);
  /** By character of three bytes: where it leads from the beginning, and the longest token on the way. */
  readonly #starts = new Int32Array(2 << 16);
  /** By node, roots aside: whether a token goes on from here with a part of a character of three bytes. */
  #hasPart = new Uint8Array(0);
  /** By id: the byte that a base symbol stands for, else 0. */
  readonly #bytes: Uint8Array;
  #dead = new Uint8Array(64);
  #taken = new Int32Array(64);
  #isOrdered = true;

  /** @returns undefined for merges of which one comes before what makes its parts: only merging itself answers then */
  static of(merges: Merges, baseIds: ArrayLike<number>, pairs: PairTable): DirectMerger | undefined {
    const merger = new DirectMerger(merges, baseIds, pairs);
    return merger.#isOrdered ? merger : undefined;
  }

  private constructor(merges: Merges, baseIds: ArrayLike<number>, pairs: PairTable) {
    let ids = 0;
    for (let i = 0; i < baseIds.length; i++) ids = Math.max(ids, (baseIds[i] ?? 0) + 1);
    for (const [left, right, result] of merges) ids = Math.max(ids, left + 1, right + 1, result + 1);
    this.#pairs = pairs;
    this.#made = new Int32Array(4 * ids);
    for (let id = 0; id < ids; id++) this.#made[4 * id] = -1;
    for (const [left, right] of merges) this.#made[4 * left + 3] = (this.#made[4 * left + 3] ?? 0) | bitOf(right);
    this.#size = new Int32Array(ids);
    this.#prefix = new Int32Array(ids).fill(-1);
    this.#bytes = new Uint8Array(ids);
    for (let byte = 0; byte < baseIds.length; byte++) {
      this.#size[baseIds[byte] ?? 0] = 1;
      this.#bytes[baseIds[byte] ?? 0] = byte;
    }
    const made: number[] = [];
    for (const [rank, [left, right, result]] of merges.entries()) {
      // Of several merges with one result, only one is how its symbols merge when they stand alone.
      if (pairs.get(left, right) !== rank || (this.#size[result] ?? 0) > 0) continue;
      if ((this.#size[left] ?? 0) === 0 || (this.#size[right] ?? 0) === 0) continue;
      if (!this.#mayMeet(left, right, rank)) continue;
      this.#made.set([rank, left, right], 4 * result);
      this.#size[result] = (this.#size[left] ?? 0) + (this.#size[right] ?? 0);
      made.push(result);
    }
    // A part that only a later merge makes: made when its turn came, this merge's own was over.
    for (const [rank, [left, right]] of merges.entries()) {
      if ((this.#made[4 * left] ?? -1) > rank || (this.#made[4 * right] ?? -1) > rank) this.#isOrdered = false;
    }
    if (!this.#isOrdered) return;
    this.#plant(made);
  }

  /** Plants the tree of all tokens, and finds what each begins with. */
  #plant(made: readonly number[]): void {
    const roots = this.#size.length;
    const children = new PairTable(2 * made.length);
    /** By node, roots aside: the token it spells; whether there is more. */
    const tokens: number[] = [];
    const isInner: boolean[] = [];
    const tokenOf = (node: number): number => (node < roots ? node : (tokens[node - roots] ?? -1));
    const symbols: number[] = [];
    /** The nodes on the way to a token, the root first. */
    const path = (token: number): number[] => {
      symbols.length = 0;
      this.#spell(token, symbols);
      const nodes = [symbols[0] ?? 0];
      for (let i = 1; i < symbols.length; i++) {
        const node = nodes[i - 1] ?? 0;
        let child = children.get(node, symbols[i] ?? 0);
        if (child < 0) {
          child = roots + tokens.push(-1) - 1;
          isInner.push(false);
          children.set(node, symbols[i] ?? 0, child);
          if (node >= roots) isInner[node - roots] = true;
        }
        nodes.push(child);
      }
      return nodes;
    };
    for (const token of made) tokens[(path(token).at(-1) ?? 0) - roots] = token;
    const characters = new PairTable(tokens.length);
    for (const token of made) {
      const nodes = path(token);
      for (let i = 1; i + 2 < nodes.length; i++) {
        const character = this.#characterAt(symbols, i, symbols.length);
        if (character >= 0) characters.set(nodes[i - 1] ?? 0, character, 1);
      }
    }
    // Fuller than such tables commonly are: what stays in the caches counts for more than a few probes.
    let capacity = 16;
    while (8 * capacity < 9 * (tokens.length + characters.size)) capacity *= 2;
    this.#tree = new Int32Array(4 * capacity);
    this.#hasPart = new Uint8Array(tokens.length);
    const follow = (child: number): number => (isInner[child - roots] === true ? child : -1);
    for (const token of made) {
      const nodes = path(token);
      for (let i = 0; i < nodes.length; i++) {
        const node = nodes[i] ?? 0;
        const before = nodes[i - 1] ?? -1;
        if (i > 0) this.#addEdge(before, symbols[i] ?? 0, follow(node), tokenOf(node));
        if (i + 1 < nodes.length && tokenOf(node) >= 0) this.#prefix[token] = tokenOf(node);
        if (this.#isLead(symbols[i] ?? 0) && [node, nodes[i + 1] ?? -1].some((n) => n >= roots && tokenOf(n) >= 0)) {
          if (before >= roots) this.#hasPart[before - roots] = 1;
        }
        const character = this.#characterAt(symbols, i, symbols.length);
        const end = nodes[i + 2];
        if (character < 0 || end === undefined) continue;
        const inside = [node, nodes[i + 1] ?? 0, end].map(tokenOf).findLast((found) => found >= 0) ?? -1;
        if (i === 0) this.#starts.set([follow(end), inside], 2 * character);
        else this.#addEdge(before, ~character, follow(end), inside);
      }
    }
  }

  #addEdge(node: number, symbol: number, child: number, token: number): void {
    const slot = this.#slot(node, symbol);
    this.#tree.set([node, symbol, child, token], slot);
  }

  #isLead(symbol: number): boolean {
    return ((this.#bytes[symbol] ?? 0) & 0xf0) === 0xe0;
  }

  /** The character that three bytes from here on are in UTF-8; -1 where they are none. */
  #characterAt(symbols: ArrayLike<number>, at: number, length: number): number {
    const first = this.#bytes[symbols[at] ?? 0] ?? 0;
    if (at + 2 >= length || (first & 0xf0) !== 0xe0) return -1;
    const second = this.#bytes[symbols[at + 1] ?? 0] ?? 0;
    const third = this.#bytes[symbols[at + 2] ?? 0] ?? 0;
    if ((second & 0xc0) !== 0x80 || (third & 0xc0) !== 0x80) return -1;
    return ((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
  }

  /** Where a node's child stands in the tree, or would stand. */
  #slot(node: number, symbol: number): number {
    const tree = this.#tree;
    const mask = tree.length - 1;
    let hash = Math.imul(node, 0x9e3779b1) ^ Math.imul(symbol, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = ((hash ^ (hash >>> 13)) << 2) & mask;
    while (tree[slot + 2] !== 0 && (tree[slot] !== node || tree[slot + 1] !== symbol)) slot = (slot + 4) & mask;
    return slot;
  }

  #spell(token: number, out: number[]): void {
    const stack = [token];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if ((this.#made[4 * top] ?? -1) < 0) out.push(top);
      else stack.push(this.#made[4 * top + 2] ?? 0, this.#made[4 * top + 1] ?? 0);
    }
  }

  /**
   * Whether two tokens can stand side by side: unmakes them from the last merge to the first, and looks at each state
   * whether a pair across the border would have been merged before.
   *
   * @param limit only merges of lower rank count
   */
  #mayMeet(left: number, right: number, limit: number): boolean {
    const made = this.#made;
    let atLeft = 4 * left;
    let atRight = 4 * right;
    for (;;) {
      if (((made[atLeft + 3] ?? 0) & bitOf(atRight >> 2)) !== 0) {
        const across = this.#pairs.get(atLeft >> 2, atRight >> 2);
        if (across >= 0 && across < limit) return false;
      }
      const leftRank = made[atLeft] ?? -1;
      const rightRank = made[atRight] ?? -1;
      if (leftRank > rightRank) {
        limit = leftRank;
        atLeft = 4 * (made[atLeft + 2] ?? 0);
      } else if (rightRank >= 0) {
        // Of two equal pairs the left one is merged first.
        limit = rightRank + 1;
        atRight = 4 * (made[atRight + 1] ?? 0);
      } else return true;
    }
  }

  #longest(symbols: Int32Array, from: number, length: number): number {
    const tree = this.#tree;
    const roots = this.#size.length;
    let node = symbols[from] ?? 0;
    let best = node;
    let i = from + 1;
    const first = this.#characterAt(symbols, from, length);
    if (first >= 0 && this.#starts[2 * first] !== 0) {
      node = this.#starts[2 * first] ?? 0;
      best = this.#starts[2 * first + 1] ?? 0;
      i = from + 3;
    }
    while (i < length && node >= 0) {
      let step = 1;
      const character = this.#characterAt(symbols, i, length);
      let slot = 0;
      if (character >= 0) {
        slot = this.#slot(node, ~character);
        if (tree[slot + 2] !== 0) step = 3;
        else if (node >= roots && this.#hasPart[node - roots] === 0) break;
      }
      if (step === 1) slot = this.#slot(node, symbols[i] ?? 0);
      node = tree[slot + 2] ?? 0;
      if (node === 0) break;
      const token = tree[slot + 3] ?? -1;
      if (token >= 0) best = token;
      i += step;
    }
    return best;
  }

  /** Merges `ids[0, length)`, base symbols all, in place; returns how many are left. */
  merge(ids: Int32Array, length: number): number {
    if (this.#dead.length <= length) this.#dead = new Uint8Array(2 * length);
    const dead = this.#dead.fill(0, 0, length + 1);
    const sizes = this.#size;
    const out = this.#taken.length < length ? (this.#taken = new Int32Array(2 * length)) : this.#taken;
    let count = 0;
    let at = 0;
    let token = length === 0 ? -1 : this.#longest(ids, 0, length);
    while (token >= 0) {
      const end = at + (sizes[token] ?? 1);
      const last = count > 0 ? (out[count - 1] ?? 0) : -1;
      if (dead[end] === 0 && (last < 0 || this.#mayMeet(last, token, NO_LIMIT))) {
        out[count++] = token;
        at = end;
        token = at < length ? this.#longest(ids, at, length) : -1;
        continue;
      }
      token = this.#prefix[token] ?? -1;
      if (token >= 0) continue;
      // Nothing can stand here after the last one: that one must end elsewhere.
      dead[at] = 1;
      count--;
      at -= sizes[last] ?? 1;
      token = last;
    }
    for (let i = 0; i < count; i++) ids[i] = out[i] ?? 0;
    return count;
  }
}

/** One of 32 bits. */
function bitOf(id: number): number {
  return 1 << (Math.imul(id, 0x9e3779b1) >>> 27);
}
