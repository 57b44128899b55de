import { FetchProblem, type Answer, type Fetcher } from "./fetch.ts";
import type { Entry, Frontier, Visit } from "./frontier.ts";
import type { Host, HostQueues } from "./host-queues.ts";
import { isWanted, readPage, type FoundLink } from "./page.ts";
import { backoff, isRetried, retryAfter } from "../../../io/retry.ts";
import { fetchRobots, type RobotsRules } from "./robots.ts";
import type { Scope } from "./scope.ts";
import type { CrawlSettings } from "./settings.ts";
import { readSitemap } from "./sitemap.ts";
import { increase } from "./summary.ts";
import { exchangeRecords, sha1, type RefersTo, type WarcWriter } from "./warc-writer.ts";

export interface VisitorParts {
  readonly settings: CrawlSettings;
  readonly fetcher: Fetcher;
  readonly frontier: Frontier;
  readonly scope: Scope;
  readonly queues: HostQueues;
  readonly writer: WarcWriter;
  readonly signal: AbortSignal | undefined;
  /** Told of entries that are given up for now and not written down as done. */
  readonly refuse: (rule: string, count: number, reason?: string) => void;
  readonly pagesOf: (host: string) => number;
}

/** Sitemaps of sitemaps: one index deep by the protocol, one more in practice. */
const MAX_SITEMAP_DEPTH = 2;

/** Takes entries one by one: robots.txt, the request, what the answer means, the records, the log. */
export class Visitor {
  readonly #parts: VisitorParts;
  readonly #robots = new Map<string, { rules?: RobotsRules; asked?: Promise<void>; tries: number }>();
  readonly #tries = new Map<string, number>();

  constructor(parts: VisitorParts) {
    this.#parts = parts;
  }

  /** One turn of a host: its robots.txt if that is not known yet, else the entry. */
  async visit(entry: Entry, host: Host): Promise<void> {
    const { queues, settings, signal } = this.#parts;
    let rest = 0;
    try {
      const limit = settings.max_pages_per_host ?? Infinity;
      if (entry.kind === "page" && this.#parts.pagesOf(host.name) + host.active > limit) {
        if (this.#parts.pagesOf(host.name) < limit) queues.putBack(entry);
        else this.#giveUp(host, entry, "host_limit");
        return;
      }
      const rules = this.#rulesOf(entry);
      if (rules === undefined) rest = await this.#askRobots(entry, host);
      else if (rules.state === "unreachable") this.#giveUp(host, entry, "robots_unreachable", rules.reason);
      else if (!rules.isAllowed(entry.url)) this.#done(entry, { outcome: "refused", rule: "robots" });
      else if ((rules.crawlDelay ?? 0) > settings.max_crawl_delay_s) this.#giveUp(host, entry, "crawl_delay");
      else rest = await this.#request(entry);
    } catch (error) {
      if (!(error instanceof FetchProblem && error.rule === "stopped") || signal?.aborted !== true) throw error;
    } finally {
      queues.release(host, performance.now(), rest);
    }
  }

  /** All of this origin's entries; they stay pending in the log. */
  #giveUp(host: Host, entry: Entry, rule: string, reason?: string): void {
    const { origin } = new URL(entry.url);
    const ofOrigin = (other: Entry): boolean => rule === "host_limit" || new URL(other.url).origin === origin;
    this.#parts.refuse(rule, 1 + this.#parts.queues.drain(host, ofOrigin), reason);
  }

  #rulesOf({ url }: Entry): RobotsRules | undefined {
    const rules = this.#robots.get(new URL(url).origin)?.rules;
    return rules === undefined || rules.expires < Date.now() ? undefined : rules;
  }

  /** Fetches robots.txt and puts the entry back. */
  async #askRobots(entry: Entry, host: Host): Promise<number> {
    const { settings, queues, fetcher, signal } = this.#parts;
    const { origin } = new URL(entry.url);
    const state = this.#robots.get(origin) ?? { tries: 0 };
    this.#robots.set(origin, state);
    let rest = 0;
    state.asked ??= (async () => {
      try {
        const rules = await fetchRobots(fetcher, origin, signal);
        if (rules.state === "unreachable" && state.tries++ < settings.retries) {
          rest = backoff(state.tries, settings.backoff_s * 1000);
          return;
        }
        state.rules = rules;
        host.delay = Math.max(host.delay, (rules.crawlDelay ?? 0) * 1000);
        if (entry.kind === "page" && (settings.scope !== "any" || entry.seed)) this.#addSitemaps(origin, rules);
      } finally {
        delete state.asked;
      }
    })();
    try {
      await state.asked;
    } catch (error) {
      if (!(error instanceof FetchProblem) || error.rule !== "address") throw error;
      this.#done(entry, { outcome: "refused", rule: "address", message: error.message });
      return 0;
    }
    queues.putBack(entry);
    return rest;
  }

  #addSitemaps(origin: string, rules: RobotsRules): void {
    const { settings, frontier, scope, queues } = this.#parts;
    if (!settings.sitemaps || rules.state === "unreachable") return;
    const urls = rules.sitemaps.length > 0 ? rules.sitemaps : [`${origin}/sitemap.xml`];
    const entries = urls.map((url): Entry => ({ url, depth: 0, kind: "sitemap", hops: 0, seed: false }));
    for (const entry of frontier.add(entries)) {
      scope.admit(entry);
      queues.push(entry);
    }
  }

  /** @returns the rest that the server asked for, milliseconds */
  async #request(entry: Entry): Promise<number> {
    const { settings, fetcher, frontier, signal } = this.#parts;
    const known = frontier.known(entry.url);
    const isPage = entry.kind === "page";
    let answer: Answer;
    try {
      answer = await fetcher.fetch(entry.url, {
        maxBytes: (isPage ? settings.max_page_mb : settings.max_sitemap_mb) * 1e6,
        headers: {
          ...(known?.etag === undefined ? {} : { "if-none-match": known.etag }),
          ...(known?.lastModified === undefined ? {} : { "if-modified-since": known.lastModified }),
        },
        accept: (headers, status) =>
          !isPage || status !== 200 || isWanted(headers["content-type"], settings.content_types),
        signal,
      });
    } catch (error) {
      if (!(error instanceof FetchProblem) || error.rule === "stopped") throw error;
      const { rule, status, message } = error;
      if ((rule === "timeout" || rule === "network") && this.#retry(entry, undefined)) return 0;
      const outcome = rule === "timeout" || rule === "network" || rule === "encoding" ? "failed" : "refused";
      this.#done(entry, { outcome, rule, message, ...(status === undefined ? {} : { status }) });
      return 0;
    }
    const { status, headers } = answer;
    const facts = { status, bytes: answer.raw.length };
    if (isRetried(status)) {
      const asked = retryAfter(headers["retry-after"], Date.now());
      const rest = status === 429 || status === 503 ? (asked ?? settings.backoff_s * 1000) : 0;
      const isPatient = (asked ?? 0) <= settings.max_retry_after_s * 1000;
      if (!isPatient || !this.#retry(entry, asked)) this.#done(entry, { ...facts, ...statusFault(status) });
      return Math.min(rest, settings.max_retry_after_s * 1000);
    }
    if (status >= 300 && status < 400 && status !== 304) await this.#redirect(entry, answer);
    else if (status === 304 && known !== undefined) await this.#store(entry, answer, [], {}, known);
    else if (status !== 200 && status !== 203) this.#done(entry, { ...facts, ...statusFault(status) });
    else if (isPage) await this.#page(entry, answer);
    else await this.#sitemap(entry, answer);
    return 0;
  }

  /** Puts an entry up for another try, unless it had them all. */
  #retry(entry: Entry, asked: number | undefined): boolean {
    const { settings, queues } = this.#parts;
    const tries = (this.#tries.get(entry.url) ?? 0) + 1;
    if (tries > settings.retries) {
      this.#tries.delete(entry.url);
      return false;
    }
    this.#tries.set(entry.url, tries);
    queues.pushLater(entry, performance.now() + backoff(tries, settings.backoff_s * 1000, asked));
    return true;
  }

  async #redirect(entry: Entry, answer: Answer): Promise<void> {
    const { settings } = this.#parts;
    const { location } = answer.headers;
    const facts = { status: answer.status, bytes: answer.raw.length };
    if (location === undefined) return this.#done(entry, { ...facts, outcome: "failed", rule: "redirect_nowhere" });
    if (entry.hops >= settings.max_redirects) {
      return this.#done(entry, { ...facts, outcome: "refused", rule: "redirect_limit" });
    }
    // Node reads headers as Latin-1; servers send UTF-8.
    const link = Buffer.from(location, "latin1").toString("utf8");
    const found: FoundLink = {
      link: link.includes("\ufffd") ? location : link,
      depth: entry.depth,
      hops: entry.hops + 1,
      seed: entry.seed,
    };
    await this.#store(entry, answer, [found], {});
  }

  async #page(entry: Entry, answer: Answer): Promise<void> {
    const { settings, frontier } = this.#parts;
    const { store, rule, links, refused, base } = readPage(entry, answer, settings);
    const facts = { status: answer.status, bytes: answer.raw.length };
    if (!store) {
      const resolved = this.#resolve(entry, links, refused, base);
      return this.#done(entry, { ...facts, outcome: "refused", ...(rule === undefined ? {} : { rule }), ...resolved });
    }
    const digest = sha1(answer.raw);
    const known = frontier.known(entry.url);
    const same = known?.digest === digest ? known : answer.raw.length === 0 ? undefined : frontier.sameAs(digest);
    await this.#store(entry, answer, links, refused, same, base);
  }

  async #sitemap(entry: Entry, answer: Answer): Promise<void> {
    const facts = { status: answer.status, bytes: answer.raw.length };
    try {
      const { pages, sitemaps } = await readSitemap(answer.body, this.#parts.settings.max_sitemap_mb * 1e6);
      const links = pages.map((link): FoundLink => ({ link, depth: 1, hops: 0, seed: false }));
      const resolved = this.#resolve(entry, links, {}, entry.url);
      const inner = entry.depth >= MAX_SITEMAP_DEPTH ? [] : sitemaps;
      const further = inner
        .map((link) => this.#parts.scope.judge(link, entry.url, 0))
        .flatMap((judged) => (judged !== undefined && "url" in judged ? judged.url : []))
        .filter((url) => !this.#parts.frontier.has(url))
        .map((url): Entry => ({ url, depth: entry.depth + 1, kind: "sitemap", hops: 0, seed: false }));
      this.#done(entry, { ...facts, outcome: "read", ...resolved, links: [...resolved.links, ...further] });
    } catch (error) {
      if (!(error instanceof FetchProblem)) throw error;
      this.#done(entry, { ...facts, outcome: "refused", rule: error.rule });
    }
  }

  /** Writes the exchange's records, then the line of the log that makes them count. */
  async #store(
    entry: Entry,
    answer: Answer,
    links: readonly FoundLink[],
    refused: Readonly<Record<string, number>>,
    same?: RefersTo,
    base = entry.url,
  ): Promise<void> {
    const { writer, frontier } = this.#parts;
    const { bytes, digest, date } = await exchangeRecords(answer, same);
    await writer.prepare();
    // From here to the log's line nothing else may run: no await.
    const warc = writer.append(bytes);
    const { etag, "last-modified": lastModified } = answer.headers;
    const isRedirect = answer.status >= 300 && answer.status !== 304;
    const resolved = this.#resolve(entry, links, refused, base);
    const visit: Visit = {
      url: entry.url,
      kind: entry.kind,
      outcome: isRedirect ? "redirect" : same === undefined ? "stored" : "revisit",
      status: answer.status,
      bytes: answer.raw.length,
      digest,
      date,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...resolved,
    };
    frontier.done(visit, warc);
    for (const link of resolved.links) this.#parts.queues.push(link);
  }

  /** Links that are new and belong to the crawl; the rest counted by rule. Must be followed at once by the log's line. */
  #resolve(
    entry: Entry,
    links: readonly FoundLink[],
    refused: Readonly<Record<string, number>>,
    base: string,
  ): { links: Entry[]; refused: Record<string, number> } {
    const { scope, frontier } = this.#parts;
    const counts = { ...refused };
    const taken = new Map<string, Entry>();
    for (const { link, depth, hops, seed } of links) {
      let judged = scope.judge(link, base, depth);
      let isSeed = false;
      if (judged !== undefined && "rule" in judged && judged.rule === "scope" && seed && hops > 0) {
        const url = URL.canParse(link, base) ? new URL(link, base).href : undefined;
        if (url !== undefined && /^https?:/u.test(url) && scope.mayWiden(url)) {
          isSeed = true;
          judged = scope.judge(link, base, depth, true);
        }
      }
      if (judged === undefined) continue;
      if ("rule" in judged) increase(counts, judged.rule);
      else if (hops > 0 && judged.url === entry.url) increase(counts, "redirect_loop");
      else if (!frontier.has(judged.url) && !taken.has(judged.url)) {
        const kind = hops > 0 ? entry.kind : "page";
        const added: Entry = { url: judged.url, depth, kind, hops, seed: isSeed };
        taken.set(added.url, added);
        scope.admit(added);
      }
    }
    return { links: [...taken.values()], refused: counts };
  }

  #done(entry: Entry, visit: Omit<Visit, "url" | "kind">): void {
    this.#parts.frontier.done({ ...visit, url: entry.url, kind: entry.kind });
    for (const link of visit.links ?? []) this.#parts.queues.push(link);
  }
}

const statusFault = (status: number) => ({ outcome: "failed", rule: "status", message: `answers ${status}` }) as const;
