import { countCharacters } from "../../../text/script.ts";

/** Gathers blocks into pieces of about `maxCharacters`; a block that is longer by itself is cut at the best place. */
export class Splitter {
  readonly #max: number;
  readonly #separator: string;
  #blocks: string[] = [];
  #length = 0;

  /** @param separator what stands between two blocks of a piece: `\n\n` for paragraphs, `\n` for lines */
  constructor(maxCharacters: number, separator: string) {
    this.#max = maxCharacters;
    this.#separator = separator;
  }

  /** Takes one block and gives back the pieces that are full. */
  push(block: string): string[] {
    const pieces: string[] = [];
    const parts = countCharacters(block) > this.#max ? cutLong(block, this.#max) : [block];
    for (const part of parts) {
      const length = countCharacters(part);
      // A piece ends before the block that would carry it further past the aim than it is short of it now.
      const over = this.#length + length - this.#max;
      if (this.#blocks.length > 0 && over > 0 && over > this.#max - this.#length) pieces.push(...this.flush());
      this.#blocks.push(part);
      this.#length += length + this.#separator.length;
      if (this.#length >= this.#max) pieces.push(...this.flush());
    }
    return pieces;
  }

  /** The last piece, if anything is left. */
  flush(): string[] {
    if (this.#blocks.length === 0) return [];
    const piece = this.#blocks.join(this.#separator);
    this.#blocks = [];
    this.#length = 0;
    return [piece];
  }
}

/** Cuts at line ends, else after sentences, else at spaces, else between characters; nothing is lost but white space. */
export function cutLong(text: string, maxCharacters: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > maxCharacters) {
    let end = bestCut(text, start, start + maxCharacters);
    const unit = text.charCodeAt(end);
    if (unit >= 0xdc00 && unit <= 0xdfff) end--;
    pieces.push(text.slice(start, end).trim());
    start = Math.max(end, start + 1);
  }
  pieces.push(text.slice(start).trim());
  return pieces.filter((piece) => piece !== "");
}

const CUTS = [/\n(?=[^\n]*$)/, /[.!?。！？…]["'”’」』）)]*(?=[^.!?。！？…]*$)/, /\s(?=\S*$)/];

/** The latest good place in the second half of the window, else its end. */
function bestCut(text: string, start: number, end: number): number {
  const middle = start + Math.floor((end - start) / 2);
  // Looking back over at most 2,000 characters keeps the search linear in the text's length.
  const from = Math.max(middle, end - 2000);
  const window = text.slice(from, end);
  for (const cut of CUTS) {
    const match = cut.exec(window);
    if (match !== null) return from + match.index + match[0].length;
  }
  return end;
}
