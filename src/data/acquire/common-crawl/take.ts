import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import * as path from "node:path";
import { gunzipSync } from "node:zlib";
import { writeWhole } from "../../../io/whole-file.ts";
import { NuwaError } from "../../../text/errors.ts";
import { readLog, requireSame } from "./folder.ts";
import { Requester } from "./request.ts";
import { parseSettings, type CommonCrawlInput, type CommonCrawlSettings } from "./settings.ts";
import { type Capture, lookUp } from "./url-index.ts";

export interface TakeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { readonly done: number; readonly of: number; readonly url: string }) => void;
}

export interface TakeResult {
  /** The archive that was written: gzip, one member a record, as Common Crawl has them. */
  readonly warc: string;
  readonly pages: number;
  readonly bytes: number;
  /** Records that were not where the index says; archives that could not be read. */
  readonly missing: number;
}

/**
 * A slice of a crawl by domain, address or language: asks the URL index, then fetches each page's record alone by its
 * range. Stopped at any instant, it goes on where it was: what the index said is kept, and the archive is cut back to its last
 * whole record.
 *
 * @param folder gets `captures.jsonl`, `pages.warc.gz` and `done.log`
 * @throws NuwaError USAGE, VALUE, FILE or NETWORK as {@link lookUp}; USAGE when the folder holds another slice
 * @example await takeSlice({ crawl: "CC-MAIN-2024-33", domain: "example.org", language: "zho" }, "slices/example");
 */
export async function takeSlice(
  input: CommonCrawlInput,
  folder: string,
  options: TakeOptions = {},
): Promise<TakeResult> {
  const settings = parseSettings(input);
  mkdirSync(folder, { recursive: true });
  requireSame(folder, settings);
  const requester = new Requester(settings, options.signal);
  const captures = await capturesOf(folder, requester, settings);

  const warc = path.join(folder, "pages.warc.gz");
  const log = path.join(folder, "done.log");
  let [done, bytes, missing] = readLog(log, 3);
  if (existsSync(warc)) truncateSync(warc, bytes);
  const file = openSync(warc, "a");
  try {
    for (; done < captures.length; ) {
      options.signal?.throwIfAborted();
      const capture = captures[done];
      if (capture === undefined) break;
      const { status, body } = await requester.get(`${settings.data}/${capture.filename}`, [
        capture.offset,
        capture.offset + capture.length - 1,
      ]);
      if (status === 206 && isRecord(body, capture)) {
        writeSync(file, body);
        fsyncSync(file);
        bytes += body.length;
      } else missing++;
      done++;
      appendFileSync(log, `${done} ${bytes} ${missing}\n`);
      options.onProgress?.({ done, of: captures.length, url: capture.url });
    }
  } finally {
    closeSync(file);
  }
  return { warc, pages: done - missing, bytes, missing };
}

/** Bytes that a page may unpack to. */
const MOST_BYTES = 256e6;

/** A gzip member that holds the WARC record of this page. */
function isRecord(body: Buffer, { length, url }: Capture): boolean {
  if (body.length !== length) return false;
  try {
    const record = gunzipSync(body, { maxOutputLength: MOST_BYTES });
    const head = record.subarray(0, record.indexOf("\r\n\r\n")).toString("utf8");
    const target = /^WARC-Target-URI:\s*<?([^>\r\n]+?)>?\s*$/im.exec(head)?.[1];
    return head.startsWith("WARC/") && target !== undefined && sameAddress(target, url);
  } catch {
    return false;
  }
}

function sameAddress(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href);
}

/** What the index says, asked once and kept. */
async function capturesOf(folder: string, requester: Requester, settings: CommonCrawlSettings): Promise<Capture[]> {
  const file = path.join(folder, "captures.jsonl");
  if (!existsSync(file)) {
    const captures: Capture[] = [];
    for await (const capture of lookUp(requester, settings)) {
      captures.push(capture);
      if (captures.length === settings.limit) break;
    }
    writeWhole(file, captures.map((capture) => `${JSON.stringify(capture)}\n`).join(""));
  }
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Capture);
}

/**
 * The addresses of a crawl's archives: whole pages (`warc`), texts (`wet`) or links and metadata (`wat`). A recipe's `files` may
 * name them as they are.
 *
 * @throws NuwaError VALUE for a crawl that is not there, NETWORK or FILE when the list cannot be read
 */
export async function listPaths(
  input: CommonCrawlInput,
  kind: "warc" | "wet" | "wat",
  signal?: AbortSignal,
): Promise<string[]> {
  const settings = parseSettings(input);
  const where = `${settings.data}/crawl-data/${settings.crawl}/${kind}.paths.gz`;
  const { status, body } = await new Requester(settings, signal).get(where);
  if (status === 404) {
    throw new NuwaError("VALUE", `no crawl "${settings.crawl}"`, {
      where,
      hint: "names are as CC-MAIN-2024-33, of year and week",
    });
  }
  let text: string;
  try {
    text = gunzipSync(body).toString("utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a gzipped list of paths", { where, cause });
  }
  return text
    .split("\n")
    .filter(Boolean)
    .map((name) => `${settings.data}/${name}`);
}
