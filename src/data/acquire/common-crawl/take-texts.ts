import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeSync,
} from "node:fs";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import { NuwaError } from "../../../text/errors.ts";
import { InputProblem, readChunks } from "../collect/bytes.ts";
import { warcRecords } from "../collect/formats/warc-records.ts";
import { parseSettings, type CommonCrawlInput } from "./settings.ts";
import { readLog, requireSame } from "./folder.ts";
import { listPaths, type TakeOptions, type TakeResult } from "./take.ts";

/** Larger texts are left out. */
const MOST_BYTES = 64e6;

/**
 * A slice by language alone, for which the URL index has no answer: reads the crawl's archives of texts (WET) one after
 * another, and keeps those whose first language is the one wanted, as the crawl found it. An archive is 100 to 150 MB to
 * fetch and holds some 20,000 texts. Stopped at any instant, it goes on with the archive that was under way.
 *
 * @param folder gets `texts.warc.wet.gz` and `done.log`
 * @throws NuwaError USAGE without a language or when the folder holds another slice; VALUE, FILE or NETWORK as
 *   {@link listPaths}
 * @example await takeTexts({ crawl: "CC-MAIN-2024-33", language: "zho", limit: 5000 }, "slices/chinese");
 */
export async function takeTexts(
  input: CommonCrawlInput,
  folder: string,
  options: TakeOptions = {},
): Promise<TakeResult> {
  const settings = parseSettings(input);
  const { language, limit } = settings;
  if (language === undefined) {
    throw new NuwaError("USAGE", "expected a language", { hint: "--language zho" });
  }
  mkdirSync(folder, { recursive: true });
  requireSame(folder, settings);
  const archives = await listPaths(settings, "wet", options.signal);
  const warc = path.join(folder, "texts.warc.wet.gz");
  const log = path.join(folder, "done.log");
  // done: archives; missing: those that could not be read.
  let [done, bytes, missing, pages] = readLog(log, 4);
  if (existsSync(warc)) truncateSync(warc, bytes);
  const file = openSync(warc, "a");
  try {
    while (done < archives.length && pages < limit) {
      const archive = archives[done] ?? "";
      try {
        for await (const record of warcRecords(
          readChunks({ path: archive, compression: undefined }),
          MOST_BYTES,
          () => {},
        )) {
          options.signal?.throwIfAborted();
          if (record.tooLarge || record.cut || !isTextIn(record.bytes, language)) continue;
          const packed = gzipSync(record.bytes);
          writeSync(file, packed);
          bytes += packed.length;
          pages++;
          options.onProgress?.({ done: pages, of: limit, url: archive });
          if (pages === limit) break;
        }
      } catch (error) {
        if (!(error instanceof InputProblem)) throw error;
        if (pages === 0 && done === 0) throw new NuwaError("NETWORK", error.message, { where: archive, cause: error });
        missing++;
      }
      done++;
      fsyncSync(file);
      appendFileSync(log, `${done} ${bytes} ${missing} ${pages}\n`);
    }
  } finally {
    closeSync(file);
  }
  return { warc, pages, bytes, missing };
}

/** A text that was taken from a page, its first language this one. */
function isTextIn(record: Buffer, language: string): boolean {
  const head = record.subarray(0, record.indexOf("\r\n\r\n")).toString("latin1");
  if (!/^WARC-Type:\s*conversion\s*$/im.test(head)) return false;
  const first = /^WARC-Identified-Content-Language:\s*([a-z]{3})/im.exec(head)?.[1];
  return first === language;
}
