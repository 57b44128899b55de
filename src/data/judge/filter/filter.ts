import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { didYouMean } from "../../../text/nearest.ts";
import { type DocumentKind, documentKinds } from "../../kinds.ts";
import type { DocumentMapper, Drop, PartRemoval, Verdict } from "../../stage.ts";
import { applyC4, type C4Result } from "./c4.ts";
import { ChineseFigurer, type ChineseFigures } from "./chinese-web-text.ts";
import { type Figures, Figurer } from "./figures.ts";
import { detectLanguage, type LanguageFinding } from "./language.ts";
import { removeForeignParagraphs } from "./paragraphs.ts";
import type { WordMode } from "./scan.ts";
import { filterSettings, type FilterSettings, type RuleName, type RuleSettings } from "./settings.ts";
import { createUrlRule } from "./url.ts";

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

const C4 = ["min_sentences", "max_curly_brackets", "max_lorem_ipsum"] as const;
const FINEWEB = [
  "min_line_punctuation",
  "max_short_lines",
  "max_newline_ratio",
  "max_duplicate_line_characters",
] as const;
const CHINESE_WEB_TEXT = ["min_mean_line", "min_characters", "min_chinese", "max_repeated_13_grams"] as const;

/** Rules that have a figure, in the order in which they are asked. */
const MEASURED: readonly string[] = [
  ...ORDER,
  ...CHINESE_WEB_TEXT.map((rule) => `chinese_web_text.${rule}`),
  ...C4.map((rule) => `c4.${rule}`),
  ...FINEWEB.map((rule) => `fineweb.${rule}`),
];

/** Every rule name that a filter can put in the ledger for a document, in the order in which they are asked. */
export const filterRules: readonly string[] = [
  "url.domain",
  "url.address",
  "url.substring",
  "url.word",
  "url.max_soft_words",
  "language",
  "language_score",
  ...MEASURED,
];

const has =
  (name: string): ((text: string) => boolean) =>
  (text) =>
    text === name || text.startsWith(`${name}.`);

/** All figures of one document, for `nuwa data why`. */
export interface DocumentFigures {
  language: string;
  languageScore: number;
  /** Rule by rule: the document's figure, the threshold (null: rule off), and whether it passes. */
  rules: { rule: string; value: number; threshold: number | null; passes: boolean }[];
}

/** The filter stage: a mapper that can also say a document's figures. */
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
export function createFilter(
  input: Parameters<typeof filterSettings.parse>[0] = {},
  cwd: string = process.cwd(),
): Filter {
  const settings: FilterSettings = filterSettings.parse(input);
  const named = documentKinds.flatMap((kind) => settings.kinds[kind].map((rule) => [`kinds.${kind}`, rule] as const));
  for (const [key, rule] of [...settings.only.map((name) => ["only", name] as const), ...named]) {
    if (!filterRules.some(has(rule))) {
      throw new NuwaError("VALUE", `expected a filter rule in "${key}", got "${rule}"`, {
        where: "filter.only",
        hint: didYouMean(rule, filterRules),
      });
    }
  }
  const chosen = new Set(filterRules.filter((name) => settings.only.some((rule) => has(rule)(name))));
  const runs = (rule: string): boolean => settings.only.length === 0 || chosen.has(rule);
  const asked = (rule: string, kind: DocumentKind): boolean =>
    runs(rule) && !settings.kinds[kind].some((name) => has(name)(rule));
  const figurer = new Figurer();
  const chineseFigurer = new ChineseFigurer();
  const urlRule = createUrlRule(settings.url, cwd);

  const languageDrop = (found: LanguageFinding, kind: DocumentKind): Drop | undefined => {
    if (!settings.language.enabled) return undefined;
    const { allowed, min_score: bound } = settings.language;
    const { language, score, allowed: share } = found;
    if (asked("language", kind) && !allowed.includes(language))
      return { rule: "language", value: score, detail: language };
    // A text may mix allowed languages: Chinese full of English terms.
    if (asked("language_score", kind) && share < bound) {
      return { rule: "language_score", value: share, threshold: bound, detail: language };
    }
    return undefined;
  };
  const find = (document: Document, text: string): LanguageFinding => {
    // With the rule off a known language is trusted: the detector is the slowest part.
    if (!settings.language.enabled && document.language !== undefined) {
      return { language: document.language, score: 1, allowed: 1 };
    }
    return detectLanguage(text, settings.language);
  };
  /** Rules of a section that are asked of a kind of text, with their bounds. */
  const bounds = <Rule extends string>(
    kind: DocumentKind,
    section: string,
    rules: Readonly<Record<Rule, number | null>>,
    order: readonly Rule[],
  ): { rule: string; key: Rule; bound: number }[] =>
    order.flatMap((key) => {
      const bound = rules[key];
      const rule = section === "" ? key : `${section}.${key}`;
      return bound !== null && asked(rule, kind) ? [{ rule, key, bound }] : [];
    });
  const rulesOfKind = (kind: DocumentKind) => ({
    gopher: {
      en: bounds(kind, "", settings.english, ORDER),
      zh: bounds(kind, "", settings.chinese, ORDER),
      other: bounds(kind, "", settings.english, ORDER).filter(({ key }) => key !== "min_stop_words"),
    },
    // C4's rules remove lines too: they are for a kind or not, as a whole.
    c4: settings.c4.enabled && !settings.kinds[kind].includes("c4") ? bounds(kind, "c4", settings.c4, C4) : undefined,
    fineweb: settings.fineweb.enabled ? bounds(kind, "fineweb", settings.fineweb, FINEWEB) : [],
    chinese: settings.chinese_web_text.enabled
      ? bounds(kind, "chinese_web_text", settings.chinese_web_text, CHINESE_WEB_TEXT)
      : [],
  });
  const activeRules: Readonly<Record<DocumentKind, ReturnType<typeof rulesOfKind>>> = {
    web: rulesOfKind("web"),
    book: rulesOfKind("book"),
    poem: rulesOfKind("poem"),
    dialogue: rulesOfKind("dialogue"),
    code: rulesOfKind("code"),
  };

  const map = (document: Document): Verdict => {
    const blocked = urlRule(document);
    if (blocked !== undefined && runs(blocked.rule)) return { drop: blocked };
    const parts: PartRemoval[] = [];
    const kind = kindOf(document);
    const on = activeRules[kind];
    let { text } = document;
    if (settings.language.enabled && settings.language.paragraphs && asked("language", kind)) {
      const left = removeForeignParagraphs(text, settings.language);
      if (left.part !== undefined) parts.push(left.part);
      // Nothing left: the document as it is tells which language that was.
      if (left.text !== "") text = left.text;
    }
    const found = find(document, text);
    const foreign = languageDrop(found, kind);
    if (foreign !== undefined) return { drop: foreign };
    const { language } = found;
    const { mode, stopWords } = rulesOf(settings, language);
    const gopher = language === "zh" ? on.gopher.zh : language === "en" ? on.gopher.en : on.gopher.other;
    let measured = gopher.length > 0 ? figurer.measure(text, mode, stopWords) : undefined;
    let figures: Partial<Figures> = measured?.figures ?? {};
    for (const { rule, key, bound } of gopher) {
      if (figures[key] === undefined) figures = { ...figures, ...measured?.grams() };
      const drop = dropUnless(rule, figures[key] ?? 0, bound);
      if (drop !== undefined) return { drop };
    }
    if (language === "zh") {
      const chinese = on.chinese.length > 0 ? chineseFigures(chineseFigurer.measure(text)) : undefined;
      for (const { rule, key, bound } of on.chinese) {
        const drop = dropUnless(rule, chinese?.[key] ?? 0, bound);
        if (drop !== undefined) return { drop };
      }
    } else if (!UNSPACED.has(language)) {
      if (on.c4 !== undefined) {
        const result = applyC4(text, settings.c4);
        const counts = c4Figures(result);
        for (const { rule, key, bound } of on.c4) {
          const drop = dropUnless(rule, counts[key], bound);
          if (drop !== undefined) return { drop };
        }
        if (result.text !== text) measured = undefined;
        text = result.text;
        parts.push(...result.parts);
        if (text === "") return { drop: { rule: "c4.min_sentences", value: 0, threshold: 1, detail: "no line left" } };
      }
      if (on.fineweb.length > 0) {
        const { figures: after } = measured ?? figurer.measure(text, mode, stopWords);
        for (const { rule, key, bound } of on.fineweb) {
          const drop = dropUnless(rule, after[key], bound);
          if (drop !== undefined) return { drop };
        }
      }
    }
    const keep = language === "und" || language === document.language ? document : { ...document, language };
    if (text === document.text) return { keep };
    return { keep: { ...keep, text }, parts };
  };

  const figures = (document: Document): DocumentFigures => {
    const { text } = document;
    const found = detectLanguage(text, settings.language);
    const { rules, mode, stopWords } = rulesOf(settings, found.language);
    const measured = figurer.measure(text, mode, stopWords);
    const all: Figures = { ...measured.figures, ...measured.grams() };
    const c4 = applyC4(text, settings.c4);
    const counts = c4Figures(c4);
    const after = figurer.measure(c4.text, mode, stopWords).figures;
    const chinese = chineseFigures(chineseFigurer.measure(text));
    const isChinese = found.language === "zh";
    const spaced = !UNSPACED.has(found.language);
    const kind = kindOf(document);
    const entry = (rule: string, value: number, bound: number | null, enabled = true) => {
      const threshold = asked(rule, kind) && enabled ? bound : null;
      return { rule, value, threshold, passes: threshold === null || dropUnless(rule, value, threshold) === undefined };
    };
    return {
      language: found.language,
      languageScore: found.score,
      rules: [
        ...ORDER.map((rule) => entry(rule, all[rule], threshold(rules, found.language, rule))),
        ...CHINESE_WEB_TEXT.map((rule) =>
          entry(
            `chinese_web_text.${rule}`,
            chinese[rule],
            settings.chinese_web_text[rule],
            settings.chinese_web_text.enabled && isChinese,
          ),
        ),
        ...C4.map((rule) => entry(`c4.${rule}`, counts[rule], settings.c4[rule], settings.c4.enabled && spaced)),
        ...FINEWEB.map((rule) =>
          entry(`fineweb.${rule}`, after[rule], settings.fineweb[rule], settings.fineweb.enabled && spaced),
        ),
      ],
    };
  };
  return { name: "filter", map, figures };
}

/** The kind that collect put into the document's meta; pages are the default. */
function kindOf({ meta }: Document): DocumentKind {
  return documentKinds.find((kind) => kind === meta["kind"]) ?? "web";
}

/** Languages of eld and ours that put no spaces between words: rules on words and lines of words do not hold there. */
const UNSPACED = new Set(["zh", "ja", "th", "lo", "km", "my"]);

function c4Figures(result: C4Result): Record<(typeof C4)[number], number> {
  return {
    min_sentences: result.sentences,
    max_curly_brackets: result.curlyBrackets,
    max_lorem_ipsum: result.loremIpsum,
  };
}

function chineseFigures(measured: ChineseFigures): Record<(typeof CHINESE_WEB_TEXT)[number], number> {
  return {
    min_mean_line: measured.meanLine,
    min_characters: measured.characters,
    min_chinese: measured.chineseShare,
    max_repeated_13_grams: measured.repeated,
  };
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

/** A rule's name says, after its section, which side of the bound fails. A value equal to the bound passes. */
function dropUnless(rule: string, value: number, bound: number): Drop | undefined {
  const passes = /(?:^|\.)min_/u.test(rule) ? value >= bound : value <= bound;
  return passes ? undefined : { rule, value, threshold: bound };
}
