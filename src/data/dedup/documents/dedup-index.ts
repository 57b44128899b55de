import { ExternalSorter } from "../external-sort.ts";
import { dropOf, KEY_COLUMNS, resolveDuplicates, type DedupDrop, type SignatureSource } from "./resolve.ts";
import type { DedupSettings } from "./settings.ts";
import type { Signature, Sketch } from "./signature.ts";

interface Entry {
  id: string;
  order: number;
  length: number;
  signature: Signature;
}

/**
 * Finds the duplicates of a corpus whose signatures fit into memory: about 4 · (2 · bands + sketch) + 300 bytes a
 * document. The answer is a function of the set of documents added, whatever the order of the calls.
 * {@link resolveDuplicates} over a {@link SignatureFiles} gives the same answer from the disk.
 */
export class DedupIndex {
  readonly #settings: DedupSettings;
  readonly #entries: Entry[] = [];
  readonly #known = new Set<string>();

  constructor(settings: DedupSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#entries.length;
  }

  /**
   * `order` is the document's position in the corpus (any number that does not depend on the workers, such as shard ·
   * 2^32 + position), `length` its length in characters. Returns false, and adds nothing, for an id that is there already:
   * the caller should drop that copy, as an id stands for one document.
   */
  add(id: string, order: number, length: number, signature: Signature): boolean {
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    // The MinHash values are needed only where there is no sketch.
    const minhash = this.#settings.minhash.sketch_size === 0 ? signature.minhash : new Int32Array(0);
    this.#entries.push({ id, order, length, signature: { ...signature, minhash } });
    return true;
  }

  /** The documents to drop, by id. `value` is the similarity to the kept document. */
  resolve(): Map<string, DedupDrop> {
    const source = new MemorySource(this.#entries);
    const steps = resolveDuplicates(source, this.#settings, () => new ExternalSorter());
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const drops = new Map<string, DedupDrop>();
    for (let document = 0; document < source.size; document++) {
      const drop = dropOf(document, step.value, source, this.#settings);
      if (drop !== undefined) drops.set(source.id(document), drop);
    }
    return drops;
  }
}

class MemorySource implements SignatureSource {
  readonly #entries: readonly Entry[];
  readonly lengths: Uint32Array;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries.toSorted((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1));
    this.lengths = Uint32Array.from(this.#entries, ({ length }) => length);
  }

  get size(): number {
    return this.#entries.length;
  }

  keys(column: number, visit: (document: number, high: number, low: number) => void): void {
    // `add` refuses known ids.
    if (column === 0) return;
    for (const [document, { signature }] of this.#entries.entries()) {
      const words = column === 1 ? signature.address : column === 2 ? signature.digest : signature.bands;
      const at = column < KEY_COLUMNS ? 0 : 2 * (column - KEY_COLUMNS);
      if (words.length > 0) visit(document, words[at] ?? 0, words[at + 1] ?? 0);
    }
  }

  further(column: number, document: number): string {
    const signature = this.#entries[document]?.signature;
    const words = column === 1 ? signature?.address : signature?.digest;
    return `${words?.[2] ?? 0} ${words?.[3] ?? 0}`;
  }

  sketch(document: number): Sketch {
    return this.#entries[document]?.signature ?? NOTHING;
  }

  id(document: number): string {
    return this.#entries[document]?.id ?? "";
  }
}

const NOTHING: Sketch = { minhash: new Int32Array(0), sketch: new Uint32Array(0), shingles: 0 };
