import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { Drop } from "../../stage.ts";
import type { UrlSettings } from "./settings.ts";

/** Judges a web document by its address alone; documents without one pass. */
export type UrlRule = (document: Document) => Drop | undefined;

/**
 * URL rules in the manner of RefinedWeb (Penedo et al. 2023, appendix G.1): blocked domains with all that is below
 * them, blocked addresses, words anywhere in the address, whole words, and words of which it takes two.
 * A list is a file of the user's, one entry a line, `#` opening a comment; lines of a hosts file and of the UT1 lists
 * (`domains`, `urls`) are read as they are.
 *
 * @param cwd what relative file names are relative to
 * @throws NuwaError FILE when a list cannot be read
 */
export function createUrlRule(settings: UrlSettings, cwd: string): UrlRule {
  const domains = new Set(settings.domains.flatMap((file) => readList(file, cwd).map(domainOf)));
  const addresses = new Set(settings.addresses.flatMap((file) => readList(file, cwd).map(bare)));
  const parts = settings.substrings.map((word) => word.toLowerCase());
  const words = new Set(settings.words.map((word) => word.toLowerCase()));
  const soft = new Set(settings.soft_words.map((word) => word.toLowerCase()));
  const any = domains.size + addresses.size + parts.length + words.size + soft.size > 0;
  return (document) => {
    const url = any ? addressOf(document) : undefined;
    if (url === undefined) return undefined;
    const address = bare(url);
    const host = address.split(/[/?#]/u, 1)[0]?.replace(/^.*@/u, "").replace(/:\d+$/u, "") ?? "";
    for (let name = host; name !== ""; name = name.includes(".") ? name.slice(name.indexOf(".") + 1) : "") {
      if (domains.has(name)) return { rule: "url.domain", detail: name };
    }
    const page = address.replace(/[?#].*$/u, "");
    for (const candidate of [address, page, page.replace(/\/+$/u, "")]) {
      if (addresses.has(candidate)) return { rule: "url.address", detail: candidate };
    }
    const part = parts.find((word) => address.includes(word));
    if (part !== undefined) return { rule: "url.substring", detail: part };
    const found = address.split(/[^\p{L}\p{N}]+/u);
    const hard = found.find((word) => words.has(word));
    if (hard !== undefined) return { rule: "url.word", detail: hard };
    const hits = [...new Set(found.filter((word) => soft.has(word)))];
    if (hits.length > settings.max_soft_words) {
      return {
        rule: "url.max_soft_words",
        value: hits.length,
        threshold: settings.max_soft_words,
        detail: hits.join(", "),
      };
    }
    return undefined;
  };
}

/** Where a document came from, if it came from the web: `meta.url`, else a source that is an address. */
export function addressOf(document: Document): string | undefined {
  const url = document.meta["url"];
  if (typeof url === "string" && url !== "") return url;
  return /^https?:\/\//iu.test(document.source) ? document.source : undefined;
}

function bare(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//u, "")
    .replace(/^www\./u, "");
}

function domainOf(entry: string): string {
  // Lines of a hosts file: "0.0.0.0 bad.example".
  const name = entry.replace(/^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+/u, "");
  return bare(name)
    .replace(/[/?#].*$/u, "")
    .replace(/^\*?\./u, "");
}

/** The entries of a list file: lines without comments and white space around. */
export function readList(file: string, cwd: string): string[] {
  const path = resolve(cwd, file);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a list, one entry a line; it cannot be read", { where: file, cause });
  }
  return text
    .split(/\r?\n/u)
    .map((line) => line.replace(/(?:^|\s)#.*$/u, "").trim())
    .filter((line) => line !== "");
}
