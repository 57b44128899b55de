import { z } from "zod";
import { didYouMean, NuwaError } from "../../../text/index.ts";
import type { Requester } from "./request.ts";
import type { CommonCrawlSettings } from "./settings.ts";

const text = z.string();
const digits = z.union([z.string().regex(/^\d+$/), z.number()]).transform(Number);

const captureSchema = z.object({
  url: text,
  timestamp: text,
  status: digits.optional(),
  "mime-detected": text.optional(),
  languages: text.optional(),
  digest: text.optional(),
  filename: text,
  offset: digits,
  length: digits,
});

/** One page of a crawl: where its record lies. */
export type Capture = z.infer<typeof captureSchema>;

/** The names of all crawls that the index knows, newest first. @throws NuwaError FILE */
export async function crawlNames(requester: Requester, settings: CommonCrawlSettings): Promise<string[]> {
  const { body } = await requester.get(`${settings.index}/collinfo.json`);
  const parsed = z.array(z.object({ id: text })).safeParse(parseJson(body.toString("utf8")));
  return parsed.success ? parsed.data.map(({ id }) => id) : [];
}

/**
 * Captures that answer to the settings, page by page of the index, in its order; each address once, where it was met first.
 *
 * @throws NuwaError USAGE without a domain or prefix, VALUE for a crawl that is not there, FILE for an index that fails
 */
export async function* lookUp(requester: Requester, settings: CommonCrawlSettings): AsyncGenerator<Capture> {
  const { domain, prefix, language, mime, crawl, index } = settings;
  if ((domain === undefined) === (prefix === undefined)) {
    throw new NuwaError("USAGE", "expected a domain or a prefix", {
      hint: "--domain example.org or --prefix example.org/blog/; --language alone reads the archives of texts",
    });
  }
  const query = new URLSearchParams({ output: "json", url: domain === undefined ? `${prefix}*` : `*.${domain}` });
  query.append("filter", "=status:200");
  if (mime !== "") query.append("filter", `=mime-detected:${mime}`);
  if (language !== undefined) query.append("filter", `~languages:^${language}(,.*)?$`);
  const base = `${index}/${crawl}-index?${query}`;

  const pages = await requester.get(`${base}&showNumPages=true`);
  if (pages.status === 404) {
    const names = await crawlNames(requester, settings);
    if (names.length > 0 && !names.includes(crawl)) {
      throw new NuwaError("VALUE", `no crawl "${crawl}"`, {
        where: index,
        hint: didYouMean(crawl, names.slice(0, 50)),
      });
    }
    return;
  }
  const counted = z.object({ pages: z.number() }).safeParse(parseJson(pages.body.toString("utf8")));
  const count = counted.success ? counted.data.pages : 1;
  const met = new Set<string>();
  let malformed = 0;
  for (let page = 0; page < count; page++) {
    const { status, body } = await requester.get(`${base}&page=${page}`);
    if (status === 404) continue; // no capture on this page of the index
    for (const line of body.toString("utf8").split("\n")) {
      if (line.trim() === "") continue;
      const capture = captureSchema.safeParse(parseJson(line));
      if (!capture.success) {
        if (++malformed > 100)
          throw new NuwaError("FILE", "the index answers something else than captures", { where: base });
        continue;
      }
      if (met.has(capture.data.url)) continue;
      met.add(capture.data.url);
      yield capture.data;
    }
  }
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
