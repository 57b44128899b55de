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

/** C4 (Raffel et al. 2020, section 2.2), as far as datatrove's `C4QualityFilter` has it. */
const c4Rules = z
  .strictObject({
    enabled: z.boolean().default(false).describe("C4's rules, for languages with words between spaces"),
    min_sentences: share("fewest sentences of a document", 5),
    max_curly_brackets: share("most { in a document: a page with one is code", 0),
    max_lorem_ipsum: share('most "lorem ipsum" in a document', 0),
    min_words_per_line: share("lines of fewer words are removed", 3),
    max_word_characters: share("lines with a longer word are removed", 1000),
    terminal_punctuation: z.boolean().default(false).describe("remove lines that no . ! ? or quote closes"),
    javascript: z.boolean().default(true).describe("remove lines that speak of javascript"),
    policy: z.boolean().default(true).describe("remove lines that speak of cookies, privacy policies, terms of use"),
    citations: z.boolean().default(true).describe("strip [1], [edit], [citation needed]"),
  })
  .prefault({});

/** FineWeb's own rules (Penedo et al. 2024, section 3.6), on what C4's rules left. */
const finewebRules = z
  .strictObject({
    enabled: z.boolean().default(false).describe("FineWeb's rules, for languages with words between spaces"),
    min_line_punctuation: share("smallest share of lines that end in punctuation", 0.12),
    max_short_lines: share("largest share of lines of at most 30 characters", 0.67),
    max_newline_ratio: share("most line ends per word", 0.3),
    max_duplicate_line_characters: share("largest share of characters in lines that stood before", 0.1),
  })
  .prefault({});

/** ChineseWebText (Chen et al. 2023, section 3.1). */
const chineseWebTextRules = z
  .strictObject({
    enabled: z.boolean().default(false).describe("ChineseWebText's rules, for Chinese"),
    min_mean_line: share("smallest mean length of lines, in characters", 10),
    min_characters: share("fewest characters of a document", 200),
    min_chinese: share("smallest share of Chinese characters", 0.3),
    max_repeated_13_grams: share("largest share of runs of 13 characters that stood before", 0.5),
  })
  .prefault({});

const names = (describe: string) => z.array(z.string().min(1)).default([]).describe(describe);

/** By address, in the manner of RefinedWeb; the lists are the user's. */
const urlRules = z
  .strictObject({
    domains: names("files of blocked domains, one a line: all addresses below them go"),
    addresses: names("files of blocked addresses, one a line"),
    substrings: names("an address with one of these anywhere in it goes"),
    words: names("an address with one of these as a whole word goes"),
    soft_words: names("an address with more than max_soft_words different ones of these goes"),
    max_soft_words: z.int().min(0).default(1).describe("most different soft words in an address"),
  })
  .prefault({});

/** Rules that were found on web pages and say nothing about a kind of text; a rule's section stands for all of its rules. */
const WEB_ONLY = ["c4", "fineweb", "chinese_web_text", "min_line_punctuation", "max_short_lines", "max_newline_ratio"];
const SHORT_TEXTS = ["min_words", "min_stop_words", "min_alphabetic_words", "max_ellipsis_ratio", "max_ellipsis_lines"];
/** Refrains, greetings and parallel verses repeat themselves. */
const REPETITION = [
  "max_duplicate_lines",
  "max_duplicate_paragraphs",
  "max_duplicate_line_characters",
  "max_duplicate_paragraph_characters",
  ...[2, 3, 4].map((n) => `max_top_${n}_gram`),
  ...[5, 6, 7, 8, 9, 10].map((n) => `max_duplicate_${n}_grams`),
];

const off = (describe: string, rules: readonly string[]) =>
  z
    .array(z.string().min(1))
    .default([...rules])
    .describe(describe);

const kindRules = z
  .strictObject({
    web: off("rules that are not asked of web pages", []),
    book: off("of books: a long line is a paragraph, a short one may be a verse", [...WEB_ONLY, "max_words"]),
    poem: off("of poems: they are short, rhyme and repeat", [...WEB_ONLY, ...SHORT_TEXTS, ...REPETITION]),
    dialogue: off("of dialogues: a turn may be one word", [...WEB_ONLY, ...SHORT_TEXTS, ...REPETITION]),
    code: off("of program code, which is in no language and full of symbols", [
      ...WEB_ONLY,
      ...SHORT_TEXTS,
      ...REPETITION,
      "language",
      "language_score",
      "min_mean_word_length",
      "max_mean_word_length",
      "max_hash_ratio",
      "max_bullet_lines",
      "max_code_symbols",
    ]),
  })
  .prefault({});

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
          .describe("smallest share of the document that must be in allowed languages, together"),
        min_letters: z
          .number()
          .int()
          .min(0)
          .default(30)
          .describe("with fewer letters only the script is looked at: a language cannot be told"),
        paragraphs: z
          .boolean()
          .default(false)
          .describe("remove paragraphs in other languages from documents, before the document is judged"),
        paragraph_letters: z
          .int()
          .min(1)
          .default(60)
          .describe("shorter paragraphs are not judged (a Han character counts as four letters)"),
      })
      .prefault({}),
    url: urlRules.describe("by the document's web address"),
    c4: c4Rules.describe("C4's rules"),
    fineweb: finewebRules.describe("FineWeb's rules"),
    chinese_web_text: chineseWebTextRules.describe("ChineseWebText's rules"),
    chinese_words: z
      .enum(["characters", "segmenter"])
      .default("characters")
      .describe("Chinese words by characters (fast, the same on every Node) or by Intl.Segmenter (slow)"),
    kinds: kindRules.describe(
      "rules that are not asked of a source's kind (collect.sources[].kind); default kind: web",
    ),
    english: englishRules.describe("thresholds for English, and for other languages but for stop words"),
    chinese: chineseRules.describe("thresholds for Chinese"),
    only: z
      .array(z.string())
      .default([])
      .describe("if not empty: only these rules run, e.g. [language, min_words, max_top_2_gram]"),
  })
  .prefault({});

/** A recipe's section `filter`, checked. */
export type FilterSettings = z.output<typeof filterSettings>;
/** The part `language` of a recipe's section `filter`, checked. */
export type LanguageSettings = FilterSettings["language"];
/** The part `c4` of a recipe's section `filter`, checked. */
export type C4Settings = FilterSettings["c4"];
/** The part `url` of a recipe's section `filter`, checked. */
export type UrlSettings = FilterSettings["url"];
/** Bounds of the quality rules for one language, checked; null switches a rule off. */
export type RuleSettings = FilterSettings["english"];
/** The name of a rule with a bound, as in a recipe. */
export type RuleName = Exclude<keyof RuleSettings, "stop_words">;
