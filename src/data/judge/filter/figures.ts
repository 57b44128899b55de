import { NgramCounter } from "./ngrams.ts";
import { type Counts, Scanner, type WordMode } from "./scan.ts";
import type { RuleName } from "./settings.ts";

/**
 * Han characters to a Chinese word: Intl.Segmenter finds 1.57 in modern Chinese (CMMLU's questions) and 1.29 in the
 * classical novels.
 */
export const HAN_PER_WORD = 1.5;

const TOP = [2, 3, 4] as const;
const DUPLICATE = [5, 6, 7, 8, 9, 10] as const;

/** The figure behind each rule, in the unit of its threshold. */
export type Figures = Record<RuleName, number>;

/** What can be told without n-grams; `grams` then climbs the n-gram ladder over the same text. */
export interface Measured {
  counts: Counts;
  figures: Omit<Figures, GramRule>;
  grams(): Pick<Figures, GramRule>;
}

type GramRule = Extract<RuleName, `${string}_gram` | `${string}_grams`>;

/** Computes figures, one document after another, in arrays that are used again. */
export class Figurer {
  readonly #scanner = new Scanner();
  readonly #ngrams = new NgramCounter();

  /**
   * All but the n-gram figures of a text. An empty text has 0 for all of them. The result's `grams` must be called
   * before the next text is measured.
   */
  measure(text: string, mode: WordMode, stopWords: readonly string[]): Measured {
    const counts = this.#scanner.scan(text, mode, stopWords);
    // Han characters stand for 1 / HAN_PER_WORD of a word each, so that thresholds made for words hold.
    const extra = counts.hanTokens * (1 - 1 / HAN_PER_WORD);
    const tokens = counts.tokens - extra;
    const words = counts.words - extra;
    const { lines, characters } = counts;
    const figures: Measured["figures"] = {
      min_words: Math.round(words),
      max_words: Math.round(words),
      min_mean_word_length: ratio(counts.wordCharacters, words),
      max_mean_word_length: ratio(counts.wordCharacters, words),
      max_hash_ratio: ratio(counts.hashes, words),
      max_ellipsis_ratio: ratio(counts.ellipses, words),
      max_bullet_lines: ratio(counts.bulletLines, lines),
      max_ellipsis_lines: ratio(counts.ellipsisLines, lines),
      min_alphabetic_words: ratio(counts.alphabetic - extra, tokens),
      min_stop_words: counts.stopWords,
      max_duplicate_lines: ratio(counts.duplicateLines, lines),
      max_duplicate_paragraphs: ratio(counts.duplicateParagraphs, counts.paragraphs),
      max_duplicate_line_characters: ratio(counts.duplicateLineCharacters, characters),
      max_duplicate_paragraph_characters: ratio(counts.duplicateParagraphCharacters, characters),
      min_line_punctuation: ratio(counts.punctuatedLines, lines),
      max_short_lines: ratio(counts.shortLines, lines),
      max_newline_ratio: ratio(counts.newlines, words),
      max_code_symbols: ratio(counts.codeSymbols, counts.visible),
    };
    return { counts, figures, grams: () => this.#grams(counts, mode) };
  }

  #grams(counts: Counts, mode: WordMode): Pick<Figures, GramRule> {
    const size = mode === "characters" ? (n: number) => Math.round(HAN_PER_WORD * n) : (n: number) => n;
    const { top, duplicate } = this.#ngrams.shares(
      this.#scanner.wordIds,
      this.#scanner.lengths,
      counts.tokens,
      counts.characters,
      mode === "spaces" ? 1 : 0,
      TOP.map(size),
      DUPLICATE.map(size),
    );
    const topShare = (n: number): number => top.get(size(n)) ?? 0;
    const duplicateShare = (n: number): number => duplicate.get(size(n)) ?? 0;
    return {
      max_top_2_gram: topShare(2),
      max_top_3_gram: topShare(3),
      max_top_4_gram: topShare(4),
      max_duplicate_5_grams: duplicateShare(5),
      max_duplicate_6_grams: duplicateShare(6),
      max_duplicate_7_grams: duplicateShare(7),
      max_duplicate_8_grams: duplicateShare(8),
      max_duplicate_9_grams: duplicateShare(9),
      max_duplicate_10_grams: duplicateShare(10),
    };
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
