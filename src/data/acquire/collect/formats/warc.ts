import { WARCParser } from "warcio";
import { InputProblem, readChunks } from "../bytes.ts";
import { BinaryContent, decode } from "../encoding.ts";
import type { InputFile } from "../files.ts";
import { judgeBroken } from "./context.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { httpBody } from "./http-body.ts";
import { type RecordBytes, warcRecords } from "./warc-records.ts";

/** Types of pages that hold text, and how the extract stage is to take them. */
const CONTENT: Readonly<Record<string, "html" | "text" | "markdown">> = {
  "text/html": "html",
  "application/xhtml+xml": "html",
  "text/plain": "text",
  "text/markdown": "markdown",
};

/**
 * WARC (ISO 28500, 1.0 and 1.1) and WET, read as a stream. A page that was fetched (`response`, status 200) and a text
 * that somebody extracted (`conversion`) are a document each, with `meta.url` and `meta.date`; other records go by. The
 * last record of a file that was cut short is named and left out.
 */
export async function* readWarc(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const limit = context.settings.max_file_mb * 1e6;
  let number = 0;
  let skipped = 0;
  const onDamage = (record: number): void => {
    // A file that does not begin with a record is none, which is said at its end.
    if (record > 0) context.problem("does not end where its Content-Length says; reading goes on at the next", record);
  };
  try {
    for await (const record of warcRecords(readChunks(file), limit, onDamage)) {
      ({ number } = record);
      const raw = await documentOf(record, limit, context);
      if (raw === undefined) skipped++;
      else yield raw;
    }
  } catch (error) {
    if (number === 0 || !(error instanceof InputProblem)) throw error;
    throw error.at(number);
  }
  if (number === 0) throw new InputProblem("holds no WARC record");
  if (number === skipped) throw new InputProblem(`${number} WARC record(s), none of a page with text`);
}

async function documentOf(
  { number, bytes: recordBytes, tooLarge, cut }: RecordBytes,
  limit: number,
  context: ReadContext,
): Promise<RawDocument | undefined> {
  if (cut) {
    context.problem("record cut short, skipped", number);
    return undefined;
  }
  const record = await WARCParser.parse([recordBytes]).catch(() => null);
  if (record === null) return undefined;
  const { warcType } = record;
  const status = Number(record.httpHeaders?.statusCode ?? 200);
  const isPage = warcType === "response" && status === 200;
  if (!isPage && warcType !== "conversion" && warcType !== "resource") return undefined;
  const header = (name: string): string => record.httpHeaders?.headers.get(name) ?? "";
  const declared = (isPage ? header("Content-Type") : record.warcContentType) ?? "";
  const content = CONTENT[declared.split(";")[0]?.trim().toLowerCase() ?? ""];
  if (content === undefined && declared !== "") return undefined;

  const encodings = { transfer: header("Transfer-Encoding"), content: header("Content-Encoding") };
  const bytes = tooLarge ? undefined : httpBody(Buffer.from(await record.readFully(false)), encodings, limit);
  if (bytes === undefined) {
    context.problem(`page larger than max_file_mb (${context.settings.max_file_mb} MB), skipped`, number);
    return undefined;
  }
  const isHtml =
    content === "html" || (content === undefined && /^\s*</.test(bytes.subarray(0, 256).toString("latin1")));
  let decoded;
  try {
    decoded = decode(bytes, charsetOf(declared) ?? context.settings.encoding, { html: isHtml });
  } catch (error) {
    if (!(error instanceof BinaryContent)) throw error;
    return undefined;
  }
  const { text, encoding, replaced, firstBrokenByte } = decoded;
  if (replaced > 0) {
    const { keep, message } = judgeBroken(text.length, replaced, encoding, firstBrokenByte);
    context.problem(message, number);
    if (!keep) return undefined;
  }
  if (text.trim() === "") return undefined;
  const language = record.warcHeader("WARC-Identified-Content-Language");
  return {
    text,
    record: number,
    meta: {
      format: isHtml ? "html" : (content ?? "text"),
      url: record.warcTargetURI ?? "",
      date: record.warcDate ?? "",
      ...(encoding === "utf-8" ? {} : { encoding }),
      ...(language ? { identified_languages: language } : {}),
    },
  };
}

/** The charset of a Content-Type that there is such a decoder for. */
function charsetOf(contentType: string): string | undefined {
  const name = /charset\s*=\s*["']?([\w:-]+)/i.exec(contentType)?.[1]?.toLowerCase();
  if (name === undefined) return undefined;
  try {
    return new TextDecoder(name).encoding === "utf-8" ? undefined : name;
  } catch {
    return undefined;
  }
}
