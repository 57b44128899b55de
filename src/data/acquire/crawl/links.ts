import { Parser } from "htmlparser2";
import { BinaryContent, decode } from "../collect/encoding.ts";

/** What a page says about itself and its links. Addresses are as written, not yet resolved. */
export interface PageLinks {
  /** Where relative links start from: `<base href>`, else the page's own address. */
  readonly base: string;
  readonly links: readonly string[];
  /** How many links were left out for rel=nofollow. */
  readonly nofollowed: number;
  readonly canonical: string | undefined;
  /** `<meta http-equiv=refresh>`'s address. */
  readonly refresh: string | undefined;
  readonly noindex: boolean;
  readonly nofollow: boolean;
}

export interface ReadLinksOptions {
  /** The charset that Content-Type names. */
  readonly charset?: string | undefined;
  readonly followNofollow?: boolean;
  readonly maxLinks?: number;
}

/**
 * The links of an HTML page, in any encoding that pages come in, with `rel`, `<base>`, canonical address and meta robots.
 *
 * @param url the page's address
 * @returns undefined for bytes that are no text
 */
export function readLinks(bytes: Buffer, url: string, options: ReadLinksOptions = {}): PageLinks | undefined {
  const { charset = "auto", followNofollow = false, maxLinks = 20_000 } = options;
  let html: string;
  try {
    html = decode(bytes, charset, { html: true }).text;
  } catch (error) {
    if (error instanceof BinaryContent) return undefined;
    throw error;
  }
  const links: string[] = [];
  let base: string | undefined;
  let canonical: string | undefined;
  let refresh: string | undefined;
  let nofollowed = 0;
  const directives: string[] = [];
  const add = (address: string | undefined, rel = ""): void => {
    if (address === undefined || links.length >= maxLinks) return;
    if (!followNofollow && /(?:^|\s)nofollow(?:\s|$)/iu.test(rel)) nofollowed++;
    else links.push(address);
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === "a" || name === "area") add(attributes["href"], attributes["rel"]);
      else if (name === "iframe" || name === "frame") add(attributes["src"]);
      else if (name === "base") base ??= attributes["href"];
      else if (name === "link") {
        const rel = (attributes["rel"] ?? "").toLowerCase().split(/\s+/u);
        if (rel.includes("canonical")) canonical ??= attributes["href"];
        const isPage = !/rss|atom|json|xml/iu.test(attributes["type"] ?? "");
        if (isPage && ["next", "prev", "alternate"].some((kind) => rel.includes(kind)) && !rel.includes("stylesheet")) {
          add(attributes["href"]);
        }
      } else if (name === "meta") {
        if (/^(?:robots|nuwa)$/iu.test(attributes["name"] ?? "")) directives.push(attributes["content"] ?? "");
        if (/^refresh$/iu.test(attributes["http-equiv"] ?? "")) {
          refresh ??= /^\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?["']?([^"']+)/iu.exec(attributes["content"] ?? "")?.[1];
        }
      }
    },
  });
  parser.write(html);
  parser.end();
  let resolved = url;
  if (base !== undefined && URL.canParse(base, url)) resolved = new URL(base, url).href;
  return { base: resolved, links, nofollowed, canonical, refresh, ...readDirectives(directives) };
}

/** `noindex, nofollow` of meta robots. */
function readDirectives(values: readonly string[]): { noindex: boolean; nofollow: boolean } {
  const words = new Set(values.flatMap((value) => value.toLowerCase().split(/[\s,]+/u)));
  return {
    noindex: words.has("noindex") || words.has("none"),
    nofollow: words.has("nofollow") || words.has("none"),
  };
}

/** Names that open a directive with a value, and are no crawler's name. */
const VALUED = /^(?:max-snippet|max-image-preview|max-video-preview|unavailable_after)$/iu;

/**
 * X-Robots-Tag, which may be meant for one crawler (`googlebot: noindex`): what stands for all and what stands for us.
 *
 * @example readRobotsTag("otherbot: noindex, nofollow, nuwa: nofollow") // { noindex: false, nofollow: true }
 */
export function readRobotsTag(header: string | string[] | undefined): { noindex: boolean; nofollow: boolean } {
  const values: string[] = [];
  for (const line of header === undefined ? [] : [header].flat()) {
    let forUs = true;
    for (const part of line.split(",")) {
      const named = /^\s*([\w-]+)\s*:\s*(.*)$/u.exec(part);
      const agent = named?.[1];
      if (agent !== undefined && !VALUED.test(agent)) forUs = agent.toLowerCase() === "nuwa";
      if (forUs) values.push(agent !== undefined ? (named?.[2] ?? "") : part);
    }
  }
  return readDirectives(values);
}

/** The charset parameter of a Content-Type, where there is a decoder for it. UTF-8 is left to be found out. */
export function charsetOf(contentType: string | undefined): string | undefined {
  const name = /charset\s*=\s*["']?([\w:-]+)/iu.exec(contentType ?? "")?.[1]?.toLowerCase();
  if (name === undefined) return undefined;
  try {
    return new TextDecoder(name).encoding === "utf-8" ? undefined : name;
  } catch {
    return undefined;
  }
}
