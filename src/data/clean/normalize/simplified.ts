import { Converter } from "opencc-js/t2cn";
import { countScripts } from "../../../text/script.ts";

/** Whose traditional characters a text is written in, as a recipe says it, and what OpenCC calls that. */
const VARIANTS = { taiwan: "tw", taiwan_words: "twp", hong_kong: "hk", standard: "t" } as const;

export type ChineseVariant = keyof typeof VARIANTS;

const converters = new Map<ChineseVariant, (text: string) => string>();

/**
 * Traditional characters to simplified ones, with OpenCC's tables of phrases: 頭髮 is 头发 and 發展 is 发展, 皇后 stays
 * and 後面 is 后面. Taiwan writes 看著 for 看着, and keeps 名著; with `taiwan_words` its words become the mainland's too (軟體,
 * 软件). Japanese texts, which kana or the language tell, are left as
 * they are. The tables take some 10 MB and are made when first asked for.
 *
 * @example toSimplified("頭髮與發展") // "头发与发展"
 */
export function toSimplified(text: string, language?: string, variant: ChineseVariant = "taiwan"): string {
  if (language !== undefined && !language.toLowerCase().startsWith("zh")) return text;
  const { han, unspaced } = countScripts(text);
  if (han === 0 || unspaced >= 0.1 * (han + unspaced)) return text;
  const converter = converters.get(variant) ?? Converter({ from: VARIANTS[variant], to: "cn" });
  converters.set(variant, converter);
  return converter(text);
}
