import { countScripts } from "../../../text/script.ts";
import type { PartRemoval } from "../../stage.ts";
import { detectLanguage } from "./language.ts";
import type { LanguageSettings } from "./settings.ts";

/**
 * Takes out paragraphs that are in another language than those allowed: a web page's comments, a cookie notice, a
 * quotation. A paragraph is what stands between blank lines; a line, where a text has no blank ones. Only paragraphs of
 * at least `paragraph_letters` letters (a Han character counts as four) that are with `min_score` in the other language
 * go; lines of code, numbers and names stay.
 */
export function removeForeignParagraphs(
  text: string,
  settings: LanguageSettings,
): { text: string; part: PartRemoval | undefined } {
  const separator = /\n[^\S\n]*\n/u.test(text) ? /(\n[^\S\n]*\n\s*)/u : /(\n+)/u;
  const pieces = text.split(separator);
  let removed = 0;
  let excerpt = "";
  const languages = new Set<string>();
  const kept: string[] = [];
  for (let k = 0; k < pieces.length; k += 2) {
    const paragraph = pieces[k] ?? "";
    const found = foreign(paragraph, settings);
    if (found === undefined) kept.push(paragraph, pieces[k + 1] ?? "");
    else {
      removed++;
      languages.add(found);
      if (excerpt === "") excerpt = paragraph;
    }
  }
  if (removed === 0) return { text, part: undefined };
  const detail = [...languages].sort().join(", ");
  return {
    text: kept.join("").trim(),
    part: { rule: "language.paragraphs", value: removed, threshold: settings.min_score, detail, excerpt },
  };
}

function foreign(paragraph: string, settings: LanguageSettings): string | undefined {
  const { letters, han } = countScripts(paragraph);
  if (letters + 3 * han < settings.paragraph_letters) return undefined;
  const { language, score } = detectLanguage(paragraph, settings);
  return language !== "und" && score >= settings.min_score && !settings.allowed.includes(language)
    ? language
    : undefined;
}
