import { isHan } from "../../../text/script.ts";
import type { SubstringSettings } from "./settings.ts";

const SPACE = 0;
/** Control characters, line ends among them: nothing attaches to them (UAX 29, rules GB4 and GB5). */
const CONTROL = 1;
/** A letter or digit of a script with words. */
const WORD = 2;
/** A token of its own: Han, kana, Thai, signs, emoji. */
const SINGLE = 3;
/** Belongs to the character before it: marks, joiners, skin tones, variation selectors, tags, later Hangul jamo. */
const EXTEND = 4;
/** Half of a flag. */
const REGIONAL = 5;

const EXTENDS =
  /[\p{M}\p{Emoji_Modifier}\u1160-\u11ff\ud7b0-\ud7ff\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\u{e0020}-\u{e007f}]/u;
/**
 * What joins the next character: viramas of Indian, Burmese and Khmer script (UAX 29, rule GB9c), the joiner of emoji
 * (GB11), signs that stand before digits (GB9b).
 */
const LINKERS = new Set([
  0x94d, 0x9cd, 0xacd, 0xb4d, 0xc4d, 0xd4d, 0x1039, 0x17d2, 0x200d, 0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6dd,
  0x70f, 0x890, 0x891, 0x8e2, 0x110bd, 0x110cd,
]);
const UNSPACED =
  /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
// Signs that stand before digits count as letters.
const LETTERS = /[\p{L}\p{N}\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;

function classOf(codePoint: number): number {
  if (isHan(codePoint)) return SINGLE;
  if (codePoint >= 0x1f1e6 && codePoint <= 0x1f1ff) return REGIONAL;
  const character = String.fromCodePoint(codePoint);
  if (/[\p{Cc}\u2028\u2029]/u.test(character)) return CONTROL;
  if (/\s/u.test(character)) return SPACE;
  if (EXTENDS.test(character)) return EXTEND;
  if (UNSPACED.test(character)) return SINGLE;
  return LETTERS.test(character) ? WORD : SINGLE;
}

let basicPlane: Uint8Array | undefined;
const otherPlanes = new Map<number, number>();

function table(): Uint8Array {
  if (basicPlane !== undefined) return basicPlane;
  basicPlane = new Uint8Array(0x10000);
  for (let unit = 0; unit < 0x10000; unit++) {
    // Lone surrogates and private use are signs.
    basicPlane[unit] = unit >= 0xd800 && unit <= 0xf8ff ? SINGLE : classOf(unit);
  }
  return basicPlane;
}

function classOfPair(codePoint: number): number {
  const known = otherPlanes.get(codePoint);
  if (known !== undefined) return known;
  const found = classOf(codePoint);
  otherPlanes.set(codePoint, found);
  return found;
}

/**
 * Cuts texts into tokens whose ends are ends of characters as a reader sees them (grapheme clusters): what is cut out
 * between two tokens never tears an accent from its letter, or an emoji of several code points. White space belongs to
 * no token, so that a passage is found again with its lines broken elsewhere. One tokeniser for each thread; its arrays
 * are used again by the next text.
 */
export class Tokeniser {
  /** Never 0; equal tokens have equal hashes, case and all. */
  hashes = new Int32Array(1024);
  /** Where tokens begin and end in the text, in UTF-16 units. */
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  readonly #byCharacter: boolean;

  constructor({ unit }: Pick<SubstringSettings, "unit">) {
    this.#byCharacter = unit === "characters";
  }

  /** The number of tokens; they stand in `hashes`, `starts` and `ends`. */
  tokenise(text: string): number {
    const classes = table();
    const byCharacter = this.#byCharacter;
    let count = 0;
    // What the last token was made of; SPACE where none is open.
    let open = SPACE;
    // The code point before, or SPACE or CONTROL, which are no code points of a token.
    let last = CONTROL;
    let hash = 0;
    for (let i = 0; i < text.length; i++) {
      const start = i;
      let unit = text.charCodeAt(i);
      let kind = classes[unit] ?? SINGLE;
      if (unit >= 0xd800 && unit < 0xdc00) {
        const codePoint = text.codePointAt(i) ?? unit;
        if (codePoint > 0xffff) {
          kind = classOfPair(codePoint);
          unit = codePoint;
          i++;
        }
      }
      if (kind === SPACE || kind === CONTROL) {
        if (open !== SPACE) this.hashes[count++] = finish(hash);
        open = SPACE;
        last = kind;
        continue;
      }
      const joins =
        open !== SPACE &&
        (kind === EXTEND ||
          (kind === WORD && open === WORD && (!byCharacter || LINKERS.has(last))) ||
          (kind === REGIONAL && open === REGIONAL) ||
          (kind === SINGLE && open === SINGLE && LINKERS.has(last)));
      if (joins) {
        hash = mix(hash, unit);
        this.ends[count] = i + 1;
        // A third regional indicator begins the next flag; an extended half stands alone.
        if (open === REGIONAL) open = SINGLE;
      } else {
        if (open !== SPACE) this.hashes[count++] = finish(hash);
        if (count + 1 >= this.hashes.length) this.#grow();
        hash = mix(kind, unit);
        // A mark after a space forms a character with the space.
        const onSpace = kind === EXTEND && last === SPACE;
        this.starts[count] = onSpace ? start - 1 : start;
        this.ends[count] = i + 1;
        open = kind === EXTEND ? SINGLE : kind;
      }
      last = unit;
    }
    if (open !== SPACE) this.hashes[count++] = finish(hash);
    return count;
  }

  #grow(): void {
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(2 * old.length);
      array.set(old);
      return array;
    };
    this.hashes = grown(this.hashes);
    this.starts = grown(this.starts);
    this.ends = grown(this.ends);
  }
}

function mix(hash: number, unit: number): number {
  return Math.imul(((hash << 5) | (hash >>> 27)) ^ unit, 0x9e3779b1);
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h === 0 ? 1 : h;
}
