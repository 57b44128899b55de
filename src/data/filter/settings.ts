import { z } from "zod";

const share = (describe: string, value: number | null) =>
  z.number().min(0).nullable().default(value).describe(describe);

const ENGLISH_STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"];
// FineWeb2, configs/cmn_Hani.yml: the 22 that Chinese text uses most, simplified and traditional.
const CHINESE_STOP_WORDS = [..."的年在月是和日了於·為有被人中为他與後也而由"];

interface Defaults {
  meanWordLength: [number, number];
  alphabetic: number;
  stopWords: string[];
  duplicateLines: number;
  duplicateParagraphs: number | null;
  duplicateLineCharacters: number | null;
  duplicateParagraphCharacters: number | null;
  top: [number, number, number];
  duplicate: [number, number, number, number, number, number];
  linePunctuation: number | null;
  newlineRatio: number | null;
}

/** Rules of one language. `null` switches a rule off. Keys are the rule names that stand in the ledger. */
function rules(defaults: Defaults) {
  const { top, duplicate } = defaults;
  return z
    .strictObject({
      min_words: share("fewest words", 50),
      max_words: share("most words", 100_000),
      min_mean_word_length: share("smallest mean word length, in characters", defaults.meanWordLength[0]),
      max_mean_word_length: share("largest mean word length, in characters", defaults.meanWordLength[1]),
      max_hash_ratio: share("most # signs per word", 0.1),
      max_ellipsis_ratio: share("most ellipses per word", 0.1),
      max_bullet_lines: share("largest share of lines that open with a bullet", 0.9),
      max_ellipsis_lines: share("largest share of lines that end in an ellipsis", 0.3),
      min_alphabetic_words: share("smallest share of words with a letter", defaults.alphabetic),
      min_stop_words: share("fewest different stop words", 2),
      stop_words: z.array(z.string().min(1)).default(defaults.stopWords).describe("the stop words"),
      max_duplicate_lines: share("largest share of lines that stood before", defaults.duplicateLines),
      max_duplicate_paragraphs: share("largest share of paragraphs that stood before", defaults.duplicateParagraphs),
      max_duplicate_line_characters: share(
        "largest share of characters in lines that stood before",
        defaults.duplicateLineCharacters,
      ),
      max_duplicate_paragraph_characters: share(
        "largest share of characters in paragraphs that stood before",
        defaults.duplicateParagraphCharacters,
      ),
      max_top_2_gram: share("largest share of characters in the most frequent 2-gram", top[0]),
      max_top_3_gram: share("the same, 3-gram", top[1]),
      max_top_4_gram: share("the same, 4-gram", top[2]),
      max_duplicate_5_grams: share("largest share of characters in 5-grams that stood before", duplicate[0]),
      max_duplicate_6_grams: share("the same, 6-grams", duplicate[1]),
      max_duplicate_7_grams: share("the same, 7-grams", duplicate[2]),
      max_duplicate_8_grams: share("the same, 8-grams", duplicate[3]),
      max_duplicate_9_grams: share("the same, 9-grams", duplicate[4]),
      max_duplicate_10_grams: share("the same, 10-grams", duplicate[5]),
      min_line_punctuation: share("smallest share of lines that end in punctuation", defaults.linePunctuation),
      max_short_lines: share("largest share of lines of at most 30 characters (FineWeb: 0.67)", null),
      max_newline_ratio: share("most line ends per word", defaults.newlineRatio),
      max_code_symbols: share("largest share of brackets, operators and the like (text that is code)", 0.25),
    })
    .prefault({});
}

/** Gopher's values (Rae et al. 2021, appendix A.1.1), for English and languages written alike. */
const englishRules = rules({
  meanWordLength: [3, 10],
  alphabetic: 0.8,
  stopWords: ENGLISH_STOP_WORDS,
  duplicateLines: 0.3,
  duplicateParagraphs: 0.3,
  duplicateLineCharacters: 0.2,
  duplicateParagraphCharacters: 0.2,
  top: [0.2, 0.18, 0.16],
  duplicate: [0.15, 0.14, 0.13, 0.12, 0.11, 0.1],
  linePunctuation: null,
  newlineRatio: null,
});

/** FineWeb2's values for Mandarin (configs/cmn_Hani.yml); what it does not name is Gopher's. */
const chineseRules = rules({
  meanWordLength: [1, 5],
  alphabetic: 0.735,
  stopWords: CHINESE_STOP_WORDS,
  duplicateLines: 0.287,
  duplicateParagraphs: 0.3,
  duplicateLineCharacters: 0.2,
  duplicateParagraphCharacters: 0.2,
  top: [0.256, 0.201, 0.171],
  duplicate: [0.198, 0.182, 0.167, 0.154, 0.14, 0.127],
  linePunctuation: 0.106,
  newlineRatio: 0.178,
});

/**
 * The recipe's `filter` section.
 *
 * @example
 * filter:
 *   language: { allowed: [en] }
 *   english: { min_words: 5, min_stop_words: null }   # short glosses may stay
 */
export const filterSettings = z
  .strictObject({
    language: z
      .strictObject({
        enabled: z.boolean().default(true).describe("drop documents in other languages"),
        allowed: z
          .array(z.string().regex(/^[a-z]{2}$/u, "expected an ISO 639-1 code such as en or zh"))
          .min(1)
          .default(["en", "zh"])
          .describe("ISO 639-1 codes of the languages to keep"),
        min_score: z
          .number()
          .min(0)
          .max(1)
          .default(0.65)
          .describe("smallest share of the document that must be in its language"),
        min_letters: z
          .number()
          .int()
          .min(0)
          .default(30)
          .describe("with fewer letters only the script is looked at: a language cannot be told"),
      })
      .prefault({}),
    chinese_words: z
      .enum(["characters", "segmenter"])
      .default("characters")
      .describe("Chinese words by characters (fast, the same on every Node) or by Intl.Segmenter (slow)"),
    english: englishRules.describe("thresholds for English, and for other languages but for stop words"),
    chinese: chineseRules.describe("thresholds for Chinese"),
    only: z
      .array(z.string())
      .default([])
      .describe("if not empty: only these rules run, e.g. [language, min_words, max_top_2_gram]"),
  })
  .prefault({});

export type FilterSettings = z.output<typeof filterSettings>;
export type LanguageSettings = FilterSettings["language"];
export type RuleSettings = FilterSettings["english"];
export type RuleName = Exclude<keyof RuleSettings, "stop_words">;
