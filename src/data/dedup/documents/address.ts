import type { Document } from "../../../text/document.ts";

/** Parameters that say where a visitor came from and nothing about the page. */
export const TRACKING =
  /^(?:utm_.*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_cid|mc_eid|_ga|_gl|_hsenc|_hsmi|mkt_tok|oly_enc_id|oly_anon_id|vero_id|wickedid|s_cid|ref_src|ref_url|spm|scm|share_token|from_source|vd_source)$/iu;

/**
 * An address without what does not change the page: scheme, `www.`, default port, user, fragment, slashes at the end,
 * tracking parameters; host in lower case, escapes in one form, parameters sorted. Undefined for what is no http(s)
 * address.
 *
 * @param ignored further parameters to leave out
 * @example normaliseAddress("http://www.Example.org:80/a/?utm_source=x&b=2&a=1#top") // "example.org/a?a=1&b=2"
 */
export function normaliseAddress(address: string, ignored: readonly string[] = []): string | undefined {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return undefined;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const host = url.hostname.replace(/^www\./u, "").replace(/\.$/u, "");
  // The other scheme's default port is not taken off by URL.
  const port = url.port === "" || url.port === "80" || url.port === "443" ? "" : `:${url.port}`;
  const path = url.pathname.replace(/\/+$/u, "");
  const parameters = [...url.searchParams].filter(([name]) => !TRACKING.test(name) && !ignored.includes(name));
  const sorted = parameters
    .map(([name, value]) => `${encodeURIComponent(well(name))}=${encodeURIComponent(well(value))}`)
    .sort();
  return `${host}${port}${normaliseEscapes(path)}${sorted.length === 0 ? "" : `?${sorted.join("&")}`}`;
}

/** `encodeURIComponent` refuses lone surrogates. */
function well(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** `%7e` and `%7E` and `~` are one. */
function normaliseEscapes(path: string): string {
  return path.replace(/%[0-9a-f]{2}/giu, (escape) => {
    const code = Number.parseInt(escape.slice(1), 16);
    return /[\w.~-]/u.test(String.fromCharCode(code)) && code < 0x80 ? String.fromCharCode(code) : escape.toUpperCase();
  });
}

/**
 * The normalised address that a document came from: `meta.url`, or its source where that is one. A source's `#n` counts:
 * it is the n-th part of what was read there.
 */
export function documentAddress(
  document: Pick<Document, "source" | "meta">,
  ignored: readonly string[],
): string | undefined {
  const url = document.meta["url"];
  if (typeof url === "string") return normaliseAddress(url, ignored);
  if (!/^https?:/iu.test(document.source)) return undefined;
  const address = normaliseAddress(document.source, ignored);
  const part = /#\d+$/u.exec(document.source)?.[0] ?? "";
  return address === undefined ? undefined : address + part;
}
