import { characterClasses, classOfPair, DIGIT, HAN, LETTER, NEWLINE, OTHER, SPACE } from "./character-class.ts";
import { HashIds } from "../../../ngram/hash-ids.ts";

/**
 * How a text is cut into words. `spaces`: runs between white space, as Gopher does. `characters`: Han characters one by
 * one, runs of wide punctuation, other runs between those and white space. `segmenter`: the words of `Intl.Segmenter("zh")`.
 */
export type WordMode = "spaces" | "characters" | "segmenter";

/** What one pass over a text counts. All lengths are in code points. */
export interface Counts {
  characters: number;
  /** Tokens: words and, where they stand alone, punctuation marks. */
  tokens: number;
  /** Tokens with a letter or digit. */
  words: number;
  /** Characters in those. */
  wordCharacters: number;
  /** Tokens with a letter. */
  alphabetic: number;
  /** Tokens that are single Han characters (mode `characters` only). */
  hanTokens: number;
  hashes: number;
  /** Runs of three or more full stops, or of one or more `…`. */
  ellipses: number;
  /** Characters of code: brackets, operators, `;`, `\`, `_` and such. */
  codeSymbols: number;
  /** Characters that are not white space. */
  visible: number;
  newlines: number;
  /** Lines with anything but white space on them. */
  lines: number;
  bulletLines: number;
  ellipsisLines: number;
  punctuatedLines: number;
  /** Lines of at most 30 characters. */
  shortLines: number;
  duplicateLines: number;
  duplicateLineCharacters: number;
  /** Blocks between blank lines. */
  paragraphs: number;
  duplicateParagraphs: number;
  duplicateParagraphCharacters: number;
  /** Distinct stop words that occur. */
  stopWords: number;
}

// "-", "*" and "+" open a bullet only before white space: "-1" and "*emphasis*" do not.
const BULLETS = new Set([..."•‣⁃▪▫◦●○■□·・"].map((c) => c.charCodeAt(0)));
const ASCII_BULLETS = new Set([..."-*+"].map((c) => c.charCodeAt(0)));
const TERMINALS = new Set([...".!?\"'”’」』。！？…；：;:）)》"].map((c) => c.charCodeAt(0)));
const CODE = new Uint8Array(128);
for (const c of "{}[]<>=;_\\|&$@^~`*/+#") CODE[c.charCodeAt(0)] = 1;

const DOT = 0x2e;
const ELLIPSIS = 0x2026;
/** Intl.Segmenter takes quadratic time in the length of one string (ICU through V8), so it gets pieces. */
const SEGMENT_PIECE = 200;

/** Reads a text once; its arrays are used again for the next one. Not for use by two texts at a time. */
export class Scanner {
  readonly #classes = characterClasses();
  readonly #ids = new HashIds();
  readonly #segmenter = new Intl.Segmenter("zh", { granularity: "word" });
  #firstHash = new Int32Array(1024);
  #secondHash = new Int32Array(1024);
  #cuts = new Int32Array(0);
  /** Token number -> number of the distinct word; valid up to the last scan's `tokens`. */
  wordIds = new Int32Array(1024);
  /** Token number -> length in code points. */
  lengths = new Int32Array(1024);
  /** Distinct words in the last text. */
  distinctWords = 0;
  readonly #lineIds = new HashIds();
  readonly #paragraphIds = new HashIds();
  #stopKey: readonly string[] | undefined;
  #stopHashes = new Map<number, number>();

  scan(text: string, mode: WordMode, stopWords: readonly string[]): Counts {
    this.#setStopWords(stopWords);
    if (mode === "segmenter") this.#segment(text);
    // Giant documents must not leave their arrays behind.
    if (this.#firstHash.length > 1 << 21 && text.length < 1 << 20) this.#resize(1024);
    const classes = this.#classes;
    const seenStops = new Set<number>();
    const counts = emptyCounts();
    this.#lineIds.reset(0);
    this.#paragraphIds.reset(0);

    let pairs = 0; // surrogate pairs so far: index - pairs counts code points
    let line = { first: 0, second: 0, start: -1, end: 0, pairsBefore: 0, lastUnit: 0, dots: 0 };
    let paragraph = { first: 0, second: 0, characters: 0, lines: 0 };
    let blank = false;
    let nextCut = 0;
    const length = text.length;

    const endParagraph = (): void => {
      if (paragraph.lines > 0) {
        counts.paragraphs++;
        const before = this.#paragraphIds.distinct;
        if (this.#paragraphIds.idOf(paragraph.first, paragraph.second) < before) {
          counts.duplicateParagraphs++;
          counts.duplicateParagraphCharacters += paragraph.characters;
        }
      }
      paragraph = { first: 0, second: 0, characters: 0, lines: 0 };
    };
    const endLine = (): void => {
      if (line.start < 0) {
        blank = true;
        return;
      }
      if (blank) endParagraph();
      blank = false;
      counts.lines++;
      const characters = line.end - line.start - (pairs - line.pairsBefore);
      const start = text.charCodeAt(line.start);
      const after = classes[text.charCodeAt(line.start + 1)];
      if (BULLETS.has(start) || (ASCII_BULLETS.has(start) && after === SPACE)) counts.bulletLines++;
      if (line.lastUnit === ELLIPSIS || line.dots >= 3) counts.ellipsisLines++;
      if (TERMINALS.has(line.lastUnit)) counts.punctuatedLines++;
      if (characters <= 30) counts.shortLines++;
      const before = this.#lineIds.distinct;
      if (this.#lineIds.idOf(line.first, line.second) < before) {
        counts.duplicateLines++;
        counts.duplicateLineCharacters += characters;
      }
      paragraph.first = Math.imul(paragraph.first ^ line.first, 0x01000193) + 1;
      paragraph.second = (Math.imul(paragraph.second, 31) + line.second) | 0;
      paragraph.characters += characters + (paragraph.lines > 0 ? 1 : 0);
      paragraph.lines++;
      line = { first: 0, second: 0, start: -1, end: 0, pairsBefore: 0, lastUnit: 0, dots: 0 };
    };

    for (let i = 0; i < length; ) {
      const opening = classes[text.charCodeAt(i)] ?? OTHER;
      if (opening === SPACE) {
        i++;
        continue;
      }
      if (opening === NEWLINE) {
        counts.newlines++;
        endLine();
        i++;
        continue;
      }
      // One token: [start, i).
      const start = i;
      const pairsBefore = pairs;
      let first = 0x811c9dc5 | 0;
      let second = 0;
      let core = 0;
      let letters = 0;
      let digits = 0;
      let dots = 0;
      let han = false;
      let wideRun = false;
      if (mode === "segmenter") while ((this.#cuts[nextCut] ?? length) <= i) nextCut++;
      const end = mode === "segmenter" ? (this.#cuts[nextCut] ?? length) : length;
      for (; i < end; i++) {
        const unit = text.charCodeAt(i);
        let kind = classes[unit] ?? OTHER;
        if (kind === SPACE || kind === NEWLINE) break;
        let low = 0;
        if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < length) {
          low = text.charCodeAt(i + 1);
          if (low >= 0xdc00 && low < 0xe000) kind = classOfPair(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
          else low = 0;
        }
        if (mode === "characters") {
          // A run of wide punctuation is a token too: "，GPT" is a comma and a word.
          const wide = kind === OTHER && unit >= 0x2000;
          if (i > start && (kind === HAN || wide !== wideRun)) break;
          wideRun = wide;
          han = kind === HAN;
        }
        first = Math.imul(first ^ unit, 0x01000193);
        second = Math.imul(((second << 5) | (second >>> 27)) ^ unit, 0x9e3779b1);
        if (low !== 0) {
          first = Math.imul(first ^ low, 0x01000193);
          second = Math.imul(((second << 5) | (second >>> 27)) ^ low, 0x9e3779b1);
          pairs++;
          i++;
        }
        if (kind === LETTER || kind === HAN) {
          letters++;
          core = hashStep(core, unit < 128 ? unit | 32 : unit);
        } else if (kind === DIGIT) digits++;
        else if (unit < 128) {
          counts.codeSymbols += CODE[unit] ?? 0;
          if (unit === 0x23) counts.hashes++;
        }
        if (unit === DOT) {
          if (++dots === 3) counts.ellipses++;
        } else {
          if (unit === ELLIPSIS && (i === 0 || text.charCodeAt(i - 1) !== ELLIPSIS)) counts.ellipses++;
          dots = 0;
        }
        if (han) {
          i++;
          break;
        }
      }
      const characters = i - start - (pairs - pairsBefore);
      const token = counts.tokens++;
      if (token >= this.#firstHash.length) this.#resize(2 * token);
      this.#firstHash[token] = first;
      this.#secondHash[token] = second;
      this.lengths[token] = characters;
      counts.visible += characters;
      if (letters + digits > 0) {
        counts.words++;
        counts.wordCharacters += characters;
        if (letters > 0) counts.alphabetic++;
        if (han) counts.hanTokens++;
      } else if (stopWords.length > 0 && characters === 1) core = hashStep(core, text.charCodeAt(start));
      if (core !== 0 && this.#stopHashes.size > 0) {
        const stop = this.#stopHashes.get(core);
        if (stop !== undefined) seenStops.add(stop);
      }
      if (line.start < 0) {
        line.start = start;
        line.pairsBefore = pairsBefore;
      }
      line.end = i;
      line.lastUnit = text.charCodeAt(i - 1);
      line.dots = dots;
      line.first = Math.imul(line.first ^ first, 0x01000193) + 1;
      line.second = (Math.imul(line.second, 31) + second) | 0;
    }
    endLine();
    endParagraph();
    counts.stopWords = seenStops.size;
    counts.characters = length - pairs;
    this.#numberWords(counts.tokens);
    return counts;
  }

  #numberWords(tokens: number): void {
    this.#ids.reset(tokens);
    for (let i = 0; i < tokens; i++) {
      this.wordIds[i] = this.#ids.idOf(this.#firstHash[i] ?? 0, this.#secondHash[i] ?? 0);
    }
    this.distinctWords = this.#ids.distinct;
  }

  #resize(size: number): void {
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(size);
      array.set(old.subarray(0, size));
      return array;
    };
    this.#firstHash = grown(this.#firstHash);
    this.#secondHash = grown(this.#secondHash);
    this.lengths = grown(this.lengths);
    this.wordIds = new Int32Array(size);
  }

  #segment(text: string): void {
    const cuts: number[] = [];
    for (let start = 0; start < text.length; ) {
      let end = Math.min(text.length, start + SEGMENT_PIECE);
      const newline = text.indexOf("\n", start);
      if (newline >= 0 && newline < end) end = newline + 1;
      else if (end < text.length && (text.charCodeAt(end) & 0xfc00) === 0xdc00) end--;
      for (const { index } of this.#segmenter.segment(text.slice(start, end))) cuts.push(start + index);
      start = end;
    }
    this.#cuts = Int32Array.from(cuts);
  }

  #setStopWords(stopWords: readonly string[]): void {
    if (this.#stopKey === stopWords) return;
    this.#stopKey = stopWords;
    this.#stopHashes = new Map();
    for (const [index, word] of stopWords.entries()) {
      let core = 0;
      for (let i = 0; i < word.length; i++) {
        const unit = word.charCodeAt(i);
        core = hashStep(core, unit >= 65 && unit <= 90 ? unit | 32 : unit);
      }
      this.#stopHashes.set(core, index);
    }
  }
}

/** The letters of a word, case of ASCII letters folded: "The," and "the" count as the same stop word. */
function hashStep(hash: number, unit: number): number {
  return Math.imul(((hash << 7) | (hash >>> 25)) ^ unit, 0x9e3779b1) ^ unit;
}

function emptyCounts(): Counts {
  return {
    characters: 0,
    tokens: 0,
    words: 0,
    wordCharacters: 0,
    alphabetic: 0,
    hanTokens: 0,
    hashes: 0,
    ellipses: 0,
    codeSymbols: 0,
    visible: 0,
    newlines: 0,
    lines: 0,
    bulletLines: 0,
    ellipsisLines: 0,
    punctuatedLines: 0,
    shortLines: 0,
    duplicateLines: 0,
    duplicateLineCharacters: 0,
    paragraphs: 0,
    duplicateParagraphs: 0,
    duplicateParagraphCharacters: 0,
    stopWords: 0,
  };
}
