import * as path from "node:path";
import { NuwaError } from "../../../text/errors.ts";
import type { Resolve } from "./address.ts";
import { Fetcher } from "./fetch.ts";
import { Frontier, type Entry, type Visit } from "./frontier.ts";
import { HostQueues } from "./host-queues.ts";
import { takeLock } from "../../../io/lock.ts";
import { Scope } from "./scope.ts";
import { selectionKey, type CrawlSettings } from "./settings.ts";
import { countVisit, emptySummary, increase, type CrawlSummary } from "./summary.ts";
import { normaliseUrl } from "./url.ts";
import { Visitor } from "./visitor.ts";
import { WarcWriter } from "./warc-writer.ts";

/** How far a crawl is. */
export interface CrawlProgress {
  readonly pages: number;
  readonly bytes: number;
  /** Addresses that wait. */
  readonly queued: number;
  /** Requests under way. */
  readonly active: number;
}

/** Where {@link crawl} writes, and how it is stopped and watched. */
export interface CrawlOptions {
  /** The crawl's folder: WARC files and the log. A crawl that was begun there goes on. */
  readonly out: string;
  /** Stops the crawl; what is in flight is fetched again when it goes on. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CrawlProgress) => void;
  /** Fetch everything again that is known, with conditional requests. */
  readonly recrawl?: boolean;
  /** Instead of the operating system's resolver. */
  readonly resolve?: Resolve;
}

/** Who asks, as servers see it. */
export function userAgent(contact: string | null): string {
  return `Nuwa/0.1 (${contact === null ? "" : `+${contact}; `}robots.txt: nuwa)`;
}

/**
 * Fetches pages from seeds on, politely, into WARC 1.1 files (`nuwa-00000.warc.gz`, …) that `nuwa data collect` reads.
 * Killed at any instant, it goes on where it was when called again with the same folder.
 *
 * @throws NuwaError VALUE for a seed that is no web address or settings other than it was begun with; FILE for a folder
 *   that cannot be used
 * @example await crawl(crawlSettings.parse({ seeds: ["https://example.org/"] }), { out: "crawl/example" })
 */
export async function crawl(settings: CrawlSettings, options: CrawlOptions): Promise<CrawlSummary> {
  const seeds = settings.seeds.map((seed, i) => seedEntry(seed, `seeds[${i}]`));
  const release = takeLock(path.join(options.out, "lock"), "this crawl");
  try {
    return await crawlLocked(settings, seeds, options);
  } finally {
    release();
  }
}

async function crawlLocked(
  settings: CrawlSettings,
  seeds: readonly Entry[],
  { out, signal, onProgress, recrawl = false, resolve }: CrawlOptions,
): Promise<CrawlSummary> {
  let summary = emptySummary();
  const onVisit = (visit: Visit): void => countVisit(summary, visit);
  const reset = (): void => void (summary = emptySummary());
  const frontier = Frontier.open(out, selectionKey(settings), onVisit, reset);
  const agent = userAgent(settings.contact);
  const fetcher = new Fetcher({
    userAgent: agent,
    allowPrivate: settings.allow_private,
    connectTimeout: settings.connect_timeout_s * 1000,
    firstByteTimeout: settings.first_byte_timeout_s * 1000,
    totalTimeout: settings.total_timeout_s * 1000,
    concurrency: settings.concurrency,
    resolve,
  });
  const writer = new WarcWriter(out, {
    maxBytes: settings.warc_mb * 1e6,
    from: frontier.warcEnd,
    info: {
      software: "Nuwa/0.1",
      format: "WARC File Format 1.1",
      "http-header-user-agent": agent,
      robots: "RFC 9309",
      ...(settings.contact === null ? {} : { operator: settings.contact }),
    },
  });
  try {
    if (recrawl && frontier.size > 0) {
      frontier.recrawl();
      reset();
    }
    frontier.add(seeds);
    const scope = new Scope(settings);
    for (const entry of frontier.all()) scope.admit(entry);
    const queues = new HostQueues({ delay: settings.delay_s * 1000, perHost: settings.concurrency_per_host });
    for (const entry of frontier.pending()) queues.push(entry);
    // What is not written down as done: it is pending again next time.
    const refused: Record<string, number> = {};
    const visitor = new Visitor({
      settings,
      fetcher,
      frontier,
      scope,
      queues,
      writer,
      signal,
      refuse: (rule, count, reason) => {
        increase(refused, rule, count);
        if (reason !== undefined) summary.reasons[rule] ??= reason;
      },
      pagesOf: (host) => summary.byHost[host]?.pages ?? 0,
    });
    await run({
      settings,
      queues,
      visitor,
      signal,
      pages: () => summary.pages,
      bytes: () => summary.bytes,
      onProgress,
    });
    for (const [rule, count] of Object.entries(refused)) increase(summary.refused, rule, count);
    summary.pending = [...frontier.pending()].length;
    summary.interrupted = signal?.aborted === true;
    return summary;
  } finally {
    fetcher.close();
    writer.close();
    frontier.close();
  }
}

interface Run {
  readonly settings: CrawlSettings;
  readonly queues: HostQueues;
  readonly visitor: Visitor;
  readonly signal: AbortSignal | undefined;
  readonly pages: () => number;
  readonly bytes: () => number;
  readonly onProgress: ((progress: CrawlProgress) => void) | undefined;
}

/** Begins requests as turns come up, until nothing waits and nothing is under way. */
function run({ settings, queues, visitor, signal, pages, bytes, onProgress }: Run): Promise<void> {
  const maxPages = settings.max_pages ?? Infinity;
  return new Promise((resolve, reject) => {
    let active = 0;
    let timer: NodeJS.Timeout | undefined;
    let failed: { error: unknown } | undefined;
    const isOver = (): boolean => failed !== undefined || signal?.aborted === true || pages() >= maxPages;
    const pump = (): void => {
      clearTimeout(timer);
      while (!isOver() && active < settings.concurrency && pages() + active < maxPages) {
        const turn = queues.take(performance.now());
        if (turn === undefined) break;
        if ("wait" in turn) {
          timer = setTimeout(pump, Math.ceil(turn.wait));
          break;
        }
        active++;
        visitor
          .visit(turn.entry, turn.host)
          .catch((error: unknown) => void (failed ??= { error }))
          .finally(() => {
            active--;
            onProgress?.({ pages: pages(), bytes: bytes(), queued: queues.size, active });
            pump();
          });
      }
      if (active > 0) return;
      if (!isOver() && timer !== undefined && queues.size > 0) return;
      clearTimeout(timer);
      signal?.removeEventListener("abort", pump);
      if (failed === undefined) resolve();
      else reject(failed.error);
    };
    signal?.addEventListener("abort", pump);
    pump();
  });
}

function seedEntry(text: string, where: string): Entry {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//iu.test(text) ? text : `https://${text}`;
  const url = normaliseUrl(withScheme);
  if (url === undefined) {
    const hint = "like https://example.org/ (no user name, at most 2048 characters)";
    throw new NuwaError("VALUE", `expected an http or https address, got "${text}"`, { where, hint });
  }
  return { url, depth: 0, kind: "page", hops: 0, seed: true };
}

/** The WARC files of a crawl's folder are these. */
export const crawlFiles = (out: string): string => path.join(out, "nuwa-*.warc.gz");
