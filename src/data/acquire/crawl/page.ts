import type { Entry } from "./frontier.ts";
import type { Answer } from "./fetch.ts";
import { charsetOf, readLinks, readRobotsTag } from "./links.ts";
import type { CrawlSettings } from "./settings.ts";
import { normaliseUrl } from "./url.ts";

/** A link as found, before scope and limits are asked. */
export interface FoundLink {
  readonly link: string;
  readonly depth: number;
  readonly hops: number;
  readonly seed: boolean;
}

/** What a page's own words mean for the crawl. */
export interface Reading {
  readonly store: boolean;
  /** Why not, if not. */
  readonly rule?: "noindex" | "canonical";
  readonly base: string;
  readonly links: readonly FoundLink[];
  readonly refused: Readonly<Record<string, number>>;
}

/** Whether a media type is among those to store; none at all passes, and what the page holds decides later. */
export function isWanted(contentType: string | undefined, wanted: readonly string[]): boolean {
  const type = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "") return true;
  return wanted.some((want) =>
    want.endsWith("/*") ? type.startsWith(want.slice(0, -1)) : type === want.toLowerCase(),
  );
}

/** Whether an answer is to be read as HTML. */
function isHtml({ headers, body }: Answer): boolean {
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "") return /^\s*</u.test(body.subarray(0, 512).toString("latin1"));
  return type === "text/html" || type === "application/xhtml+xml";
}

/** Reads a page that came whole (status 200): its links, and whether it may and should be stored. */
export function readPage(entry: Entry, answer: Answer, settings: CrawlSettings): Reading {
  const tag = readRobotsTag(answer.headers["x-robots-tag"]);
  const page = isHtml(answer)
    ? readLinks(answer.body, answer.url, {
        charset: charsetOf(answer.headers["content-type"]),
        followNofollow: settings.follow_nofollow,
      })
    : undefined;
  const links: FoundLink[] = [];
  const refused: Record<string, number> = {};
  const found = (link: string, depth: number, hops = 0): void =>
    void links.push({ link, depth, hops, seed: entry.seed && hops > 0 });
  const nofollow = !settings.follow_nofollow && (tag.nofollow || page?.nofollow === true);
  if (page !== undefined) {
    if (page.refresh !== undefined && entry.hops < settings.max_redirects)
      found(page.refresh, entry.depth, entry.hops + 1);
    if (nofollow) refused["nofollow"] = page.links.length + page.nofollowed;
    else {
      for (const link of page.links) found(link, entry.depth + 1);
      if (page.nofollowed > 0) refused["nofollow"] = page.nofollowed;
    }
  }
  const base = page?.base ?? answer.url;
  const named = page?.canonical ?? canonicalHeader(answer.headers.link);
  const canonical = named === undefined ? undefined : normaliseUrl(named, base, settings.ignore_parameters);
  const noindex = settings.noindex === "skip" && (tag.noindex || page?.noindex === true);
  if (noindex) return { store: false, rule: "noindex", base, links, refused };
  if (canonical !== undefined && canonical !== entry.url && isSameSite(canonical, entry.url)) {
    found(canonical, entry.depth);
    // Whole sites name their front page as canonical by mistake; that must not lose the site.
    const isFront = new URL(canonical).pathname === "/";
    if (settings.canonical === "skip" && !isFront) return { store: false, rule: "canonical", base, links, refused };
  }
  return { store: true, base, links, refused };
}

/** `Link: <https://example.org/a>; rel="canonical"` (RFC 8288). */
function canonicalHeader(header: string | string[] | undefined): string | undefined {
  const text = header === undefined ? "" : [header].flat().join(", ");
  return /<([^>]*)>\s*;[^,]*\brel\s*=\s*"?canonical\b/iu.exec(text)?.[1];
}

/** The same host, `www.` and scheme aside: only there a page is trusted to stand for another. */
function isSameSite(a: string, b: string): boolean {
  const bare = (url: string): string => new URL(url).hostname.replace(/^www\./u, "");
  return bare(a) === bare(b);
}
