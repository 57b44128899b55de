import { WARCParser, type WARCRecord } from "warcio";
import { InputProblem, readChunks } from "../bytes.ts";
import { BinaryContent, decode } from "../encoding.ts";
import type { InputFile } from "../files.ts";
import { judgeBroken } from "./context.ts";
import type { RawDocument, ReadContext } from "./context.ts";

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
  try {
    for await (const record of WARCParser.iterRecords(readChunks(file))) {
      number++;
      const raw = await documentOf(record, number, limit, context);
      if (raw === undefined) skipped++;
      else yield raw;
    }
  } catch (error) {
    if (number === 0) throw asProblem(error);
    throw new InputProblem(asProblem(error).message, { line: number, cause: error });
  }
  if (number === 0) throw new InputProblem("holds no WARC record");
  if (number === skipped) throw new InputProblem(`${number} WARC record(s), none of a page with text`);
}

async function documentOf(
  record: WARCRecord,
  number: number,
  limit: number,
  context: ReadContext,
): Promise<RawDocument | undefined> {
  const { warcType } = record;
  const status = Number(record.httpHeaders?.statusCode ?? 200);
  const isPage = warcType === "response" && status === 200;
  if (!isPage && warcType !== "conversion" && warcType !== "resource") return undefined;
  const declared = (isPage ? record.httpHeaders?.headers.get("Content-Type") : record.warcContentType) ?? "";
  const content = CONTENT[declared.split(";")[0]?.trim().toLowerCase() ?? ""];
  if (content === undefined && declared !== "") return undefined;

  const bytes = await readAtMost(record, limit);
  if (bytes === undefined) {
    context.problem(`page larger than max_file_mb (${context.settings.max_file_mb} MB), skipped`, number);
    return undefined;
  }
  if (bytes.length < record.warcContentLength && !isPage) {
    context.problem("record cut short, skipped", number);
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

/** The payload, unpacked as its HTTP headers say; `undefined` when it is larger. */
async function readAtMost(record: WARCRecord, limit: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of record) {
    total += chunk.length;
    if (total <= limit) chunks.push(chunk);
  }
  return total > limit ? undefined : Buffer.concat(chunks);
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

function asProblem(error: unknown): InputProblem {
  return error instanceof InputProblem
    ? error
    : new InputProblem(`malformed WARC: ${(error as Error).message}`, { cause: error });
}
