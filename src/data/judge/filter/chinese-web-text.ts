import { isHan } from "../../../text/script.ts";
import { HashIds } from "../../../ngram/hash-ids.ts";

/** The figures of ChineseWebText's rules (Chen et al. 2023, section 3.1). Lengths in UTF-16 units without white space. */
export interface ChineseFigures {
  /** Mean length of the lines that are not blank. */
  readonly meanLine: number;
  readonly characters: number;
  /** Han characters among all. */
  readonly chineseShare: number;
  /** Of all runs of 13 characters, those that stood before. */
  readonly repeated: number;
}

const SIZE = 13;
const BASE = 0x9e3779b1;
const OTHER_BASE = 0x85ebca6b;
/** BASE ** SIZE modulo 2^32: what the oldest character of a rolling hash has been multiplied with. */
const OUT = power(BASE, SIZE);
const OTHER_OUT = power(OTHER_BASE, SIZE);

/** Measures one text after another, in a table that is used again. */
export class ChineseFigurer {
  readonly #ids = new HashIds();
  readonly #ring = new Int32Array(SIZE);

  measure(text: string): ChineseFigures {
    let characters = 0;
    let han = 0;
    let lines = 0;
    let inLine = false;
    let first = 0;
    let second = 0;
    let repeated = 0;
    const ring = this.#ring.fill(0);
    this.#ids.reset(text.length);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === 0x20 || (unit >= 9 && unit <= 13) || unit === 0x3000 || unit === 0xa0) {
        if (unit === 10) inLine = false;
        continue;
      }
      if (!inLine) {
        inLine = true;
        lines++;
      }
      if (unit >= 0x3005 && isHan(unit)) han++;
      const place = characters % SIZE;
      const gone = ring[place] ?? 0;
      first = (Math.imul(first, BASE) + unit - Math.imul(gone, OUT)) | 0;
      second = (Math.imul(second, OTHER_BASE) + unit - Math.imul(gone, OTHER_OUT)) | 0;
      ring[place] = unit;
      characters++;
      if (characters >= SIZE) {
        const before = this.#ids.distinct;
        if (this.#ids.idOf(first, second) < before) repeated++;
      }
    }
    const runs = characters - SIZE + 1;
    return {
      meanLine: lines === 0 ? 0 : characters / lines,
      characters,
      chineseShare: characters === 0 ? 0 : han / characters,
      repeated: runs <= 0 ? 0 : repeated / runs,
    };
  }
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = Math.imul(result, base);
  return result;
}
