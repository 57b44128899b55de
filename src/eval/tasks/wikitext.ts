import { findFile, readText } from "./files.ts";
import type { PerplexityTask } from "./task.ts";

/** Undoes WikiText's tokenization, by the replacements that the harness makes, in its order. */
export function detokenizeWikitext(page: string): string {
  return page
    .replaceAll("s '", "s'")
    .replaceAll(/\/' [0-9]\//g, "/'[0-9]/")
    .replaceAll(" @-@ ", "-")
    .replaceAll(" @,@ ", ",")
    .replaceAll(" @.@ ", ".")
    .replaceAll(" : ", ": ")
    .replaceAll(" ; ", "; ")
    .replaceAll(" . ", ". ")
    .replaceAll(" ! ", "! ")
    .replaceAll(" ? ", "? ")
    .replaceAll(" , ", ", ")
    .replaceAll(/\(\s*([^)]*?)\s*\)/g, "($1)")
    .replaceAll(/\[\s*([^\]]*?)\s*\]/g, "[$1]")
    .replaceAll(/\{\s*([^}]*?)\s*\}/g, "{$1}")
    .replaceAll(/"\s*([^"]*?)\s*"/g, '"$1"')
    .replaceAll(/'\s*([^']*?)\s*'/g, "'$1'")
    .replaceAll("= = = =", "====")
    .replaceAll("= = =", "===")
    .replaceAll("= =", "==")
    .replaceAll(` ${String.fromCodePoint(176)} `, String.fromCodePoint(176))
    .replaceAll(" \n", "\n")
    .replaceAll("\n ", "\n")
    .replaceAll(" N ", " 1 ")
    .replaceAll(" 's", "'s");
}

/**
 * Cuts the raw file into pages: a page starts at a heading of the first level, ` = Title = `. Blank lines before the
 * first heading belong to no page, which gives the harness's 62 pages, 241,335 words and 1,290,527 bytes.
 */
export function splitWikitext(raw: string): string[] {
  const pages: string[][] = [];
  for (const line of raw.split("\n")) {
    const page = pages.at(-1);
    if (page === undefined ? line.trim() !== "" : /^ = [^=].*[^=] = $/.test(line)) pages.push([line]);
    else page?.push(line);
  }
  return pages.map((lines) => lines.join("\n"));
}

/** WikiText-2 raw test set (Merity et al. 2016), a page at a time. */
export const wikitext: PerplexityTask = {
  kind: "perplexity",
  name: "wikitext",
  async load(dataDir) {
    const places = ["wikitext-2/wiki.test.raw", "wikitext-2-raw/wiki.test.raw", "wiki.test.raw"];
    const file = findFile(dataDir, "wikitext", places);
    const pages = splitWikitext(await readText(file));
    return { pages: pages.map((original) => ({ text: detokenizeWikitext(original), original })), files: [file] };
  },
};
