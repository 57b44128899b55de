import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { isChinese } from "../../../text/script.ts";
import type { DocumentMapper, Verdict } from "../../stage.ts";
import { Corrector } from "./corrector.ts";
import { expandHunspell } from "./hunspell.ts";
import type { SpellingSettings } from "./settings.ts";

/** How often each word, in lower case, occurs. */
export type WordCounts = Map<string, number>;

const WORD = /(?<![\p{L}\p{N}_])[A-Za-z]+(?:'[a-z]+)?(?![\p{L}\p{N}_])/gu;

/** Different words that are counted at a time: new ones keep coming in any corpus, memory must not. */
const MOST_WORDS = 2_000_000;

/**
 * Adds a text's words to counts. Capitalised words count too, under their lower case. Where there are more than `most`
 * different ones, the rarest are forgotten (lossy counting, Manku and Motwani 2002): the same texts in the same order
 * give the same counts.
 */
export function countWords(text: string, counts: WordCounts, most = MOST_WORDS): void {
  for (const [word] of text.replaceAll("’", "'").matchAll(WORD)) {
    const lower = word.toLowerCase();
    const known = counts.get(lower);
    // A copy: a piece of the text would keep all of the text in memory.
    if (known === undefined) counts.set(Buffer.from(lower, "latin1").toString("latin1"), 1);
    else counts.set(lower, known + 1);
  }
  for (let rare = 1; counts.size > most; rare++) {
    for (const [word, count] of counts) if (count <= rare) counts.delete(word);
  }
}

/** Counts as a file: a word and its count a line, words counted once left out, in order of words. */
export function writeCounts(counts: WordCounts): string {
  return [...counts]
    .filter(([, count]) => count > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => `${word}\t${count}\n`)
    .join("");
}

/**
 * Counts from files: `.tsv` with a word and its count a line, anything else is text to count words in.
 * @throws NuwaError FILE for a file that cannot be read, DATA for a line of a table that is none
 */
export function readCounts(files: readonly string[], cwd: string): WordCounts {
  const counts: WordCounts = new Map();
  for (const file of files) {
    const text = read(resolve(cwd, file), file);
    if (!file.endsWith(".tsv") && !file.endsWith("prepared")) {
      countWords(text, counts);
      continue;
    }
    for (const [index, line] of text.split("\n").entries()) {
      if (line === "") continue;
      const [word, count] = line.split("\t");
      if (word === undefined || !/^\d+$/u.test(count ?? "")) {
        throw new NuwaError("DATA", "expected a word, a tab and a count", { where: `${file}:${index + 1}` });
      }
      counts.set(word.toLowerCase(), (counts.get(word.toLowerCase()) ?? 0) + Number(count));
    }
  }
  return counts;
}

/** English words: all forms of the Hunspell dictionary `dictionary-en`, and those of the user's files. */
export function englishWords(files: readonly string[] = [], cwd: string = process.cwd()): Set<string> {
  const folder = dirname(createRequire(import.meta.url).resolve("dictionary-en"));
  const words = expandHunspell(
    readFileSync(join(folder, "index.aff"), "utf8"),
    readFileSync(join(folder, "index.dic"), "utf8"),
  );
  for (const file of files) {
    for (const word of read(resolve(cwd, file), file).split(/\s+/u)) if (word !== "") words.add(word);
  }
  return words;
}

function read(path: string, name: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a file of words; it cannot be read", { where: name, cause });
  }
}

// Left alone: fenced blocks, spans between backticks, addresses, and quotations that close in their paragraph.
const CODE = "^(?:```|~~~)[\\s\\S]*?^(?:```|~~~)|`[^`\\n]+`|\\b(?:https?|ftp)://\\S+|<[^<>\\n]*>";
const QUOTATION = '“[^”\\n]{1,2000}”|«[^»\\n]{1,2000}»|"(?=\\S)[^"\\n]{1,2000}"';
const ALONE = new RegExp(CODE, "gm");
const ALONE_AND_QUOTED = new RegExp(`${CODE}|${QUOTATION}`, "gm");
/** A run without white space that is a word, with punctuation around it; dialect's apostrophes make it none. */
const CHUNK = /[^\s\u2014\u2026]+/g;
const PLAIN = /^([("“[*_]*)([a-z][a-z0156|9]*)([)"”\].,;:!?*_-]*)$/u;
const CODE_LINE = /^(?: {4,}|\t).*[;{}=()<>]|[{};]\s*$|=>|::|\(\)/u;

/**
 * Corrects the words of an English text. Left alone: words with a capital letter, whatever has digits in it other than
 * those that scanners take for letters, words with apostrophes or hyphens, code, addresses, quotations (unless asked for),
 * short words.
 *
 * @returns the text and the corrections, in order, as [wrong, right]
 */
export function correctText(
  text: string,
  corrector: Corrector,
  settings: Pick<SpellingSettings, "quotations">,
): { text: string; corrections: [string, string][] } {
  const corrections: [string, string][] = [];
  const fix = (word: string): string => {
    const right = corrector.correct(word);
    if (right === undefined) return word;
    corrections.push([word, right]);
    return right;
  };
  const line = (part: string): string => {
    if (CODE_LINE.test(part)) return part;
    return part.replace(CHUNK, (chunk) => {
      const match = PLAIN.exec(chunk);
      if (match === null) return chunk;
      const [, before = "", word = "", after = ""] = match;
      return before + fix(word) + after;
    });
  };
  let out = "";
  let last = 0;
  const lines = (part: string): string => (part.includes("\n") ? part.split("\n").map(line).join("\n") : line(part));
  for (const match of text.matchAll(settings.quotations ? ALONE : ALONE_AND_QUOTED)) {
    out += lines(text.slice(last, match.index)) + match[0];
    last = match.index + match[0].length;
  }
  out += lines(text.slice(last));
  return { text: corrections.length === 0 ? text : out, corrections };
}

/**
 * The spelling stage: English documents come out corrected, with a line in the ledger that shows the corrections.
 *
 * @param counts word counts: the recipe's, or those of the documents themselves
 */
export function createSpelling(settings: SpellingSettings, counts: WordCounts, cwd: string): DocumentMapper {
  const corrector = new Corrector(englishWords(settings.dictionary, cwd), counts, settings);
  return {
    name: "spelling",
    map(document: Document): Verdict {
      const english = document.language === undefined ? !isChinese(document.text) : document.language === "en";
      if (!english) return { keep: document };
      const { text, corrections } = correctText(document.text, corrector, settings);
      if (corrections.length === 0) return { keep: document };
      const excerpt = corrections.map(([wrong, right]) => `${wrong} → ${right}`).join(", ");
      return { keep: { ...document, text }, parts: [{ rule: "spelling", value: corrections.length, excerpt }] };
    },
  };
}
