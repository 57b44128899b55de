import robotsParser from "robots-parser";
import { FetchProblem, type Answer, type Fetcher } from "./fetch.ts";
import { normaliseUrl } from "./url.ts";

// Its types tell of a default export, its CommonJS file is the function itself.
const parseRobots = robotsParser as unknown as typeof robotsParser.default;

/** RFC 9309, 2.5: at least 500 kibibytes are read; what follows is left out. */
const MAX_BYTES = 500 * 1024;
/** RFC 9309, 2.3.1.2: at least five redirects. */
const MAX_REDIRECTS = 5;
/** RFC 9309, 2.4: not kept longer than a day. */
const KEEP_MS = 24 * 3600 * 1000;
/** The product token that robots.txt may name. */
export const PRODUCT = "nuwa";

/** What an origin's robots.txt says. */
export interface RobotsRules {
  /** `unreachable`: a server fault, by which everything is disallowed for now (RFC 9309, 2.3.1.4). */
  readonly state: "rules" | "absent" | "unreachable";
  readonly crawlDelay: number | undefined;
  readonly sitemaps: readonly string[];
  readonly expires: number;
  /** Why there are none, where they are unreachable. */
  readonly reason?: string;
  isAllowed(url: string): boolean;
}

/** The rules of a robots.txt that was read. */
export function robotsRules(origin: string, text: string, now = Date.now()): RobotsRules {
  const parsed = parseRobots(`${origin}/robots.txt`, text.replace(/^\ufeff/u, ""));
  const delay = parsed.getCrawlDelay(PRODUCT);
  return {
    state: "rules",
    crawlDelay: delay !== undefined && Number.isFinite(delay) && delay > 0 ? delay : undefined,
    sitemaps: parsed.getSitemaps().flatMap((address) => normaliseUrl(address, origin) ?? []),
    expires: now + KEEP_MS,
    isAllowed: (url) => new URL(url).pathname === "/robots.txt" || parsed.isAllowed(url, PRODUCT) !== false,
  };
}

const constant = (state: "absent" | "unreachable", now: number, reason = ""): RobotsRules => ({
  state,
  reason,
  crawlDelay: undefined,
  sitemaps: [],
  expires: now + KEEP_MS,
  isAllowed: () => state === "absent",
});

/**
 * Fetches an origin's robots.txt by RFC 9309: 4xx allows all, a server fault, 429 or no answer disallows all for now,
 * redirects are followed five deep.
 *
 * @param origin `https://example.org`
 * @throws FetchProblem of the rules "address" (the host may not be connected to) and "stopped"
 */
export async function fetchRobots(
  fetcher: Pick<Fetcher, "fetch">,
  origin: string,
  signal?: AbortSignal,
): Promise<RobotsRules> {
  let url = `${origin}/robots.txt`;
  const now = Date.now();
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    let answer: Answer;
    try {
      answer = await fetcher.fetch(url, { maxBytes: MAX_BYTES, truncate: true, signal });
    } catch (error) {
      if (!(error instanceof FetchProblem)) throw error;
      if (error.rule === "stopped" || (error.rule === "address" && hop === 0)) throw error;
      return constant(
        error.rule === "encoding" || error.rule === "too_large" ? "absent" : "unreachable",
        now,
        error.message,
      );
    }
    const { status, headers, body } = answer;
    if (status >= 200 && status < 300) return robotsRules(origin, body.toString("utf8"), now);
    if (status === 429 || status >= 500) return constant("unreachable", now, `${url} answers ${status}`);
    if (status < 300 || status >= 400) return constant("absent", now);
    const next = normaliseUrl(headers.location ?? "", url);
    if (next === undefined || headers.location === undefined) return constant("absent", now);
    url = next;
  }
  // More redirects than that: as if there were none (2.3.1.2).
  return constant("absent", now);
}
