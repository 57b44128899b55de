import { createHash } from "node:crypto";
import type { Document } from "../../../text/document.ts";
import { isChinese } from "../../../text/script.ts";
import { characterClasses, classOfPair, DIGIT, HAN, LETTER, OTHER } from "../../judge/filter/character-class.ts";
import { documentAddress } from "./address.ts";
import type { DedupSettings } from "./settings.ts";

/** What deduplication has to know of a document; plain typed arrays, so it can be posted to another thread. */
export interface Signature {
  /** 128 bits of SHA-256 over the normalised text: equal texts and only they (but for 2^-128) are equal here. */
  digest: Uint32Array;
  /** 128 bits of SHA-256 over the normalised address; empty without one, or when addresses are not compared. */
  address: Uint32Array;
  /** A 64-bit hash of each band of MinHash values, high and low word. */
  bands: Uint32Array;
  /** Least value of each of bands · rows hash functions over the document's shingles; empty when MinHash is off. */
  minhash: Int32Array;
  /** The least distinct shingle hashes, ascending, at most `sketch_size`. */
  sketch: Uint32Array;
  /** Number of distinct shingles; equal to the sketch's length when that is whole. */
  shingles: number;
}

/** The part of a signature that two documents are compared by. */
export type Sketch = Pick<Signature, "minhash" | "sketch" | "shingles">;

/** Computes signatures; keeps only scratch arrays between documents. One for each worker. */
export interface Signer {
  signature(document: Pick<Document, "text"> & Partial<Pick<Document, "source" | "meta">>): Signature;
}

/**
 * Unicode NFC, lower case, each run of white space one space, none at the ends.
 *
 * @example normalise(" Ａ\n B ") // "ａ b"
 */
export function normalise(text: string): string {
  return text.normalize("NFC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/**
 * @example
 * const signer = createSigner(dedupSettings.parse({}));
 * signer.signature({ text: "…" }).minhash.length // 120
 */
export function createSigner(settings: DedupSettings): Signer {
  const { minhash: options } = settings;
  const hashes = options.enabled ? options.bands * options.rows : 0;
  const keys = hashKeys(hashes, options.seed);
  const shingler = new Shingler();
  return {
    signature({ text, source = "", meta = {} }) {
      const normal = normalise(text);
      const digest = digestOf(normal);
      const url = settings.url.enabled ? documentAddress({ source, meta }, settings.url.ignore_parameters) : undefined;
      const address = url === undefined ? NO_WORDS : digestOf(url);
      if (hashes === 0) {
        return { digest, address, bands: NO_WORDS, minhash: new Int32Array(0), sketch: NO_WORDS, shingles: 0 };
      }
      const { shingle } = options;
      const byCharacter = shingle === "characters" || (shingle === "auto" && isChinese(normal));
      const size = byCharacter ? options.character_shingle : options.word_shingle;
      const found = shingler.shingles(normal, size, shingle === "characters");
      // No word at all ("***"): the text itself is the one shingle, so that such documents match only their equals.
      const values = found.length > 0 ? found : digest.slice(0, 1);
      const sorted = values.slice().sort();
      const distinct = keepDistinct(sorted);
      const minhash = minHash(sorted.subarray(0, distinct), keys);
      return {
        digest,
        address,
        bands: hashBands(minhash, options.rows),
        minhash,
        sketch: sorted.slice(0, Math.min(distinct, options.sketch_size)),
        shingles: distinct,
      };
    },
  };
}

const NO_WORDS = new Uint32Array(0);

/** 128 bits of SHA-256, as four words. */
export function digestOf(normal: string): Uint32Array {
  // Lone surrogates all become U+FFFD in UTF-8: two texts that differ only in those count as equal.
  const bytes = createHash("sha256").update(normal, "utf8").digest();
  return Uint32Array.from({ length: 4 }, (_, i) => bytes.readUInt32LE(4 * i));
}

interface HashKeys {
  xor: Int32Array;
  first: Int32Array;
  second: Int32Array;
}

/**
 * Keys of the hash functions h(x) = m2 · shift(m1 · (x ^ k)) on 32 bits, m1 and m2 odd. Each step has an inverse modulo
 * 2^32, so each function is a permutation of the 32-bit integers and two shingles never tie. `Math.imul` is exact
 * arithmetic modulo 2^32, the natural word, and there is no other modulus: nothing can wrap before it is reduced, the
 * fault of (a · x + b) mod p computed in 64 bits with p near 2^61.
 */
function hashKeys(count: number, seed: number): HashKeys {
  const keys: HashKeys = { xor: new Int32Array(count), first: new Int32Array(count), second: new Int32Array(count) };
  let state = seed | 0;
  const next = (): number => {
    // splitmix32: a counter through a strong mixer.
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  for (let i = 0; i < count; i++) {
    keys.xor[i] = next();
    keys.first[i] = next() | 1;
    keys.second[i] = next() | 1;
  }
  return keys;
}

function minHash(shingles: Uint32Array, keys: HashKeys): Int32Array {
  const minima = new Int32Array(keys.xor.length);
  for (let k = 0; k < minima.length; k++) {
    const [xor, first, second] = [keys.xor[k] ?? 0, keys.first[k] ?? 0, keys.second[k] ?? 0];
    // Compared as signed integers: the order of a permutation's image is as good as any other.
    let least = 0x7fffffff;
    for (let i = 0; i < shingles.length; i++) {
      let x = Math.imul((shingles[i] ?? 0) ^ xor, first);
      x = Math.imul(x ^ (x >>> 15), second);
      if (x < least) least = x;
    }
    minima[k] = least;
  }
  return minima;
}

/** Two mixers over the rows of each band: equal bands have equal hashes, others (but for 2^-64) different ones. */
function hashBands(minhash: Int32Array, rows: number): Uint32Array {
  const bands = new Uint32Array((2 * minhash.length) / rows);
  for (let band = 0; 2 * band < bands.length; band++) {
    let high = rows;
    let low = 0x2545f491;
    for (let i = band * rows; i < (band + 1) * rows; i++) {
      high = Math.imul(high ^ (minhash[i] ?? 0), 0x85ebca6b);
      high ^= high >>> 15;
      low = Math.imul((low ^ (minhash[i] ?? 0)) + 0x165667b1, 0xc2b2ae35);
      low ^= low >>> 13;
    }
    bands[2 * band] = high;
    bands[2 * band + 1] = low;
  }
  return bands;
}

/** Moves the distinct values of a sorted array to its front; their number. */
function keepDistinct(sorted: Uint32Array): number {
  let kept = 0;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] ?? 0;
    if (kept === 0 || value !== sorted[kept - 1]) sorted[kept++] = value;
  }
  return kept;
}

class Shingler {
  readonly #classes = characterClasses();
  #tokens = new Int32Array(1024);
  #shingles = new Uint32Array(1024);

  /**
   * Hashes of all runs of `size` tokens; one of all tokens where there are fewer. Tokens are runs of letters and
   * digits, Han characters one by one; with `byCharacter` letters and digits one by one too. Spaces and punctuation are
   * not looked at. The array is used again by the next call.
   */
  shingles(text: string, size: number, byCharacter = false): Uint32Array {
    const count = this.#tokenise(text, byCharacter);
    const tokens = this.#tokens;
    if (count === 0) return this.#shingles.subarray(0, 0);
    const width = Math.min(size, count);
    if (this.#shingles.length < count) this.#shingles = new Uint32Array(tokens.length);
    for (let i = 0; i + width <= count; i++) {
      // The number of tokens is hashed too: a short text must not equal a longer one's shingle by its beginning.
      let hash = width;
      for (let k = i; k < i + width; k++)
        hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ (tokens[k] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 16;
      hash = Math.imul(hash, 0x85ebca6b);
      hash ^= hash >>> 13;
      hash = Math.imul(hash, 0xc2b2ae35);
      this.#shingles[i] = hash ^ (hash >>> 16);
    }
    return this.#shingles.subarray(0, count - width + 1);
  }

  #tokenise(text: string, byCharacter: boolean): number {
    const classes = this.#classes;
    if (this.#tokens.length > 1 << 21 && text.length < 1 << 20) {
      this.#tokens = new Int32Array(1024);
      this.#shingles = new Uint32Array(1024);
    }
    let count = 0;
    let hash = 0;
    let open = false;
    const push = (value: number): void => {
      if (count === this.#tokens.length) {
        const grown = new Int32Array(2 * count);
        grown.set(this.#tokens);
        this.#tokens = grown;
      }
      this.#tokens[count++] = value;
    };
    for (let i = 0; i < text.length; i++) {
      let unit = text.charCodeAt(i);
      let kind = classes[unit] ?? OTHER;
      if (unit >= 0xd800 && unit < 0xdc00) {
        const codePoint = text.codePointAt(i) ?? unit;
        if (codePoint > 0xffff) {
          kind = classOfPair(codePoint);
          unit = codePoint;
          i++;
        }
      }
      if (!byCharacter && (kind === LETTER || kind === DIGIT)) {
        hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ unit, 0x9e3779b1);
        open = true;
        continue;
      }
      if (open) {
        push(hash);
        hash = 0;
        open = false;
      }
      if (kind === HAN || (byCharacter && (kind === LETTER || kind === DIGIT))) push(Math.imul(unit, 0x9e3779b1));
    }
    if (open) push(hash);
    return count;
  }
}

/**
 * The Jaccard similarity of two documents' shingle sets: exact where both sketches are whole, else estimated from the
 * least hashes both could hold (standard error √(J(1-J)/k) for k of them); from the MinHash values without sketches.
 */
export function similarity(a: Sketch, b: Sketch): number {
  if (a.sketch.length === 0 || b.sketch.length === 0) {
    let equal = 0;
    for (let i = 0; i < a.minhash.length; i++) if (a.minhash[i] === b.minhash[i]) equal++;
    return a.minhash.length === 0 ? 0 : equal / a.minhash.length;
  }
  const bound = Math.min(lastOfPart(a), lastOfPart(b));
  let [i, j, common, union] = [0, 0, 0, 0];
  for (;;) {
    const x = i < a.sketch.length ? (a.sketch[i] ?? 0) : Infinity;
    const y = j < b.sketch.length ? (b.sketch[j] ?? 0) : Infinity;
    const least = Math.min(x, y);
    if (least > bound || least === Infinity) break;
    union++;
    if (x === y) common++;
    if (x === least) i++;
    if (y === least) j++;
  }
  return union === 0 ? 0 : common / union;
}

/** Up to which hash a sketch knows the whole set. */
function lastOfPart(signature: Sketch): number {
  return signature.sketch.length === signature.shingles ? Infinity : (signature.sketch.at(-1) ?? 0);
}
