const NAMES =
  "a|abbr|article|aside|b|big|blockquote|body|br|button|center|code|col|dd|div|dl|dt|em|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|s|script|section|select|small|span|strong|style|sub|sup|table|tbody|td|textarea|th|thead|title|tr|tt|u|ul|video";
const CODE = /^(```+|~~~+)[^\n]*\n[\s\S]*?^\1|`[^`\n]+`/gm;
/** What opens and what closes parts that no browser shows. */
const HIDDEN: readonly (readonly [RegExp, RegExp])[] = [
  [/<script(?:\s[^<>]{0,200})?>/giu, /<\/script\s{0,9}>/giu],
  [/<style(?:\s[^<>]{0,200})?>/giu, /<\/style\s{0,9}>/giu],
  [/<!--/gu, /-->/gu],
];
const TAG = new RegExp(`</?(${NAMES})(?:\\s[^<>]{0,500})?/?>`, "giu");
const BREAKS = /^(?:br|p|div|li|tr|h[1-6]|hr|ul|ol|table|section|article|blockquote|dd|dt|pre|title|header|footer)$/iu;

/**
 * Removes HTML that was left over in a text: known tags, comments, scripts and styles with what is in them. A tag that
 * breaks lines in a browser becomes a line end. `a < b > c`, `<T>` and what stands in code are no tags.
 *
 * @returns the text, and how many were removed
 * @example removeTags("One<br/>two <b>three</b>") // { text: "One\ntwo three", count: 3 }
 */
export function removeTags(text: string): { text: string; count: number } {
  if (!text.includes("<")) return { text, count: 0 };
  let count = 0;
  const strip = (part: string): string =>
    HIDDEN.reduce((left, [open, close]) => {
      const result = removeBetween(left, open, close);
      count += result.count;
      return result.text;
    }, part).replace(TAG, (tag, name: string, at: number, whole: string) => {
      count++;
      if (!BREAKS.test(name)) return "";
      // One line end, though a list closes several elements at once.
      return /\n\s*$/u.test(whole.slice(Math.max(0, at - 3), at)) || tag.startsWith("</li") ? "" : "\n";
    });
  let out = "";
  let last = 0;
  for (const code of text.matchAll(CODE)) {
    out += strip(text.slice(last, code.index)) + code[0];
    last = code.index + code[0].length;
  }
  out += strip(text.slice(last));
  return { text: out, count };
}

/** Without what stands between two marks, marks included; one that is never closed hides nothing. */
function removeBetween(text: string, open: RegExp, close: RegExp): { text: string; count: number } {
  let count = 0;
  let out = "";
  let last = 0;
  open.lastIndex = 0;
  for (let start = open.exec(text); start !== null; start = open.exec(text)) {
    close.lastIndex = start.index;
    const end = close.exec(text);
    // No later opening can be closed either: the search is not repeated for each of them.
    if (end === null) break;
    count++;
    out += text.slice(last, start.index);
    last = end.index + end[0].length;
    open.lastIndex = last;
  }
  return { text: out + text.slice(last), count };
}
