import type { Document } from "../../text/document.ts";
import { NuwaError } from "../../text/errors.ts";
import { didYouMean } from "../../text/nearest.ts";
import type { DocumentMapper, Drop, Verdict } from "../stage.ts";
import { type Figures, Figurer } from "./figures.ts";
import { detectLanguage, type LanguageFinding } from "./language.ts";
import type { WordMode } from "./scan.ts";
import { filterSettings, type FilterSettings, type RuleName, type RuleSettings } from "./settings.ts";

/** All rules but those on language, in the order in which they are asked; n-grams last, as they cost most. */
const ORDER: readonly RuleName[] = [
  "min_words",
  "max_words",
  "min_mean_word_length",
  "max_mean_word_length",
  "max_hash_ratio",
  "max_ellipsis_ratio",
  "max_bullet_lines",
  "max_ellipsis_lines",
  "max_code_symbols",
  "min_alphabetic_words",
  "min_stop_words",
  "min_line_punctuation",
  "max_short_lines",
  "max_newline_ratio",
  "max_duplicate_lines",
  "max_duplicate_paragraphs",
  "max_duplicate_line_characters",
  "max_duplicate_paragraph_characters",
  "max_top_2_gram",
  "max_top_3_gram",
  "max_top_4_gram",
  "max_duplicate_5_grams",
  "max_duplicate_6_grams",
  "max_duplicate_7_grams",
  "max_duplicate_8_grams",
  "max_duplicate_9_grams",
  "max_duplicate_10_grams",
];

/** Every rule name that a filter can put in the ledger, in the order in which they are asked. */
export const filterRules: readonly string[] = ["language", "language_score", ...ORDER];

/** All figures of one document, for `nuwa data why`. */
export interface DocumentFigures {
  language: string;
  languageScore: number;
  /** Rule by rule: the document's figure, the threshold (null: rule off), and whether it passes. */
  rules: { rule: string; value: number; threshold: number | null; passes: boolean }[];
}

export interface Filter extends DocumentMapper {
  readonly name: "filter";
  /** Every figure of a document, whether or not its rule is on. */
  figures(document: Document): DocumentFigures;
}

/**
 * The filter stage: language, then Gopher's quality and repetition rules. Kept documents get their `language` (unless
 * they came with one and the language rule is off). The first rule that fails is the one in the ledger.
 *
 * Values equal to a threshold pass. Synchronous and without state between documents; make one for each worker.
 * @throws NuwaError VALUE when `only` names a rule that does not exist.
 * @example
 * const filter = createFilter({ english: { min_words: 20 } });
 * filter.map(document); // { drop: { rule: "min_words", value: 3, threshold: 20 } }
 */
export function createFilter(input: Parameters<typeof filterSettings.parse>[0] = {}): Filter {
  const settings: FilterSettings = filterSettings.parse(input);
  for (const rule of settings.only) {
    if (!filterRules.includes(rule)) {
      throw new NuwaError("VALUE", `expected a filter rule in "only", got "${rule}"`, {
        where: "filter.only",
        hint: didYouMean(rule, filterRules),
      });
    }
  }
  const runs = (rule: string): boolean => settings.only.length === 0 || settings.only.includes(rule);
  const figurer = new Figurer();

  const languageDrop = (found: LanguageFinding): Drop | undefined => {
    if (!settings.language.enabled) return undefined;
    const { allowed, min_score: bound } = settings.language;
    const { language, score } = found;
    if (runs("language") && !allowed.includes(language)) return { rule: "language", value: score, detail: language };
    if (runs("language_score") && score < bound) {
      return { rule: "language_score", value: score, threshold: bound, detail: language };
    }
    return undefined;
  };
  const find = (document: Document): LanguageFinding => {
    // With the rule off a known language is trusted: the detector is the slowest part.
    if (!settings.language.enabled && document.language !== undefined) return { language: document.language, score: 1 };
    return detectLanguage(document.text, settings.language);
  };

  const map = (document: Document): Verdict => {
    const found = find(document);
    const foreign = languageDrop(found);
    if (foreign !== undefined) return { drop: foreign };
    const { rules, mode, stopWords } = rulesOf(settings, found.language);
    const on = ORDER.filter((rule) => runs(rule) && threshold(rules, found.language, rule) !== null);
    if (on.length > 0) {
      const measured = figurer.measure(document.text, mode, stopWords);
      let figures: Partial<Figures> = measured.figures;
      for (const rule of on) {
        if (figures[rule] === undefined) figures = measured.grams();
        const value = figures[rule] ?? 0;
        const bound = threshold(rules, found.language, rule) ?? 0;
        if (!passes(rule, value, bound)) return { drop: { rule, value, threshold: bound } };
      }
    }
    if (found.language === "und" || found.language === document.language) return { keep: document };
    return { keep: { ...document, language: found.language } };
  };

  const figures = (document: Document): DocumentFigures => {
    const found = detectLanguage(document.text, settings.language);
    const { rules, mode, stopWords } = rulesOf(settings, found.language);
    const measured = figurer.measure(document.text, mode, stopWords);
    const all: Figures = { ...measured.figures, ...measured.grams() };
    return {
      language: found.language,
      languageScore: found.score,
      rules: ORDER.map((rule) => {
        const bound = runs(rule) ? threshold(rules, found.language, rule) : null;
        return { rule, value: all[rule], threshold: bound, passes: bound === null || passes(rule, all[rule], bound) };
      }),
    };
  };
  return { name: "filter", map, figures };
}

function rulesOf(
  settings: FilterSettings,
  language: string,
): { rules: RuleSettings; mode: WordMode; stopWords: readonly string[] } {
  const chinese = language === "zh";
  const rules = chinese ? settings.chinese : settings.english;
  return { rules, mode: chinese ? settings.chinese_words : "spaces", stopWords: rules.stop_words };
}

/** English stop words say nothing about French: that rule is for the two languages that have a list. */
function threshold(rules: RuleSettings, language: string, rule: RuleName): number | null {
  if (rule === "min_stop_words" && language !== "en" && language !== "zh") return null;
  return rules[rule];
}

function passes(rule: RuleName, value: number, bound: number): boolean {
  return rule.startsWith("min_") ? value >= bound : value <= bound;
}
