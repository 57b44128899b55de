/**
 * Removes what no reader sees: control characters other than tab and newline, zero-width spaces, byte order marks inside
 * the text, soft hyphens, directional marks, variation selectors for emoji, noncharacters. The joiners U+200C and U+200D
 * stay between letters of scripts that are written with them (Arabic, Persian, the scripts of India), and go elsewhere.
 *
 * @example removeInvisible("co\u00adop\u200beration\u0000") // "cooperation"
 */
export function removeInvisible(text: string): string {
  if (!INVISIBLE.test(text)) return text;
  return text.replace(ALL_INVISIBLE, "").replace(ALL_JOINERS, (joiner, at: number, whole: string) => {
    return JOINED_SCRIPT.test(whole.slice(Math.max(0, at - 1), at)) && JOINED_SCRIPT.test(whole.slice(at + 1, at + 2))
      ? joiner
      : "";
  });
}

const CLASS =
  "\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\xad\\u034f\\u061c\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufe0e\\ufe0f\\ufeff\\ufff9-\\ufffc\\ufffe\\uffff";
const INVISIBLE = new RegExp(`[${CLASS}\\u200c\\u200d]`);
const ALL_INVISIBLE = new RegExp(`[${CLASS}]`, "g");
const ALL_JOINERS = /[\u200c\u200d]/g;
const JOINED_SCRIPT =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Mongolian}]/u;
