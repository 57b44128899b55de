import { getDomain } from "tldts";
import type { Entry } from "./frontier.ts";
import type { CrawlSettings } from "./settings.ts";
import { isTrapPath, normaliseUrl, urlTemplate, wildcard } from "./url.ts";

/** Why a link is not followed. */
export type LinkRule = "malformed" | "scope" | "include" | "exclude" | "depth" | "trap_path" | "trap_template";

/** Which addresses belong to the crawl. */
export class Scope {
  readonly #settings: CrawlSettings;
  readonly #hosts = new Set<string>();
  readonly #domains = new Set<string>();
  readonly #prefixes: string[] = [];
  readonly #templates = new Map<string, number>();

  constructor(settings: CrawlSettings) {
    this.#settings = settings;
  }

  /** Takes in an entry that is part of the crawl: seeds widen the scope, and all count for their template. */
  admit({ url, seed, kind }: Entry): void {
    if (kind === "page") {
      const template = urlTemplate(url);
      this.#templates.set(template, (this.#templates.get(template) ?? 0) + 1);
    }
    if (!seed) return;
    const { host, hostname, origin, pathname } = new URL(url);
    this.#hosts.add(host);
    this.#domains.add(domainOf(hostname));
    this.#prefixes.push(`${origin}${pathname.slice(0, pathname.lastIndexOf("/") + 1)}`);
  }

  /** Whether where a seed redirects to (`www.`, https) may widen the scope: only within its registered domain. */
  mayWiden(url: string): boolean {
    return this.#domains.has(domainOf(new URL(url).hostname));
  }

  contains(url: string): boolean {
    const { scope } = this.#settings;
    const { host, hostname } = new URL(url);
    if (scope === "any") return true;
    if (scope === "host") return this.#hosts.has(host);
    if (scope === "domain") return this.#domains.has(domainOf(hostname));
    return this.#prefixes.some((prefix) => url.startsWith(prefix));
  }

  /**
   * A link made into the address of an entry, or the rule that refuses it. Links that are no web addresses (`mailto:`)
   * are neither.
   *
   * @param widening the scope is not asked, as the link is about to widen it
   */
  judge(link: string, base: string, depth: number, widening = false): { url: string } | { rule: LinkRule } | undefined {
    const settings = this.#settings;
    if (/^\s*(?!https?:)[a-z][a-z0-9+.-]*:/iu.test(link)) return undefined;
    const url = normaliseUrl(link, base, settings.ignore_parameters);
    if (url === undefined) return { rule: "malformed" };
    if (!widening && !this.contains(url)) return { rule: "scope" };
    const { include, exclude } = settings;
    if (include.length > 0 && !include.some((pattern) => wildcard(pattern, url))) return { rule: "include" };
    if (exclude.some((pattern) => wildcard(pattern, url))) return { rule: "exclude" };
    if (depth > settings.max_depth) return { rule: "depth" };
    if (isTrapPath(url, settings.max_path_segments)) return { rule: "trap_path" };
    if ((this.#templates.get(urlTemplate(url)) ?? 0) >= settings.max_per_template && /[\d?]/u.test(url)) {
      return { rule: "trap_template" };
    }
    return { url };
  }
}

/** The registered domain; the host itself where there is none (IP addresses, `localhost`). */
function domainOf(hostname: string): string {
  return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname;
}
