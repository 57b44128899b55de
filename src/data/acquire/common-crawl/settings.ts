import { z } from "zod";
import { NuwaError } from "../../../text/errors.ts";

export const commonCrawlSettings = z.strictObject({
  crawl: z
    .string()
    .regex(/^CC-(?:MAIN|NEWS)-[\w-]+$/, "expected a name such as CC-MAIN-2024-33")
    .describe("which monthly crawl"),
  domain: z.string().min(1).optional().describe("pages of this domain and all below it"),
  prefix: z.string().min(1).optional().describe("pages whose address begins so, without http://"),
  language: z
    .string()
    .regex(/^[a-z]{3}$/, "expected an ISO 639-3 code such as eng or zho")
    .optional()
    .describe("pages whose first language this is, as the crawl found it"),
  mime: z
    .string()
    .default("text/html")
    .describe("pages of this detected type; an empty one for any, and for crawls before 2017, which detected none"),
  limit: z.int().min(1).default(1000).describe("at most so many pages"),
  index: z.url().default("https://index.commoncrawl.org").describe("where the URL index answers"),
  data: z.url().default("https://data.commoncrawl.org").describe("where the archives lie"),
  delay_ms: z.int().min(0).default(200).describe("pause between two requests to one of them"),
  tries: z.int().min(1).default(6).describe("tries of a request that fails, with growing pauses"),
});

/** @throws NuwaError USAGE for a wrong value, naming it */
export function parseSettings(input: CommonCrawlInput): CommonCrawlSettings {
  const parsed = commonCrawlSettings.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new NuwaError("USAGE", issue?.message ?? "wrong settings", { where: issue?.path.join(".") });
}

export type CommonCrawlSettings = z.infer<typeof commonCrawlSettings>;
export type CommonCrawlInput = z.input<typeof commonCrawlSettings>;
