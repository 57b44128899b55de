import type { Document, JsonValue } from "../../../text/document.ts";
import { isChinese } from "../../../text/script.ts";
import type { DocumentMapper } from "../../stage.ts";
import { removeInvisible } from "./control.ts";
import { emojiLabels, mayHaveEmoji, replaceEmoji } from "./emoji.ts";
import type { EmojiLanguage } from "./emoji.ts";
import { decodeEntities } from "./entities.ts";
import { joinHyphenated } from "./hyphenation.ts";
import { normalizeLineEndings } from "./line-endings.ts";
import { repairGbkMojibake } from "./gbk-mojibake.ts";
import { joinHan } from "./han-spaces.ts";
import { repairMojibake } from "./mojibake.ts";
import type { CleanSettings } from "./settings.ts";
import { toSimplified } from "./simplified.ts";
import { removeTags } from "./tags.ts";
import { normalizeUnicode } from "./unicode.ts";
import { normalizeWhiteSpace } from "./white-space.ts";
import { toHalfWidth } from "./width.ts";

/** What {@link cleanText} did: a count for each step that counts. */
export interface Cleaned {
  readonly text: string;
  readonly counts: {
    readonly mojibake: number;
    readonly tags: number;
    readonly entities: number;
    readonly emoji: number;
    readonly hyphenation: number;
  };
}

/** Cleans one text. Cleaning a cleaned text changes nothing. */
export function cleanText(text: string, settings: CleanSettings, language?: string): Cleaned {
  const counts = { mojibake: 0, tags: 0, entities: 0, emoji: 0, hyphenation: 0 };
  const counted = (step: keyof typeof counts, result: { text: string; count: number }): string => {
    counts[step] += result.count;
    return result.text;
  };
  let out = text;
  // Before the line endings: among the bytes that mojibake hides is 0x85, which by itself is a line end.
  if (settings.mojibake) out = counted("mojibake", repairGbkMojibake(counted("mojibake", repairMojibake(out))));
  // Before the entities: a page that speaks of &lt;b&gt; means no tag.
  if (settings.tags) out = counted("tags", removeTags(out));
  if (settings.entities) out = counted("entities", decodeEntities(out));
  if (settings.line_endings) out = normalizeLineEndings(out);
  if (settings.unicode) out = normalizeUnicode(out);
  if (settings.width !== "keep") out = toHalfWidth(out, settings.width);
  if (settings.chinese === "simplified") out = toSimplified(out, language, settings.chinese_variant);
  // Before the invisible characters go: joiners and selectors hold an emoji together.
  if (settings.emoji !== "keep" && mayHaveEmoji(out)) {
    out = counted("emoji", replaceEmoji(out, settings.emoji, emojiLanguage(out, language)));
  }
  if (settings.invisible) out = removeInvisible(out);
  if (settings.hyphenation) out = counted("hyphenation", joinHyphenated(out));
  if (settings.han_spaces) out = joinHan(out);
  if (settings.white_space) {
    out = normalizeWhiteSpace(out, { maxBlankLines: settings.max_blank_lines, indentation: settings.indentation });
  }
  return { text: out, counts };
}

function emojiLanguage(text: string, language: string | undefined): EmojiLanguage {
  if (language !== undefined) return language.toLowerCase().startsWith("zh") ? "zh" : "en";
  return isChinese(text) ? "zh" : "en";
}

/**
 * The clean stage. Documents come out with `meta.cleaned` where something was repaired (`{ mojibake: 3 }`); one of which
 * nothing is left is dropped under the rule `clean.empty`.
 */
export function createClean(settings: CleanSettings): DocumentMapper {
  if (settings.emoji === "words") {
    emojiLabels("en");
    emojiLabels("zh");
  }
  return {
    name: "clean",
    map(document: Document) {
      const { text, counts } = cleanText(document.text, settings, document.language);
      if (text === "") return { drop: { rule: "clean.empty", value: 0, threshold: 1 } };
      const made: [string, JsonValue][] = Object.entries(counts).filter(([, count]) => count > 0);
      const meta = made.length === 0 ? document.meta : { ...document.meta, cleaned: Object.fromEntries(made) };
      return { keep: { ...document, text, meta } };
    },
  };
}
