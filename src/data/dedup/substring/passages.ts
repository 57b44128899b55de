import type { Document } from "../../../text/document.ts";
import { countCharacters } from "../../../text/script.ts";
import { excerptOf, type Verdict } from "../../stage.ts";
import { cutPassages, joinPassages, type Passage } from "./cut.ts";
import { Segmenter } from "./segments.ts";
import type { SubstringSettings } from "./settings.ts";
import { Tokeniser } from "./tokens.ts";
import type { FirstWindows } from "./windows.ts";

/** Stretches are sorted into so many sections by their keys; equal windows are always in one section. */
export const SECTIONS = 256;
/** Words before a stretch's tokens in a section: the document's position, the first token, how many tokens. */
const HEAD = 3;

/** The part of substring deduplication that looks at documents: any worker can do any shard. */
export class PassageWorker {
  readonly #settings: SubstringSettings;
  readonly #tokeniser: Tokeniser;
  readonly #segmenter: Segmenter;

  constructor(settings: SubstringSettings) {
    this.#settings = settings;
    this.#tokeniser = new Tokeniser(settings);
    this.#segmenter = new Segmenter(settings.min_tokens);
  }

  /**
   * The keys of all stretches of windows, as triples (high, low, the document's position in the shard). A key that occurs
   * once in the corpus belongs to windows that occur once.
   */
  keys(documents: readonly Pick<Document, "text">[]): Uint32Array {
    const triples = new Words();
    for (const [position, { text }] of documents.entries()) {
      const { count, highs, lows, starts, ends } = this.#segment(text);
      for (let i = 0; i < count; i++) {
        triples.push(highs[i] ?? 0, lows[i] ?? 0, position);
        // So long a stretch may repeat itself.
        if ((ends[i] ?? 0) - (starts[i] ?? 0) > this.#settings.min_tokens)
          triples.push(highs[i] ?? 0, lows[i] ?? 0, position);
      }
    }
    return triples.words();
  }

  /**
   * The stretches whose keys occur again, with their tokens, in sections: first the section's ends in words, counted
   * from the beginning, then the sections.
   *
   * @param wanted pairs (position, high word of the key), ascending by position
   */
  gather(documents: readonly Pick<Document, "text">[], wanted: Uint32Array): Uint32Array {
    const width = this.#settings.min_tokens;
    const sections = Array.from({ length: SECTIONS }, () => new Words(64));
    const keys = new Set<number>();
    for (let at = 0; at < wanted.length; ) {
      const position = wanted[at] ?? 0;
      keys.clear();
      for (; at < wanted.length && wanted[at] === position; at += 2) keys.add(wanted[at + 1] ?? 0);
      const { count, highs, starts, ends } = this.#segment(documents[position]?.text ?? "");
      for (let i = 0; i < count; i++) {
        const high = highs[i] ?? 0;
        if (!keys.has(high)) continue;
        const [start, end] = [starts[i] ?? 0, (ends[i] ?? 0) + width - 1];
        const section = sections[high % SECTIONS];
        section?.push(position, start, end - start);
        section?.append(this.#tokeniser.hashes.subarray(start, end));
      }
    }
    const total = sections.reduce((sum, { length }) => sum + length, SECTIONS);
    const result = new Uint32Array(total);
    let end = SECTIONS;
    for (const [i, section] of sections.entries()) {
      result.set(section.words(), end);
      end += section.length;
      result[i] = end;
    }
    return result;
  }

  /**
   * The document without passages; dropped when too little is left.
   * @param passages in tokens, in any order
   * @param nameOf the id of the document with a number
   */
  verdict(document: Document, passages: readonly Passage[], nameOf: (document: number) => string): Verdict {
    if (passages.length === 0) return { keep: document };
    const { text } = document;
    const count = this.#tokeniser.tokenise(text);
    const { starts, ends } = this.#tokeniser;
    const joined = joinPassages(passages);
    const left = cutPassages(text, joined, this.#tokeniser);
    const removed = joined.reduce((sum, { start, end }) => sum + end - start, 0);
    const [passage] = joined;
    const detail = `${removed} of ${count} tokens, first in ${nameOf(passage?.first ?? 0)}`;
    const characters = countCharacters(left.trim());
    if (characters < this.#settings.min_chars) {
      return { drop: { rule: "substring.min_chars", value: characters, threshold: this.#settings.min_chars, detail } };
    }
    const shown = text.slice(starts[passage?.start ?? 0], ends[(passage?.end ?? 1) - 1]);
    const part = { rule: "substring", value: joined.length, threshold: this.#settings.min_tokens, detail };
    return { keep: { ...document, text: left }, parts: [{ ...part, excerpt: excerptOf(shown) }] };
  }

  #segment(text: string): Segmenter {
    this.#segmenter.segment(this.#tokeniser.hashes, 0);
    const count = this.#tokeniser.tokenise(text);
    this.#segmenter.segment(this.#tokeniser.hashes, count);
    return this.#segmenter;
  }
}

/** One section's stretches of one shard, as {@link PassageWorker.gather} gives them. */
export interface SectionPart {
  /** The number of the shard's first document. */
  readonly first: number;
  readonly words: Uint32Array;
}

/**
 * The windows of a section that came before, as quadruples (document, first token, behind the last token, document that
 * has it first). A window that overlaps the one it repeats, as in "ha ha ha", is not counted: one copy stays whole.
 *
 * @param parts in the order of shards, so that the first window of a kind in the section is its first in the corpus
 */
export function findPassages(parts: readonly SectionPart[], width: number, firstWindows: FirstWindows): Uint32Array {
  const words = parts.reduce((sum, part) => sum + part.words.length, 0);
  const most = Math.ceil(words / (HEAD + width));
  const tokens = new Int32Array(words);
  // Where a stretch begins in `tokens`, in which document, at which of its tokens.
  const [places, documents, origins] = [new Uint32Array(most), new Uint32Array(most), new Uint32Array(most)];
  let count = 0;
  let filled = 0;
  for (const { first, words: part } of parts) {
    for (let at = 0; at < part.length; ) {
      const length = part[at + 2] ?? 0;
      places[count] = filled;
      documents[count] = first + (part[at] ?? 0);
      origins[count++] = part[at + 1] ?? 0;
      at += HEAD;
      for (let k = 0; k < length; k++) tokens[filled++] = part[at + k] ?? 0;
      // A separator, so that no window reaches into the next stretch.
      tokens[filled++] = 0;
      at += length;
    }
  }
  const firsts = firstWindows(tokens.subarray(0, filled), width);
  const found = new Words();
  let last = { document: -1, end: 0, by: -1 };
  for (let stretch = 0; stretch < count; stretch++) {
    const from = places[stretch] ?? 0;
    const to = stretch + 1 < count ? (places[stretch + 1] ?? 0) : filled;
    const [document, origin] = [documents[stretch] ?? 0, origins[stretch] ?? 0];
    for (let i = from; i < to; i++) {
      const first = firsts[i] ?? i;
      if (first === i) continue;
      const other = stretchAt(places, count, first);
      const by = documents[other] ?? 0;
      const start = origin + i - from;
      const before = (origins[other] ?? 0) + first - (places[other] ?? 0);
      if (by === document && before + width > start) continue;
      if (last.document === document && last.by === by && last.end === start + width - 1) {
        found.replaceEnd(++last.end);
      } else {
        last = { document, by, end: start + width };
        found.push(document, start, last.end, by);
      }
    }
    last.document = -1;
  }
  return found.words();
}

/** The last stretch that begins at or before a position. */
function stretchAt(places: Uint32Array, count: number, position: number): number {
  let low = 0;
  for (let high = count; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) <= position) low = middle;
    else high = middle;
  }
  return low;
}

/** An array of words that grows. */
class Words {
  #array: Uint32Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 1024) {
    this.#array = new Uint32Array(capacity);
  }

  push(...words: readonly number[]): void {
    this.#reserve(words.length);
    for (const word of words) this.#array[this.length++] = word;
  }

  append(words: ArrayLike<number>): void {
    this.#reserve(words.length);
    this.#array.set(words, this.length);
    this.length += words.length;
  }

  /** Of the last quadruple. */
  replaceEnd(end: number): void {
    this.#array[this.length - 2] = end;
  }

  words(): Uint32Array<ArrayBuffer> {
    return this.#array.slice(0, this.length);
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#array.length) return;
    const grown = new Uint32Array(Math.max(2 * this.#array.length, this.length + more));
    grown.set(this.#array);
    this.#array = grown;
  }
}
