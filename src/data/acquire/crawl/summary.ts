import type { Visit } from "./frontier.ts";

/** What a crawl did, over all its runs since it was begun (or since the last recrawl). */
export interface CrawlSummary {
  /** Pages that are in the WARC files, revisits included. */
  pages: number;
  /** Of those, pages that were the same as before or as another. */
  revisits: number;
  /** Bytes of answers, as received. */
  bytes: number;
  /** Requests, robots.txt and retries not counted. */
  visits: number;
  /** Addresses not fetched yet: after an interruption, at a limit, or where robots.txt could not be had. */
  pending: number;
  byHost: Record<string, { pages: number; bytes: number }>;
  byStatus: Record<string, number>;
  /** Pages and links that a rule refused. Links count each time they stand on a page. */
  refused: Record<string, number>;
  /** Pages that could not be had, by what went wrong. */
  failed: Record<string, number>;
  /** For rules that need words: what it said the first time, with the address. */
  reasons: Record<string, string>;
  /** Whether it was stopped from outside. */
  interrupted: boolean;
}

/** @example const summary = emptySummary(); countVisit(summary, visit); */
export function emptySummary(): CrawlSummary {
  return {
    pages: 0,
    revisits: 0,
    bytes: 0,
    visits: 0,
    pending: 0,
    byHost: {},
    byStatus: {},
    refused: {},
    failed: {},
    reasons: {},
    interrupted: false,
  };
}

/** Adds one visit. */
export function countVisit(summary: CrawlSummary, visit: Visit): void {
  const bytes = visit.bytes ?? 0;
  const isPage = visit.outcome === "stored" || visit.outcome === "revisit";
  summary.visits++;
  summary.bytes += bytes;
  if (isPage) summary.pages++;
  if (visit.outcome === "revisit") summary.revisits++;
  const { hostname } = new URL(visit.url);
  const host = (summary.byHost[hostname] ??= { pages: 0, bytes: 0 });
  host.bytes += bytes;
  if (isPage) host.pages++;
  if (visit.status !== undefined) increase(summary.byStatus, String(visit.status));
  if (visit.outcome === "refused") increase(summary.refused, visit.rule ?? "other");
  if (visit.outcome === "failed") increase(summary.failed, visit.rule ?? "other");
  if (visit.rule !== undefined && visit.message !== undefined) {
    summary.reasons[visit.rule] ??= `${visit.url}: ${visit.message}`;
  }
  for (const [rule, count] of Object.entries(visit.refused ?? {})) increase(summary.refused, rule, count);
}

export function increase(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by;
}
