import type { PieceScanner } from "./pieces.ts";

/** Where a text may be cut before anything is done to it, without a difference in what comes out. */
export interface ChunkRules {
  /** Around each Chinese character. */
  readonly hanApart: boolean;
  /** Between letters and East Asian punctuation. */
  readonly punctuationApart: boolean;
}

/** A character that stands for itself: no mark, no blank, nothing that joins with what follows it. */
const PLAIN = 1;
const HAN = 2;
const PUNCTUATION = 4;

const classes = new Uint8Array(0x10000);
const mark = (bits: number, ...ranges: readonly (readonly [number, number])[]): void => {
  for (const [first, last] of ranges)
    for (let unit = first; unit <= last; unit++) classes[unit] = (classes[unit] ?? 0) | bits;
};
mark(
  PLAIN,
  [0x21, 0x7e],
  [0xc0, 0x24f],
  [0x391, 0x3ce],
  [0x410, 0x44f],
  [0x3041, 0x3096],
  [0x30a1, 0x30fa],
  [0xac00, 0xd7a3],
);
mark(PLAIN | HAN, [0x3400, 0x4dbf], [0x4e00, 0x9fff]);
mark(PLAIN | PUNCTUATION, [0x3001, 0x3002], [0x3008, 0x3011], [0xff01, 0xff01], [0xff08, 0xff09], [0xff0c, 0xff0c]);
mark(PLAIN | PUNCTUATION, [0xff1a, 0xff1b], [0xff1f, 0xff1f]);

/** All plain characters beside Chinese and Korean ones. */
export function plainCharacters(): string[] {
  const found: string[] = [];
  for (let unit = 0; unit < 0xac00; unit++) {
    if (((classes[unit] ?? 0) & (PLAIN | HAN)) === PLAIN) found.push(String.fromCharCode(unit));
  }
  return found;
}

/** Cuts before a blank that follows a plain character, and where the rules say so. */
export function chunkScanner({ hanApart, punctuationApart }: ChunkRules): PieceScanner {
  return (text, start) => {
    let before = classes[text.charCodeAt(start)] ?? 0;
    for (let index = start + 1; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      const here = classes[unit] ?? 0;
      if ((before & PLAIN) !== 0) {
        if (unit === 0x20) return index;
        if ((here & PLAIN) !== 0) {
          if (hanApart && ((here | before) & HAN) !== 0) return index;
          if (punctuationApart && ((here ^ before) & PUNCTUATION) !== 0) {
            if (isLetter((here & PUNCTUATION) !== 0 ? text.charCodeAt(index - 1) : unit)) return index;
          }
        }
      }
      before = here;
    }
    return text.length;
  };
}

/** Of plain characters that are no punctuation: all above ASCII but two signs are letters. */
function isLetter(unit: number): boolean {
  return unit > 0xbf && unit !== 0xd7 && unit !== 0xf7;
}
