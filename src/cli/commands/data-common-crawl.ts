import type { Command } from "commander";
import { listPaths, takeSlice, takeTexts } from "../../data/acquire/common-crawl/index.ts";
import { Interrupted, Progress } from "../../run/index.ts";
import { NuwaError } from "../../text/index.ts";
import { interruptible, printJson, wholeNumber } from "../shared.ts";

interface SliceOptions {
  readonly crawl: string;
  readonly domain?: string;
  readonly prefix?: string;
  readonly language?: string;
  readonly mime: string;
  readonly limit: number;
  readonly out?: string;
  readonly paths?: string;
  readonly index?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** `nuwa data common-crawl`: pages from others' crawls. */
export function registerCommonCrawl(data: Command): void {
  data
    .command("common-crawl")
    .description("take pages of a domain, or in a language, out of a monthly crawl; or list its archives")
    .requiredOption("--crawl <name>", "such as CC-MAIN-2024-33; the list is at https://commoncrawl.org/get-started")
    .option("--domain <name>", "pages of this domain and all below it")
    .option("--prefix <address>", "pages whose address begins so, without http://")
    .option("--language <code>", "pages whose first language this is: eng, zho, … (ISO 639-3)")
    .option("--mime <type>", "pages of this type", "text/html")
    .option("--limit <n>", "at most so many pages", wholeNumber("--limit"), 1000)
    .option("--out <folder>", "where pages.warc.gz (or texts.warc.wet.gz) goes")
    .option("--paths <kind>", "list the addresses of all archives instead: warc, wet or wat")
    .option("--index <address>", "where the URL index answers")
    .option("--data <address>", "where the archives lie")
    .option("--json", "JSON")
    .addHelpText(
      "after",
      `
Examples:
  nuwa data common-crawl --crawl CC-MAIN-2024-33 --domain example.org --language zho --limit 500 --out slices/example
  nuwa data common-crawl --crawl CC-MAIN-2024-33 --language zho --limit 5000 --out slices/chinese
  nuwa data common-crawl --crawl CC-MAIN-2024-33 --paths wet | head -n 3
A language without a domain or prefix reads the crawl's archives of texts (WET), 100 MB and more each.
A recipe reads either: files: slices/example/pages.warc.gz, or one of the listed addresses.`,
    )
    .action(async (options: SliceOptions) => {
      const { crawl, domain, prefix, language, mime, limit, index, data: archives, paths } = options;
      const settings = {
        crawl,
        mime,
        limit,
        ...(domain !== undefined && { domain }),
        ...(prefix !== undefined && { prefix }),
        ...(language !== undefined && { language }),
        ...(index !== undefined && { index }),
        ...(archives !== undefined && { data: archives }),
      };
      if (paths !== undefined) {
        if (paths !== "warc" && paths !== "wet" && paths !== "wat") {
          throw new NuwaError("USAGE", `expected warc, wet or wat, got "${paths}"`, { where: "--paths" });
        }
        const addresses = await listPaths(settings, paths);
        if (options.json === true) return printJson(addresses);
        process.stdout.write(addresses.map((address) => `${address}\n`).join(""));
        return;
      }
      const { out } = options;
      if (out === undefined) throw new NuwaError("USAGE", "expected --out, a folder for the pages", { where: "--out" });
      const progress = new Progress({ quiet: false });
      const bar = progress.bar("pages", "pages");
      const isByLanguage = language !== undefined && domain === undefined && prefix === undefined;
      const take = isByLanguage ? takeTexts : takeSlice;
      const result = await interruptible(progress, (signal) =>
        take(settings, out, { signal, onProgress: ({ done, of }) => bar.update(done, `of ${of}`) }).catch(
          (error: unknown) => {
            throw signal.aborted ? new Interrupted() : error;
          },
        ),
      );
      bar.done(`${result.pages} pages`);
      if (options.json === true) return printJson(result);
      const missing =
        result.missing === 0
          ? ""
          : `, ${result.missing} ${isByLanguage ? "archives that could not be read" : "not where the index says"}`;
      process.stdout.write(
        `${result.pages} pages, ${(result.bytes / 1e6).toFixed(1)} MB in ${result.warc}${missing}\n`,
      );
    });
}
