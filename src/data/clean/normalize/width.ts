/**
 * Full-width forms of ASCII (U+FF01 to U+FF5E) in half width.
 *
 * @param what `letters`: letters and digits only, since full-width punctuation is right in Chinese; `all`: everything
 * @example toHalfWidth("ＡＩ２０２４，好！", "letters") // "AI2024，好！"
 */
export function toHalfWidth(text: string, what: "letters" | "all"): string {
  const pattern = what === "letters" ? /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/g : /[\uff01-\uff5e]/g;
  return text.replace(pattern, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0));
}
