import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { crawl, crawlSettings, type CrawlSummary } from "../../data/acquire/crawl/index.ts";
import { bytes, count, Interrupted, parseSettings, printRecipe, Progress } from "../../run/index.ts";
import { NuwaError } from "../../text/index.ts";
import { interruptible, printJson } from "../shared.ts";

interface CrawlCommandOptions {
  readonly out: string;
  readonly settings?: string;
  readonly set?: string[];
  readonly contact?: string;
  readonly scope?: string;
  readonly maxPages?: string;
  readonly maxDepth?: string;
  readonly delay?: string;
  readonly include?: string[];
  readonly exclude?: string[];
  readonly allowPrivate?: boolean;
  readonly recrawl?: boolean;
  readonly printSettings?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** `nuwa data crawl`. */
export function registerCrawl(data: Command): void {
  data
    .command("crawl")
    .description("fetch pages of web sites, politely, into WARC files that collect reads")
    .argument("[urls...]", "addresses to begin at")
    .requiredOption("--out <folder>", "where the WARC files go; a crawl that was begun there goes on")
    .option("--contact <address>", "a page or e-mail address that tells who crawls; part of the User-Agent")
    .option("--scope <scope>", "how far links are followed: host, domain, prefix or any")
    .option("--max-pages <n>", "pages to store in all")
    .option("--max-depth <n>", "links away from a seed")
    .option("--delay <seconds>", "rest between two requests to a host")
    .option("--include <pattern...>", "follow only addresses like these (* stands for any characters)")
    .option("--exclude <pattern...>", "never fetch addresses like these")
    .option("--allow-private", "also connect to private and loopback addresses")
    .option("--recrawl", "fetch everything that is known again, asking only for what changed")
    .option("--settings <file>", "a YAML file with any of the settings")
    .option("--set <key=value>", "any setting, e.g. --set max_page_mb=5; may stand several times", appended)
    .option("--print-settings", "print all settings as resolved, and do nothing")
    .option("-q, --quiet", "no progress")
    .option("--json", "the summary as JSON")
    .addHelpText(
      "after",
      `
Examples:
  nuwa data crawl https://example.org/docs/ --scope prefix --contact me@example.org --out crawl/docs
  nuwa data crawl https://例子.测试/ --max-pages 500 --exclude "*/login*" --out crawl/site
The pages are then a source of a recipe: collect: {sources: [{files: "crawl/docs/*.warc.gz"}]}`,
    )
    .action(async (urls: string[], options: CrawlCommandOptions) => {
      const settings = readSettings(urls, options);
      if (options.printSettings === true) {
        process.stdout.write(printRecipe(crawlSettings, settings));
        return;
      }
      const progress = new Progress({ quiet: options.quiet ?? false });
      if (settings.contact === null && !settings.allow_private) {
        progress.line("no --contact is given: web masters cannot tell who asks, and may shut you out");
      }
      const bar = progress.bar("crawl", "pages", settings.max_pages ?? undefined);
      const summary = await interruptible(progress, (signal) =>
        crawl(settings, {
          out: options.out,
          signal,
          recrawl: options.recrawl ?? false,
          onProgress: ({ pages, queued, active }) => bar.update(pages, `${count(queued)} waiting, ${active} active`),
        }),
      );
      bar.done(`${count(summary.pages)} pages, ${bytes(summary.bytes)}`);
      if (options.json === true) printJson(summary);
      else process.stdout.write(crawlTable(summary));
      if (summary.pages === 0 && !summary.interrupted) throw nothingCame(summary, options.out);
      if (summary.interrupted) throw new Interrupted("stopped; the same command goes on with it");
    });
}

function appended(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** The end of a crawl that has no page, in words. */
function nothingCame({ reasons, refused }: CrawlSummary, out: string): NuwaError {
  const reason = Object.values(reasons)[0];
  const rules = Object.keys(refused);
  const why = reason ?? (rules.length === 0 ? undefined : `all was refused by ${rules.join(", ")}`);
  const hint =
    refused["address"] === undefined ? undefined : "--allow-private connects to such addresses, in another --out";
  return new NuwaError("NETWORK", `no page came${why === undefined ? "" : `: ${why}`}`, { where: out, hint });
}

/** Flags over `--set` over the file. */
function readSettings(urls: readonly string[], options: CrawlCommandOptions) {
  const where = options.settings ?? "command line";
  let text = "{}";
  if (options.settings !== undefined) {
    try {
      text = readFileSync(options.settings, "utf8");
    } catch (cause) {
      throw new NuwaError("FILE", "cannot be read", { where: options.settings, hint: "a YAML file", cause });
    }
  }
  const flags: Record<string, unknown> = {
    seeds: urls.length === 0 ? undefined : urls,
    contact: options.contact,
    scope: options.scope,
    max_pages: number(options.maxPages),
    max_depth: number(options.maxDepth),
    delay_s: number(options.delay),
    include: options.include,
    exclude: options.exclude,
    allow_private: options.allowPrivate,
  };
  if (urls.length === 0 && options.settings === undefined) {
    throw new NuwaError("USAGE", "expected an address to begin at", {
      where: "nuwa data crawl",
      hint: "nuwa data crawl https://example.org/ --out crawl/example",
    });
  }
  const set = Object.entries(flags).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${JSON.stringify(value)}`],
  );
  return parseSettings(crawlSettings, where, text, {
    set: [...(options.set ?? []), ...set],
    env: {},
    printedBy: "--print-settings",
  });
}

/** As the schema is to see it: what is no number is for the schema to refuse. */
function number(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** The summary for a person. */
export function crawlTable(summary: CrawlSummary): string {
  const lines = [
    `pages     ${count(summary.pages)}${summary.revisits === 0 ? "" : `, of them ${count(summary.revisits)} unchanged or copies`}`,
    `received  ${bytes(summary.bytes)} in ${count(summary.visits)} answers`,
    `pending   ${count(summary.pending)}`,
  ];
  const section = (title: string, counts: Readonly<Record<string, number>>): void => {
    const rows = Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    if (rows.length === 0) return;
    lines.push("", title);
    for (const [name, value] of rows.slice(0, 20)) lines.push(`  ${name.padEnd(28)} ${count(value).padStart(9)}`);
    if (rows.length > 20) lines.push(`  and ${count(rows.length - 20)} more`);
  };
  section(
    "pages by host",
    Object.fromEntries(Object.entries(summary.byHost).map(([host, { pages }]) => [host, pages])),
  );
  section("answers by status", summary.byStatus);
  section("refused, by rule", summary.refused);
  section("failed", summary.failed);
  const reasons = Object.entries(summary.reasons).slice(0, 10);
  if (reasons.length > 0) lines.push("", "for example", ...reasons.map(([rule, reason]) => `  ${rule}: ${reason}`));
  return `${lines.join("\n")}\n`;
}
