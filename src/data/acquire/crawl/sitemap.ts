import { Parser } from "htmlparser2";
import { unpackOnce } from "./fetch.ts";

export interface Sitemap {
  /** Addresses of pages. */
  readonly pages: readonly string[];
  /** Addresses of further sitemaps (of an index). */
  readonly sitemaps: readonly string[];
}

/** sitemaps.org: a sitemap holds at most so many addresses. */
const MAX_ADDRESSES = 50_000;

/**
 * A sitemap by the protocol of sitemaps.org: XML, an index, or a plain list of addresses; gzip too. Also takes RSS and
 * Atom links. Malformed XML gives what could be read of it.
 *
 * @throws FetchProblem when it unpacks to more than `maxBytes`
 */
export async function readSitemap(bytes: Buffer, maxBytes: number): Promise<Sitemap> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (isPacked ? await unpackOnce(bytes, "gzip", { maxBytes }) : bytes).toString("utf8");
  const pages: string[] = [];
  const sitemaps: string[] = [];
  if (!/^\s*(?:\ufeff)?\s*</u.test(text)) {
    for (const line of text.replace(/^\ufeff/u, "").split(/\r?\n/u)) {
      if (/^https?:\/\//iu.test(line.trim()) && pages.length < MAX_ADDRESSES) pages.push(line.trim());
    }
    return { pages, sitemaps };
  }
  let inside: "url" | "sitemap" | undefined;
  let location: string | undefined;
  const local = (name: string): string => name.slice(name.indexOf(":") + 1).toLowerCase();
  const take = (address: string): void => {
    const list = inside === "sitemap" ? sitemaps : pages;
    if (address !== "" && pages.length + sitemaps.length < MAX_ADDRESSES) list.push(address);
  };
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        const tag = local(name);
        if (tag === "url" || tag === "item" || tag === "entry") inside = "url";
        else if (tag === "sitemap") inside = "sitemap";
        else if (inside !== undefined && (name.toLowerCase() === "loc" || name.toLowerCase() === "link")) {
          if (attributes["href"] !== undefined) take(attributes["href"]);
          else location = "";
        }
      },
      ontext(piece) {
        if (location !== undefined) location += piece;
      },
      onclosetag(name) {
        const tag = local(name);
        if (tag === "url" || tag === "sitemap" || tag === "item" || tag === "entry") inside = undefined;
        else if (location !== undefined && (tag === "loc" || tag === "link")) {
          take(location.trim());
          location = undefined;
        }
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(text);
  parser.end();
  return { pages, sitemaps };
}
