/** Bits of {@link classOf}. */
export const LETTER = 1;
export const NUMBER = 2;
/** Unicode's White_Space, which is what `\s` means in Rust and Oniguruma (JavaScript's differs in U+0085 and U+FEFF). */
export const SPACE = 4;
/** Carriage return and line feed. */
export const NEWLINE = 8;
/** Script=Han. */
export const HAN = 16;

const PAGE_BITS = 8;
const PAGE_SIZE = 1 << PAGE_BITS;
const pages: (Uint8Array | undefined)[] = Array.from({ length: 0x110000 >> PAGE_BITS }, () => undefined);

function computeClass(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  let bits = 0;
  if (/\p{L}/u.test(character)) bits |= LETTER;
  if (/\p{N}/u.test(character)) bits |= NUMBER;
  if (/\p{White_Space}/u.test(character)) bits |= SPACE;
  if (codePoint === 0x0a || codePoint === 0x0d) bits |= NEWLINE;
  if (/\p{Script=Han}/u.test(character)) bits |= HAN;
  return bits;
}

function makePage(index: number): Uint8Array {
  const page = Uint8Array.from({ length: PAGE_SIZE }, (_, i) => computeClass(index * PAGE_SIZE + i));
  pages[index] = page;
  return page;
}

/** The classes of a code point, 0 when it has none (punctuation, symbols, marks, surrogates). Tables fill as needed. */
export function classOf(codePoint: number): number {
  const page = pages[codePoint >> PAGE_BITS] ?? makePage(codePoint >> PAGE_BITS);
  return page[codePoint & (PAGE_SIZE - 1)] ?? 0;
}

/** The code point at `index`; a lone surrogate gives itself. */
export function codePointAt(text: string, index: number): number {
  const first = text.charCodeAt(index);
  if (first < 0xd800 || first > 0xdbff) return first;
  return text.codePointAt(index) ?? first;
}

/** UTF-16 units of a code point. */
export function unitsOf(codePoint: number): 1 | 2 {
  return codePoint > 0xffff ? 2 : 1;
}

/** Lone surrogates, which UTF-8 cannot write, become U+FFFD. */
export function toWellFormed(text: string): string {
  // Most texts have no surrogate at all, and without the `u` flag that is seen sooner.
  return /[\uD800-\uDFFF]/.test(text) ? text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD") : text;
}
