import { isHan } from "../../../text/script.ts";

// One byte per UTF-16 unit: a table look-up is some twenty times faster than a regular expression per character.
export const OTHER = 0;
export const SPACE = 1;
export const NEWLINE = 2;
export const LETTER = 3;
export const DIGIT = 4;
export const HAN = 5;

// LF and the other line ends of Unicode (UAX 14, classes BK and NL); CR counts as space, so that CRLF is one line end.
const NEWLINES = new Set([0x0a, 0x0b, 0x0c, 0x85, 0x2028, 0x2029]);

let table: Uint8Array | undefined;

/** Classes of the 65,536 UTF-16 units. A surrogate alone is `OTHER`; a pair goes to {@link classOfPair}. */
export function characterClasses(): Uint8Array {
  if (table !== undefined) return table;
  table = new Uint8Array(0x10000);
  for (let unit = 0; unit < 0x10000; unit++) {
    if (unit >= 0xd800 && unit <= 0xf8ff) continue;
    table[unit] = isHan(unit) ? HAN : classOf(String.fromCharCode(unit));
  }
  return table;
}

/** The class of a character beyond the Basic Multilingual Plane. */
export function classOfPair(codePoint: number): number {
  return isHan(codePoint) ? HAN : classOf(String.fromCodePoint(codePoint));
}

function classOf(character: string): number {
  if (NEWLINES.has(character.charCodeAt(0))) return NEWLINE;
  if (/\s/u.test(character)) return SPACE;
  if (/[\p{L}\p{M}]/u.test(character)) return LETTER;
  return /\p{N}/u.test(character) ? DIGIT : OTHER;
}
