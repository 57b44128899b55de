import { codePointAt, classOf, unitsOf, HAN, LETTER, NEWLINE, NUMBER, SPACE } from "./character-classes.ts";
import type { PatternDialect } from "./pattern-classes.ts";
import { toJavaScriptRegex } from "./pattern.ts";
import { regexScanner, type PieceScanner } from "./pieces.ts";

/** Names that a recipe may give. */
export const preTokenizerNames = ["gpt2", "gpt4", "chinese"] as const;
/** The name of a built-in pre-tokenizer: how a text is cut before tokens are made. */
export type PreTokenizerName = (typeof preTokenizerNames)[number];

/** Han characters in one piece: more than nearly every phrase, few enough to keep counting and encoding in bounds. */
const HAN_RUN = 16;

const contraction = "'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])";
const rest = "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * The definitions, in the regular expressions that tokenizer.json carries; the scanners below are their fast form.
 * - gpt2: Radford et al. 2019, encoder.py.
 * - gpt4: tiktoken's cl100k_base, its contractions written without `(?i:)`, which engines fold differently.
 * - chinese: gpt4, but Han stands apart from other letters, from spaces and from punctuation ("，他" is two pieces),
 *   so that the vocabulary is spent on words and not on words with a comma before them.
 */
export const preTokenizerPatterns: Readonly<Record<PreTokenizerName, string>> = {
  gpt2: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  gpt4: `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${rest}`,
  chinese: `${contraction}|[^\\r\\n\\p{L}\\p{N}]?(?:(?!\\p{Han})\\p{L})+|\\p{Han}{1,${HAN_RUN}}|${rest}`,
};

const QUOTE = 0x27;
const BLANK = 0x20;
const LONG_S = 0x17f;

/** The end of the run from `index` whose classes, under `mask`, equal `wanted`. */
function run(text: string, index: number, mask: number, wanted: number, limit = Infinity): number {
  let count = 0;
  while (index < text.length && count < limit) {
    const codePoint = codePointAt(text, index);
    if ((classOf(codePoint) & mask) !== wanted) break;
    index += unitsOf(codePoint);
    count++;
  }
  return index;
}

/** The end of `\s+(?!\S)|\s+`: a run of white space leaves its last one to the word after it. */
function spaces(start: number, end: number, textEnd: number): number {
  return end < textEnd && end - start > 1 ? end - 1 : end;
}

const OTHER_MASK = LETTER | NUMBER | SPACE;

function scanGpt2(text: string, start: number): number {
  const first = codePointAt(text, start);
  if (first === QUOTE) {
    const next = text.charAt(start + 1);
    if (next === "s" || next === "t" || next === "m" || next === "d") return start + 2;
    const two = text.slice(start + 1, start + 3);
    if (two === "re" || two === "ve" || two === "ll") return start + 3;
  }
  let body = start;
  if (first === BLANK && start + 1 < text.length) {
    const next = classOf(codePointAt(text, start + 1));
    if ((next & SPACE) === 0) body = start + 1;
  }
  const kind = classOf(codePointAt(text, body));
  if (kind & LETTER) return run(text, body, LETTER, LETTER);
  if (kind & NUMBER) return run(text, body, NUMBER, NUMBER);
  if ((kind & SPACE) === 0) return run(text, body, OTHER_MASK, 0);
  return spaces(start, run(text, start, SPACE, SPACE), text.length);
}

/** The end of a contraction at `start` ('s, 'LL, …), or -1. */
function contractionEnd(text: string, start: number, withLongS: boolean): number {
  // With bit 0x20 set, an ASCII capital is its small letter, and nothing else becomes a letter.
  const one = text.charCodeAt(start + 1) | 0x20;
  if (one === 0x73 || one === 0x64 || one === 0x6d || one === 0x74) return start + 2;
  if (withLongS && text.charCodeAt(start + 1) === LONG_S) return start + 2;
  const two = text.charCodeAt(start + 2) | 0x20;
  if ((one === 0x6c && two === 0x6c) || ((one === 0x76 || one === 0x72) && two === 0x65)) return start + 3;
  return -1;
}

/** `rest` above: numbers, punctuation, white space. */
function scanRest(text: string, start: number, first: number, kind: number): number {
  if (kind & NUMBER) return run(text, start, NUMBER, NUMBER, 3);
  let body = start;
  if (first === BLANK && start + 1 < text.length) body = start + 1;
  if ((classOf(codePointAt(text, body)) & OTHER_MASK) === 0) {
    return run(text, run(text, body, OTHER_MASK, 0), NEWLINE, NEWLINE);
  }
  const end = run(text, start, SPACE, SPACE);
  for (let i = end - 1; i >= start; i--) {
    const unit = text.charCodeAt(i);
    if (unit === 0x0a || unit === 0x0d) return i + 1;
  }
  return spaces(start, end, text.length);
}

/** gpt4 and chinese differ in what `letters` is: any letter, or any that is not Han. */
function makeScanner(letterMask: number, han: boolean, withLongS: boolean): PieceScanner {
  return (text, start) => {
    const first = codePointAt(text, start);
    if (first === QUOTE) {
      const end = contractionEnd(text, start, withLongS);
      if (end > 0) return end;
    }
    const kind = classOf(first);
    if ((kind & letterMask) === LETTER) return run(text, start, letterMask, LETTER);
    if ((kind & (LETTER | NUMBER | NEWLINE)) === 0) {
      const next = start + unitsOf(first);
      if (next < text.length && (classOf(codePointAt(text, next)) & letterMask) === LETTER) {
        return run(text, next, letterMask, LETTER);
      }
    }
    if (han && kind & HAN) return run(text, start, HAN, HAN, HAN_RUN);
    return scanRest(text, start, first, kind);
  };
}

const scanners: Readonly<Record<PreTokenizerName, PieceScanner>> = {
  gpt2: scanGpt2,
  gpt4: makeScanner(LETTER, false, false),
  chinese: makeScanner(LETTER | HAN, true, false),
};

/** The scanner of one of our own pre-tokenizers. */
export function presetScanner(name: PreTokenizerName): PieceScanner {
  return scanners[name];
}

/** Patterns of other tokenizers that mean the same as a scanner here: cl100k as GPT-4's and LLaMA 3's files write it. */
const foreignPatterns: ReadonlyMap<string, PieceScanner> = new Map([
  [`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${rest}`, makeScanner(LETTER, false, true)],
  [`'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${rest}`, makeScanner(LETTER, false, true)],
]);

/**
 * The scanner for a Split pattern of a tokenizer.json: a fast one where the pattern is known, else by regular expression.
 *
 * @throws SyntaxError naming what of the pattern is malformed or not supported
 */
export function scannerForPattern(pattern: string, dialect?: PatternDialect): PieceScanner {
  for (const name of preTokenizerNames) if (preTokenizerPatterns[name] === pattern) return scanners[name];
  return foreignPatterns.get(pattern) ?? regexScanner(toJavaScriptRegex(pattern, dialect));
}
