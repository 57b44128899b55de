import { isHan } from "../../../text/script.ts";
import { characterClasses, classOfPair, DIGIT, HAN, LETTER, OTHER } from "../../judge/filter/character-class.ts";

/** One line of a text, or one paragraph: lines without a blank one between them. */
export interface Unit {
  readonly isParagraph: boolean;
  /** Lines `[from, to)` of the text. */
  readonly from: number;
  readonly to: number;
  /** 64-bit hash of the letters and digits; the lowest bit of `low` says whether it is a paragraph. */
  readonly high: number;
  readonly low: number;
  /** Runs of letters and digits; Han characters one by one. */
  readonly words: number;
}

const ZERO = 0x30;

/** Hashes what counts of a line: letters and digits in lower case, one space for all that stands between them. */
class LineHash {
  high = 0;
  low = 0;
  words = 0;
  readonly #classes = characterClasses();
  readonly #foldDigits: boolean;

  constructor(foldDigits: boolean) {
    this.#foldDigits = foldDigits;
  }

  start(): void {
    this.high = 0x2545f491;
    this.low = 0x27220a95;
    this.words = 0;
  }

  /** Adds a line; a line's end is like a space, so that paragraphs with other line breaks are equal. */
  add(line: string): void {
    let isOpen = false;
    for (let i = 0; i < line.length; i++) {
      let unit = line.charCodeAt(i);
      let kind = this.#classes[unit] ?? OTHER;
      if (unit >= 0xd800 && unit < 0xdc00) {
        const codePoint = line.codePointAt(i) ?? unit;
        if (codePoint > 0xffff) {
          kind = isHan(codePoint) ? HAN : classOfPair(codePoint);
          unit = codePoint;
          i++;
        }
      }
      if (kind !== LETTER && kind !== DIGIT && kind !== HAN) {
        isOpen = false;
        continue;
      }
      if (kind === HAN || !isOpen) {
        this.words++;
        this.#mix(0x20);
      }
      isOpen = kind !== HAN;
      this.#mix(kind === DIGIT && this.#foldDigits ? ZERO : unit);
    }
  }

  /** Ends the hash: then `high` and `low` are it. */
  end(isParagraph: boolean): void {
    let h = this.high ^ (this.low >>> 3);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    let l = this.low ^ (this.high >>> 7);
    l = Math.imul(l ^ (l >>> 15), 0x2c1b3c6d);
    l = Math.imul(l ^ (l >>> 12), 0x297a2d39);
    this.high = (h ^ (h >>> 16)) >>> 0;
    this.low = (((l ^ (l >>> 15)) & ~1) | (isParagraph ? 1 : 0)) >>> 0;
  }

  #mix(unit: number): void {
    this.high = Math.imul(((this.high << 5) | (this.high >>> 27)) ^ unit, 0x9e3779b1);
    this.low = Math.imul(((this.low << 13) | (this.low >>> 19)) ^ unit, 0x85ebca77);
  }
}

/** The lines of a text, and its paragraphs and lines with their hashes: first paragraphs, then lines. */
export function unitsOf(
  text: string,
  { foldDigits, paragraphs, lines }: { foldDigits: boolean; paragraphs: boolean; lines: boolean },
): { lines: string[]; isBlank: boolean[]; units: Unit[] } {
  const all = text.split("\n");
  // Neither changes where lines end.
  const normal = text.normalize("NFC").toLowerCase().split("\n");
  const isBlank = all.map((line) => line.trim() === "");
  const hash = new LineHash(foldDigits);
  const units: Unit[] = [];
  const push = (isParagraph: boolean, from: number, to: number): void => {
    hash.start();
    for (let i = from; i < to; i++) hash.add(normal[i] ?? "");
    const { words } = hash;
    hash.end(isParagraph);
    units.push({ isParagraph, from, to, high: hash.high, low: hash.low, words });
  };
  for (let from = 0; paragraphs && from < all.length; ) {
    let to = from;
    while (to < all.length && isBlank[to] === false) to++;
    if (to > from) push(true, from, to);
    from = to + 1;
  }
  for (let i = 0; lines && i < all.length; i++) if (isBlank[i] === false) push(false, i, i + 1);
  return { lines: all, isBlank, units };
}
