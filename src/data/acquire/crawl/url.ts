import { TRACKING } from "../../dedup/documents/address.ts";

const SESSION =
  /^(?:phpsessid|jsessionid|aspsessionid\w*|asp\.net_sessionid|cfid|cftoken|sessionid|session_id|sessid|osCsid|zenid|sid)$/iu;
const MAX_LENGTH = 2048;

/**
 * The form in which an address is fetched, and by which it is known: host in lower case and in ASCII (IDN), no default
 * port, no fragment, no dot segments, escapes in one form, no tracking parameters and session ids. The order of
 * parameters stays, as servers may care.
 *
 * @param ignored wildcard patterns of further parameters to leave out
 * @returns undefined for what is no http(s) address, carries a password or is longer than 2048 characters
 * @example normaliseUrl("HTTP://Example.org:80/a/../b;jsessionid=1?utm_source=x&q=%e4%b8%ad#top")
 *   // "http://example.org/b?q=%E4%B8%AD"
 */
export function normaliseUrl(text: string, base?: string, ignored: readonly string[] = []): string | undefined {
  let url: URL;
  try {
    url = new URL(text.trim(), base);
  } catch {
    return undefined;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.username !== "" || url.password !== "") return undefined;
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.replace(/\.+$/u, "");
  if (url.hostname === "") return undefined;
  url.hash = "";
  const path = url.pathname
    .replace(/;(?:jsessionid|phpsessid|sid)=[^/;?]*/giu, "")
    .replace(/\/\(S\([0-9a-z]{20,}\)\)(?=\/)/giu, "");
  const parameters = url.search.slice(1).split("&");
  const kept = parameters.filter((parameter) => {
    const name = unescapeName(parameter.split("=", 1)[0] ?? "");
    return parameter !== "" && !TRACKING.test(name) && !SESSION.test(name) && !ignored.some((p) => wildcard(p, name));
  });
  const query = kept.length === 0 ? "" : `?${oneForm(kept.join("&"))}`;
  const address = `${url.origin}${oneForm(path)}${query}`;
  return address.length > MAX_LENGTH ? undefined : address;
}

function unescapeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** RFC 3986, 6.2.2: escapes in upper case, unreserved characters not escaped. */
function oneForm(text: string): string {
  return text.replace(/%[0-9a-f]{2}/giu, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/u.test(character) ? character : escape.toUpperCase();
  });
}

/**
 * What addresses made by one program have in common: numbers, hexadecimal ids and the values of the query left out.
 *
 * @example urlTemplate("http://a.org/2031/05/day?view=month&d=7") // "http://a.org/#/#/day?d&view"
 */
export function urlTemplate(address: string): string {
  const { origin, pathname, search } = new URL(address);
  const names = search
    .slice(1)
    .split("&")
    .filter((parameter) => parameter !== "")
    .map((parameter) => (parameter.split("=", 1)[0] ?? "").replace(/\d+/gu, "#"));
  const path = pathname.replace(/(?<=\/)[0-9a-f]{8}[0-9a-f-]*(?=\/|\.|$)/giu, "#").replace(/\d+/gu, "#");
  const query = names.length === 0 ? "" : `?${[...new Set(names)].sort().join("&")}`;
  return `${origin}${path}${query}`;
}

/** Paths that grow by links relative to themselves: `/a/b/a/b/a/b`, `/x/x/x`, or very many segments. */
export function isTrapPath(address: string, maxSegments: number): boolean {
  const segments = new URL(address).pathname.split("/").filter((segment) => segment !== "");
  if (segments.length > maxSegments) return true;
  for (let length = 1; length * 3 <= segments.length; length++) {
    for (let start = 0; start + 3 * length <= segments.length; start++) {
      let same = true;
      for (let i = 0; i < 2 * length && same; i++) same = segments[start + i] === segments[start + i + length];
      // /1/1/1/ and /0/0/0 are numbers of volumes and tiles more often than traps.
      if (same && segments.slice(start, start + length).some((segment) => !/^\d{1,3}$/u.test(segment))) return true;
    }
  }
  return false;
}

/** Whether the whole text matches a pattern where `*` stands for any characters, in linear time but for the last star. */
export function wildcard(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return pattern === text;
  const last = parts.at(-1) ?? "";
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
