import { fold, textOf } from "./tree.ts";
import type { Page } from "./tree.ts";

export interface PageMetadata {
  readonly title?: string;
  /** `YYYY-MM-DD`, as the page declares it. */
  readonly date?: string;
  /** The page's `lang`, e.g. `en` or `zh-CN`. */
  readonly lang?: string;
}

const TITLE_NAMES = ["og:title", "twitter:title", "dc.title", "citation_title"];
const DATE_NAMES = [
  "article:published_time",
  "og:published_time",
  "datepublished",
  "date",
  "dc.date",
  "dc.date.issued",
  "dcterms.created",
  "pubdate",
  "publish_date",
  "publishdate",
  "sailthru.date",
  "parsely-pub-date",
  "citation_publication_date",
  "citation_date",
  "article:modified_time",
  "last-modified",
];

/** Title, date and language, from `<meta>`, `<title>`, `<h1>`, `<time>` and `<html lang>`. */
export function readMetadata({ elements }: Page): PageMetadata {
  const declared = new Map<string, string>();
  let titleTag: string | undefined;
  let heading: string | undefined;
  // Looked into a few times only: a hostile page may hold ten thousand of them, one in the other.
  let [headings, titles] = [0, 0];
  let time: string | undefined;
  let lang: string | undefined;
  for (const element of elements) {
    const { tag, attributes } = element;
    if (tag === "meta") {
      const name = (
        attributes["property"] ??
        attributes["name"] ??
        attributes["itemprop"] ??
        attributes["http-equiv"]
      )?.toLowerCase();
      const content = attributes["content"];
      if (name !== undefined && content !== undefined && !declared.has(name)) declared.set(name, fold(content));
    } else if (tag === "title" && titles++ < 5) titleTag ??= fold(textOf(element)) || undefined;
    else if (tag === "h1" && headings++ < 5) heading ??= fold(textOf(element)) || undefined;
    else if (tag === "time") time ??= attributes["datetime"];
    else if (tag === "html") lang ??= attributes["lang"] ?? attributes["xml:lang"];
  }
  lang ??= declared.get("content-language") ?? declared.get("og:locale");
  const first = (names: readonly string[]): string | undefined =>
    names.map((name) => declared.get(name)).find((value) => value);
  const title = first(TITLE_NAMES) ?? heading ?? titleTag;
  const date = isoDate(first(DATE_NAMES)) ?? isoDate(time);
  const language = /^[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*$/i.exec(lang?.trim() ?? "")?.[0].replaceAll("_", "-");
  return {
    ...(title === undefined ? {} : { title: title.slice(0, 500) }),
    ...(date === undefined ? {} : { date }),
    ...(language === undefined ? {} : { lang: language }),
  };
}

function isoDate(text: string | undefined): string | undefined {
  const match = /(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})/.exec(text ?? "");
  if (match === null) return undefined;
  const [, year = "", month = "", day = ""] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
  return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}
