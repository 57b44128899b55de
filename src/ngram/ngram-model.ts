import { NuwaError } from "../text/errors.ts";
import { HashIds } from "./hash-ids.ts";
import { lineUnits, type NgramUnit } from "./units.ts";

export const UNKNOWN = 0;
export const BEGIN = 1;
export const END = 2;
const FIRST_UNIT = 3;
const MAGIC = "nuwa-ngram-1\n";

/**
 * N-grams of one order. An n-gram is its first n-1 units, by their number in the order below, and its last unit: a
 * trie, in which a key is exact and no hash.
 */
export interface Level {
  readonly size: number;
  /** Number of the n-gram without its last unit, one order below (0 for order 1). */
  readonly prefixes: Int32Array;
  readonly units: Int32Array;
  /** Natural log of P(last unit | the others), interpolated. */
  readonly logProbabilities: Float32Array;
  /** Natural log of the weight left for shorter contexts when this n-gram is the context. */
  readonly logBackoffs: Float32Array;
}

/** How surprising a text is. */
export interface TextScore {
  /** Sum of natural logs. */
  readonly logProbability: number;
  /** Units predicted, ends of lines included. */
  readonly units: number;
  /** exp(-logProbability / units); 1 for an empty text. */
  readonly perplexity: number;
}

/** An interpolated n-gram model, ready to score texts. Made by {@link trainNgram}, or read from a file's bytes. */
export class NgramModel {
  readonly unit: NgramUnit;
  readonly vocabulary: readonly string[];
  readonly levels: readonly Level[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #tables: readonly HashIds[];
  readonly #unseen: number;

  constructor(unit: NgramUnit, vocabulary: readonly string[], levels: readonly Level[]) {
    this.unit = unit;
    this.vocabulary = vocabulary;
    this.levels = levels;
    this.#ids = new Map(vocabulary.map((text, i) => [text, i + FIRST_UNIT]));
    this.#tables = levels.map((level) => {
      const table = new HashIds();
      table.reset(level.size);
      for (let i = 0; i < level.size; i++) table.idOf(level.prefixes[i] ?? 0, level.units[i] ?? 0);
      return table;
    });
    const unigrams = levels[0];
    const unknown = this.#tables[0]?.find(0, UNKNOWN) ?? -1;
    this.#unseen = unknown < 0 ? -Infinity : (unigrams?.logProbabilities[unknown] ?? -Infinity);
  }

  get order(): number {
    return this.levels.length;
  }

  /** Numbers of units; 0 for one that the model does not know. */
  encode(units: readonly string[]): number[] {
    return units.map((unit) => this.#ids.get(unit) ?? UNKNOWN);
  }

  /**
   * Log probabilities of each unit of a line and of its end.
   * @param line numbers of units, without begin and end
   */
  scoreLine(line: readonly number[]): Float64Array {
    const order = this.levels.length;
    const scores = new Float64Array(line.length + 1);
    // contexts[k]: number of the n-gram of order k + 1 that ends at the last unit, or -1.
    let contexts = new Int32Array(order).fill(-1);
    contexts[0] = this.#tables[0]?.find(0, BEGIN) ?? -1;
    let next = new Int32Array(order);
    for (let i = 0; i <= line.length; i++) {
      const unit = i === line.length ? END : (line[i] ?? UNKNOWN);
      let matched = -1;
      for (let k = 0; k < order; k++) {
        const context = k === 0 ? 0 : (contexts[k - 1] ?? -1);
        next[k] = context < 0 ? -1 : (this.#tables[k]?.find(context, unit) ?? -1);
        if ((next[k] ?? -1) >= 0) matched = k;
      }
      let score = matched < 0 ? this.#unseen : (this.levels[matched]?.logProbabilities[next[matched] ?? 0] ?? 0);
      for (let k = Math.max(matched, 0); k < order - 1; k++) {
        const context = contexts[k] ?? -1;
        if (context >= 0) score += this.levels[k]?.logBackoffs[context] ?? 0;
      }
      scores[i] = score;
      [contexts, next] = [next, contexts];
    }
    return scores;
  }

  /** @example model.score("The cat sat on the mat.").perplexity */
  score(text: string): TextScore {
    let logProbability = 0;
    let units = 0;
    for (const line of lineUnits(text, this.unit)) {
      const scores = this.scoreLine(this.encode(line));
      for (const score of scores) logProbability += score;
      units += scores.length;
    }
    return { logProbability, units, perplexity: units === 0 ? 1 : Math.exp(-logProbability / units) };
  }

  /** The model as a file's bytes, little-endian, the same for the same model. */
  toBytes(): Uint8Array {
    const header = JSON.stringify({
      unit: this.unit,
      vocabulary: this.vocabulary,
      sizes: this.levels.map(({ size }) => size),
    });
    const head = Buffer.from(`${MAGIC}${header}\n`, "utf8");
    const padding = Buffer.alloc((4 - (head.length % 4)) % 4, 0x20);
    const parts = this.levels.flatMap(({ prefixes, units, logProbabilities, logBackoffs }) =>
      [prefixes, units, logProbabilities, logBackoffs].map((array) =>
        Buffer.from(array.buffer, array.byteOffset, array.byteLength),
      ),
    );
    return Buffer.concat([head, padding, ...parts]);
  }

  /** @throws NuwaError DATA for bytes that are no such model */
  static fromBytes(bytes: Uint8Array, where: string): NgramModel {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const bad = (cause?: unknown): NuwaError =>
      new NuwaError("DATA", "expected an n-gram model", { where, hint: "`nuwa data train-ngram` writes one", cause });
    if (buffer.subarray(0, MAGIC.length).toString("latin1") !== MAGIC) throw bad();
    const end = buffer.indexOf("\n", MAGIC.length);
    let header: { unit: NgramUnit; vocabulary: string[]; sizes: number[] };
    try {
      header = JSON.parse(buffer.subarray(MAGIC.length, end).toString("utf8")) as typeof header;
    } catch (cause) {
      throw bad(cause);
    }
    let at = end + 1 + ((4 - ((end + 1) % 4)) % 4);
    const sizes = Array.isArray(header.sizes) ? header.sizes : [];
    const total = sizes.reduce((sum, size) => sum + 16 * size, 0);
    if (!Array.isArray(header.vocabulary) || sizes.length === 0 || buffer.length - at !== total) throw bad();
    const take = (size: number): ArrayBuffer => {
      const copy = new ArrayBuffer(4 * size);
      new Uint8Array(copy).set(buffer.subarray(at, at + 4 * size));
      at += 4 * size;
      return copy;
    };
    const levels = sizes.map((size) => ({
      size,
      prefixes: new Int32Array(take(size)),
      units: new Int32Array(take(size)),
      logProbabilities: new Float32Array(take(size)),
      logBackoffs: new Float32Array(take(size)),
    }));
    return new NgramModel(header.unit, header.vocabulary, levels);
  }
}
