import type { PartRemoval } from "../../stage.ts";
import type { C4Settings } from "./settings.ts";

/** What C4's rules make of a text. */
export interface C4Result {
  /** The text without the lines and marks that went. */
  readonly text: string;
  /** Lines and marks that went, by rule. */
  readonly parts: readonly PartRemoval[];
  /** Sentences in what is left. */
  readonly sentences: number;
  readonly curlyBrackets: number;
  readonly loremIpsum: number;
}

const CITATION = /\[\d*\]|\[edit\]|\[citation needed\]/gu;
const POLICY = ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];
const SCRIPT = /javascript/iu;
const POLICIES = new RegExp(POLICY.join("|"), "iu");
const LOREM = /lorem ipsum/giu;
/** Closing marks after which a line counts as a sentence; an ellipsis does not close one (Raffel et al. 2020, 2.2). */
const TERMINALS = new Set(".?!\"'”’。？！」』");

/**
 * C4's rules (Raffel et al. 2020, section 2.2, as in datatrove's `C4QualityFilter`): lines that speak of javascript,
 * cookies or policies go, lines of fewer than three words, lines with a giant word, and (if asked) lines that no mark
 * closes; reference marks such as `[1]` are stripped. Of the document, sentences, curly brackets and "lorem ipsum" are
 * counted. Chinese lines have no words between spaces, so these rules are for languages that have.
 */
export function applyC4(text: string, settings: C4Settings): C4Result {
  const taken = new Map<string, { value: number; excerpt: string; threshold?: number }>();
  const take = (rule: string, line: string, threshold?: number): void => {
    const known = taken.get(rule);
    if (known === undefined) {
      taken.set(rule, { value: 1, excerpt: line, ...(threshold === undefined ? {} : { threshold }) });
    } else known.value++;
  };
  const hasScript = settings.javascript && SCRIPT.test(text);
  const hasPolicy = settings.policy && POLICIES.test(text);
  const hasMarks = settings.citations && text.includes("[");
  const kept: string[] = [];
  let changed = false;
  for (const original of text.split("\n")) {
    if (isBlank(original)) {
      kept.push(original);
      continue;
    }
    let line = original;
    if (hasMarks) {
      line = original.replace(CITATION, (mark) => {
        take("c4.citations", mark);
        return "";
      });
    }
    if (line !== original) changed = true;
    const rule = ruleAgainst(line, settings, hasScript, hasPolicy);
    if (rule === undefined) kept.push(line);
    else {
      changed = true;
      take(rule, line, bounds(settings)[rule]);
    }
  }
  const left = changed
    ? kept
        .join("\n")
        .replace(/\n{3,}/gu, "\n\n")
        .trim()
    : text;
  return {
    text: left,
    parts: [...taken].map(([rule, part]) => ({ rule, ...part })),
    sentences: countSentences(left),
    curlyBrackets: count(left, "{"),
    loremIpsum: text.match(LOREM)?.length ?? 0,
  };
}

function bounds(settings: C4Settings): Record<string, number> {
  return {
    ...(settings.min_words_per_line === null ? {} : { "c4.min_words_per_line": settings.min_words_per_line }),
    ...(settings.max_word_characters === null ? {} : { "c4.max_word_characters": settings.max_word_characters }),
  };
}

function ruleAgainst(line: string, settings: C4Settings, script: boolean, policy: boolean): string | undefined {
  const { words, longest } = lineWords(line, settings.min_words_per_line ?? 0);
  if (settings.max_word_characters !== null && longest > settings.max_word_characters) return "c4.max_word_characters";
  if (settings.terminal_punctuation && !closes(line)) return "c4.terminal_punctuation";
  if (settings.min_words_per_line !== null && words < settings.min_words_per_line) return "c4.min_words_per_line";
  if (script && SCRIPT.test(line)) return "c4.javascript";
  if (policy && POLICIES.test(line)) return "c4.policy";
  return undefined;
}

/** Words of a line, and the longest; stops counting words at `enough`, as only fewer matter. */
function lineWords(line: string, enough: number): { words: number; longest: number } {
  let words = 0;
  let longest = 0;
  // A line of at most 1,000 characters can have no word of more: then the count alone is asked for.
  const short = line.length <= 200;
  for (let start = 0; start < line.length; ) {
    let end = start;
    while (end < line.length && !isSpace(line.charCodeAt(end))) end++;
    if (end > start) {
      words++;
      longest = Math.max(longest, end - start);
      if (short && words >= enough) return { words, longest };
    }
    start = end + 1;
  }
  return { words, longest };
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 9 && unit <= 13) || unit === 0xa0 || unit === 0x3000;
}

function isBlank(line: string): boolean {
  for (let i = 0; i < line.length; i++) if (!isSpace(line.charCodeAt(i))) return false;
  return true;
}

function closes(line: string): boolean {
  const trimmed = line.trimEnd();
  return TERMINALS.has(trimmed.at(-1) ?? "") && !trimmed.endsWith("...");
}

/**
 * Sentences: places where a full stop, question or exclamation mark (and any quotes after it) stands before white space
 * or at the end, a run of marks counting once, and what follows the last of them. No list of abbreviations.
 */
export function countSentences(text: string): number {
  let count = 0;
  let open = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x2e || unit === 0x21 || unit === 0x3f) {
      let next = i + 1;
      while (next < text.length && isCloser(text.charCodeAt(next))) next++;
      if (open && (next >= text.length || isSpace(text.charCodeAt(next)))) {
        count++;
        open = false;
      }
      i = next - 1;
    } else if (unit === 0x3002 || unit === 0xff01 || unit === 0xff1f) {
      if (open) count++;
      open = false;
    } else if (!open && !isSpace(unit) && !isCloser(unit)) open = true;
  }
  return open ? count + 1 : count;
}

function isCloser(unit: number): boolean {
  return (
    unit === 0x2e ||
    unit === 0x21 ||
    unit === 0x3f ||
    unit === 0x22 ||
    unit === 0x27 ||
    unit === 0x29 ||
    unit === 0x201d ||
    unit === 0x2019
  ); // prettier-ignore
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++;
  return found;
}
