import { NuwaError } from "../../text/index.ts";
import { codePointAt, unitsOf } from "./character-classes.ts";

/** One match in the trie: how many UTF-16 units of the text it takes, and where its replacement stands. */
interface Match {
  readonly units: number;
  readonly replacement: number;
}

/**
 * SentencePiece's `precompiled_charsmap`: a double-array trie (darts-clone) from UTF-8 strings to places in a block of
 * zero-ended UTF-8 replacements. Layout: uint32 size of the trie in bytes, the trie (uint32 each), the block; all little
 * endian. Source: sentencepiece's normalizer.cc and darts.h.
 */
export class Charsmap {
  readonly #units: Uint32Array;
  readonly #block: Uint8Array;
  readonly #replacements = new Map<number, string>();
  readonly #single = new Map<number, string | null>();
  /** By UTF-16 unit: 0 not known yet, 1 no key begins with it, 2 one does. */
  readonly #starts = new Uint8Array(0x10000);

  /**
   * @param where the file's name, for messages
   * @throws NuwaError FILE when the sizes do not fit the bytes
   */
  constructor(bytes: Uint8Array, where: string) {
    const fault = (message: string): NuwaError =>
      new NuwaError("FILE", `malformed precompiled_charsmap: ${message}`, { where });
    if (bytes.length < 4) throw fault(`expected 4 bytes or more, got ${bytes.length}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = view.getUint32(0, true);
    if (size % 4 !== 0 || size === 0 || size > bytes.length - 4) {
      throw fault(`a trie of ${size} bytes does not fit in ${bytes.length} bytes`);
    }
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + i * 4, true));
    this.#block = bytes.subarray(4 + size);
  }

  /** All keys that `bytes` starts with, the shortest first, as (length in bytes, value). */
  #prefixes(bytes: Uint8Array): [length: number, value: number][] {
    const found: [number, number][] = [];
    const units = this.#units;
    const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let at = offset(units[0] ?? 0);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      // A zero byte is the label of a leaf, so no key has one.
      if (byte === 0) break;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) break;
      at ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) found.push([i + 1, (units[at] ?? 0) & 0x7fffffff]);
    }
    return found;
  }

  #replacement(start: number): string {
    let text = this.#replacements.get(start);
    if (text === undefined) {
      let end = start;
      while (end < this.#block.length && this.#block[end] !== 0) end++;
      text = Buffer.from(this.#block.subarray(start, end)).toString("utf8");
      this.#replacements.set(start, text);
    }
    return text;
  }

  /** Whether no key begins with the character of this UTF-16 unit, so that it stays as it is, whatever follows. */
  isUnchanged(unit: number): boolean {
    let state = this.#starts[unit] ?? 0;
    if (state === 0) {
      state = unit >= 0xd800 && unit <= 0xdfff ? 2 : this.#isInside(Buffer.from(String.fromCharCode(unit))) ? 2 : 1;
      this.#starts[unit] = state;
    }
    return state === 1;
  }

  /** Whether a key begins with all of `bytes`. */
  #isInside(bytes: Uint8Array): boolean {
    const units = this.#units;
    const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let at = offset(units[0] ?? 0);
    for (const byte of bytes) {
      at ^= byte;
      const unit = units[at];
      if (byte === 0 || unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return false;
      at ^= offset(unit);
    }
    return true;
  }

  /** The longest key that the text has at `index`. */
  #longest(text: string, index: number): Match | undefined {
    // Keys are a few characters: 16 units hold the longest of nmt_nfkc (and of any rule that makes sense).
    const part = text.slice(index, index + 16);
    const bytes = Buffer.from(part);
    const last = this.#prefixes(bytes).at(-1);
    if (last === undefined) return undefined;
    return { units: bytes.subarray(0, last[0]).toString("utf8").length, replacement: last[1] };
  }

  /**
   * As SentencePiece replaces: at each place the longest key, else the character as it is.
   *
   * @returns the replacement at `index`, and how many UTF-16 units it stands for
   */
  prefix(text: string, index: number): { readonly text: string; readonly units: number } {
    const match = this.#longest(text, index);
    if (match !== undefined && match.units > 0) {
      return { text: this.#replacement(match.replacement), units: match.units };
    }
    const units = unitsOf(codePointAt(text, index));
    return { text: text.slice(index, index + units), units };
  }

  /** The replacement of the *shortest* key that `text` starts with: so Hugging Face's `Precompiled` looks up. */
  #shortest(text: string): string | undefined {
    const first = this.#prefixes(Buffer.from(text))[0];
    return first === undefined ? undefined : this.#replacement(first[1]);
  }

  #character(character: string): string {
    const codePoint = codePointAt(character, 0);
    let found = this.#single.get(codePoint);
    if (found === undefined) {
      found = this.#shortest(character) ?? null;
      this.#single.set(codePoint, found);
    }
    return found ?? character;
  }

  /**
   * As Hugging Face's `Precompiled` replaces, which is not quite what SentencePiece does: grapheme by grapheme, a short
   * one (under six bytes) as a whole by the shortest key that it starts with, else character by character.
   * Source: huggingface/spm_precompiled.
   */
  byGrapheme(text: string): string {
    let result = "";
    let end = 0;
    // Where no character combines with another, each is a grapheme, and no segmenter is needed.
    for (const match of text.matchAll(COMBINING)) {
      for (const character of text.slice(end, match.index)) result += this.#character(character);
      for (const { segment } of graphemes.segment(match[0])) result += this.#grapheme(segment);
      end = match.index + match[0].length;
    }
    for (const character of end === 0 ? text : text.slice(end)) result += this.#character(character);
    return result;
  }

  #grapheme(segment: string): string {
    const whole = Buffer.byteLength(segment) < 6 ? this.#shortest(segment) : undefined;
    if (whole !== undefined) return whole;
    let result = "";
    for (const character of segment) result += this.#character(character);
    return result;
  }
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/**
 * Characters known to stand alone: ASCII without CR, Latin, Greek and Cyrillic letters, Han, kana, their punctuation.
 * Between two of them a grapheme always ends.
 */
const ALONE =
  "\\n\\t -\\u02ff\\u0370-\\u0482\\u048a-\\u052f\\u2010-\\u2029\\u2030-\\u205e\\u3001-\\u3029\\u3030-\\u303c\\u3041-\\u3096\\u309b-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uff01-\\uff9d";
/** Other characters, with the one before and the one after them. */
const COMBINING = new RegExp(`[${ALONE}]?(?:[^${ALONE}]+[${ALONE}](?=[^${ALONE}]))*[^${ALONE}]+[${ALONE}]?`, "gu");
