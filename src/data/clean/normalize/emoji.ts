import { createRequire } from "node:module";

export type EmojiLanguage = "en" | "zh";

/** Emoji by their code points in hexadecimal, joined by `-`, variation selectors left out; with what they are called. */
type Labels = ReadonlyMap<string, string>;

const loaded = new Map<EmojiLanguage, Labels>();
const require = createRequire(import.meta.url);

/** Names from Unicode's CLDR, as `emojibase-data` carries them; read once, when first asked for. */
export function emojiLabels(language: EmojiLanguage): Labels {
  const known = loaded.get(language);
  if (known !== undefined) return known;
  const entries = require(`emojibase-data/${language}/compact.json`) as { hexcode: string; label: string }[];
  const labels = new Map<string, string>();
  for (const { hexcode, label } of entries) labels.set(hexcode.replaceAll("-FE0F", ""), label);
  loaded.set(language, labels);
  return labels;
}

// One emoji: a flag (two regional indicators, or a black flag with tags), a keycap, or a picture with a skin tone and
// others joined to it. Symbols that are text by default (©, ↔, ✓, digits) count only with the selector that makes them
// pictures, but for the hearts, faces and hands that people type without it.
const PICTURE =
  "(?:\\p{Emoji_Presentation}|\\p{Extended_Pictographic}(?=\\ufe0f|\\p{Emoji_Modifier}|\\u200d)|[[\\u{1f000}-\\u{1faff}]&&\\p{Extended_Pictographic}]|[\\u261d\\u2639\\u263a\\u2665\\u270c\\u270d\\u2764])\\ufe0f?\\p{Emoji_Modifier}?";
const EMOJI = new RegExp(
  "\\p{Regional_Indicator}{2}" +
    "|\\u{1f3f4}[\\u{e0020}-\\u{e007f}]+" +
    "|[0-9#*]\\ufe0f?\\u20e3" +
    `|${PICTURE}(?:\\u200d(?:${PICTURE}|\\p{Emoji}\\ufe0f?))*`,
  "gv",
);
// Cheap test that almost every text without emoji passes: surrogates of the planes with emoji, and the older symbols.
const MAY_HAVE = /[\ud83c-\ud83e]|\u200d|\u20e3|\ufe0f|[\u231a-\u23ff\u25fd\u25fe\u2600-\u27bf\u2b1b-\u2b55]/;

/**
 * Emoji as words, in English or Chinese, or without them. English: words with spaces around; Chinese: in square brackets,
 * as Chinese sites write them. The same emoji repeated in a row is named once; skin tones are left out. An emoji that
 * has no name stays.
 *
 * @returns the text, and how many emoji were replaced
 * @example replaceEmoji("Well done👍🏽👍🏽!", "words", "en") // { text: "Well done thumbs up!", count: 2 }
 * @example replaceEmoji("真好笑😂。", "words", "zh") // { text: "真好笑[笑哭了]。", count: 1 }
 */
export function replaceEmoji(
  text: string,
  action: "words" | "remove",
  language: EmojiLanguage,
): { text: string; count: number } {
  if (!MAY_HAVE.test(text)) return { text, count: 0 };
  const labels = emojiLabels(language);
  let count = 0;
  let out = "";
  let last = 0;
  let previous: string | undefined;
  for (const match of text.matchAll(EMOJI)) {
    const between = text.slice(last, match.index);
    const name = emojiName(match[0], labels, language);
    if (name === undefined) continue;
    count++;
    out += between;
    const adjacent = count > 1 && between.trim() === "" && !between.includes("\n");
    if (action === "words" && !(adjacent && name === previous)) {
      if (language === "zh") out += `[${name}]`;
      else out += (out === "" || /[\s(["'“‘]/u.test(out.slice(-1)) ? "" : adjacent ? ", " : " ") + name;
    } else if (adjacent) {
      out = out.slice(0, out.length - between.length);
    }
    last = match.index + match[0].length;
    previous = name;
    if (action === "words" && language === "en" && /^[\p{L}\p{N}]/u.test(text.slice(last, last + 2))) out += " ";
  }
  return { text: out + text.slice(last), count };
}

/** Whether a text may hold emoji: a quick test, so that the language of those without any need not be found out. */
export function mayHaveEmoji(text: string): boolean {
  return MAY_HAVE.test(text);
}

/** What an emoji is called; `undefined` if it is none that Unicode names. */
export function emojiName(emoji: string, labels: Labels, language: EmojiLanguage): string | undefined {
  const points = [...emoji].map((character) => character.codePointAt(0) ?? 0);
  const plain = points.filter((point) => point !== 0xfe0f && !(point >= 0x1f3fb && point <= 0x1f3ff));
  const whole = labels.get(key(plain)) ?? labels.get(key(points.filter((point) => point !== 0xfe0f)));
  if (whole !== undefined) return tidy(whole);
  // A combination that has no name of its own: its parts.
  const parts: string[] = [];
  let part: number[] = [];
  for (const point of [...plain, 0x200d]) {
    if (point !== 0x200d) {
      part.push(point);
      continue;
    }
    const name = part.length === 0 ? undefined : labels.get(key(part));
    if (name !== undefined) parts.push(tidy(name));
    part = [];
  }
  return parts.length === 0 ? undefined : parts.join(language === "zh" ? "" : " ");
}

function key(points: readonly number[]): string {
  return points.map((point) => point.toString(16).toUpperCase().padStart(4, "0")).join("-");
}

/** `flag: China` is how a list sorts it; `flag China` is how a sentence has it. */
function tidy(label: string): string {
  return label
    .replace(/^(flag|keycap): /, "$1 ")
    .replace(/^旗: ?/, "旗：")
    .replace(/^按键: ?/, "按键")
    .replaceAll("“", "")
    .replaceAll("”", "");
}
