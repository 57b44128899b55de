import { z } from "zod";

const seconds = (value: number, description: string) =>
  z.number().min(0).max(86_400).default(value).describe(description);
const megabytes = (value: number, description: string) =>
  z.number().positive().max(1000).default(value).describe(description);
const wildcards = (description: string) => z.array(z.string().min(1)).default([]).describe(description);

/** What decides which pages are taken. A crawl that was begun cannot go on with other values of these. */
const selection = {
  seeds: z.array(z.string().min(1)).min(1).describe("addresses to begin at (http or https)"),
  scope: z
    .enum(["host", "domain", "prefix", "any"])
    .default("host")
    .describe(
      "how far links are followed: the seeds' hosts, their registered domains (example.co.uk with all below it), addresses that begin like a seed up to its last slash, or anywhere",
    ),
  include: wildcards("follow only addresses that match one of these (* stands for any characters); seeds always count"),
  exclude: wildcards("never fetch addresses that match one of these"),
  max_depth: z.int().min(0).default(20).describe("links away from a seed"),
  max_per_template: z
    .int()
    .min(1)
    .default(5000)
    .describe("addresses of one host that differ only in numbers and in values of their query: endless calendars"),
  max_path_segments: z.int().min(1).default(16).describe("slashes in a path beyond which it is taken for a trap"),
  sitemaps: z.boolean().default(true).describe("read the sitemaps that robots.txt names, else /sitemap.xml"),
  follow_nofollow: z.boolean().default(false).describe("follow links that say rel=nofollow"),
  noindex: z.enum(["skip", "keep"]).default("skip").describe("pages that ask not to be indexed"),
  canonical: z
    .enum(["skip", "keep"])
    .default("skip")
    .describe("pages that name another page of the crawl as the one to keep; that page is fetched in any case"),
  content_types: z
    .array(z.string().min(3))
    .min(1)
    .default(["text/html", "application/xhtml+xml", "text/plain"])
    .describe('media types to store; "text/*" stands for all texts'),
  ignore_parameters: wildcards("further query parameters to leave out of addresses"),
};

/** Settings of a crawl. */
export const crawlSettings = z.strictObject({
  ...selection,
  max_pages: z.int().min(1).nullable().default(10_000).describe("pages stored in all; null: no limit"),
  max_pages_per_host: z.int().min(1).nullable().default(null).describe("pages stored of one host"),
  contact: z
    .string()
    .min(3)
    .regex(/^[\u0020-\u007e]+$/u, "only ASCII, as it stands in an HTTP header")
    .nullable()
    .default(null)
    .describe("a page or e-mail address that tells who crawls and why; part of the User-Agent"),
  allow_private: z
    .boolean()
    .default(false)
    .describe("also connect to private, loopback, link-local and other addresses that are not of the public internet"),
  delay_s: seconds(1, "rest between two requests to a host, from the end of one to the begin of the next"),
  max_crawl_delay_s: seconds(120, "a host whose robots.txt asks for a longer Crawl-delay is left alone"),
  concurrency: z.int().min(1).max(512).default(16).describe("requests at a time"),
  concurrency_per_host: z.int().min(1).max(16).default(1).describe("requests at a time to one host"),
  connect_timeout_s: seconds(10, "time to connect, name lookup and TLS included"),
  first_byte_timeout_s: seconds(20, "time from the request to the answer's head"),
  total_timeout_s: seconds(60, "time for a whole answer"),
  retries: z.int().min(0).max(20).default(3).describe("further tries after a network fault, 429 or 5xx"),
  backoff_s: seconds(5, "rest before the first retry; doubled each time; a longer Retry-After counts instead"),
  max_retry_after_s: seconds(600, "a page whose server asks for a longer rest is given up"),
  max_redirects: z.int().min(0).max(50).default(10).describe("redirects one after another"),
  max_page_mb: megabytes(10, "larger pages are left out: as received, and as unpacked"),
  max_sitemap_mb: megabytes(50, "larger sitemaps are left out: as received, and as unpacked"),
  warc_mb: megabytes(1000, "size at which the next WARC file is begun"),
});

/** Settings of a crawl, checked. */
export type CrawlSettings = z.output<typeof crawlSettings>;

/** The part of the settings that may not change while a crawl goes on, as one string. */
export function selectionKey(settings: CrawlSettings): string {
  const names = Object.keys(selection) as (keyof typeof selection)[];
  return JSON.stringify(names.map((name) => [name, settings[name]]));
}
