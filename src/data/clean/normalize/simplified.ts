import { Converter } from "opencc-js/t2cn";
import { countScripts } from "../../../text/script.ts";

let convert: ((text: string) => string) | undefined;

/**
 * Traditional characters to simplified ones, with OpenCC's tables of phrases: 頭髮 is 头发 and 發展 is 发展, 皇后 stays
 * and 後面 is 后面. Words of Taiwan stay words of Taiwan. Japanese texts, which kana or the language tell, are left as
 * they are. The tables take some 10 MB and are made when first asked for.
 *
 * @example toSimplified("頭髮與發展") // "头发与发展"
 */
export function toSimplified(text: string, language?: string): string {
  if (language !== undefined && !language.toLowerCase().startsWith("zh")) return text;
  const { han, unspaced } = countScripts(text);
  if (han === 0 || unspaced >= 0.1 * (han + unspaced)) return text;
  const converter = (convert ??= Converter({ from: "t", to: "cn" }));
  return converter(text);
}
