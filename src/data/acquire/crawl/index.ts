export { crawl, crawlFiles, userAgent, type CrawlOptions, type CrawlProgress } from "./crawl.ts";
export { crawlSettings, type CrawlSettings } from "./settings.ts";
export type { CrawlSummary } from "./summary.ts";
