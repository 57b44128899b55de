import { readFileSync } from "node:fs";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { NuwaError, type Document } from "../../text/index.ts";

/** The ending of a compressed shard; what released versions wrote is plain. */
export const COMPRESSED = ".br";

/**
 * Compresses a shard by Brotli's fastest setting: of what Node brings along it costs the least time and is no larger than
 * gzip's (bench/LOG.md). The hash of a shard is of its text, so that another library's bytes would redo nothing.
 */
export function compress(text: Uint8Array): Uint8Array {
  return brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 0,
      [constants.BROTLI_PARAM_SIZE_HINT]: text.byteLength,
    },
  });
}

/**
 * The documents of a shard's file, compressed or plain, one at a time. Memory holds the shard's text.
 * @throws NuwaError FILE where it is damaged
 */
export function* readDocuments(file: string): Generator<Document> {
  const text = readText(file);
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    line++;
    if (end > start) yield parse(text.slice(start, end), `${file}:${line}`);
    start = end + 1;
  }
}

function readText(file: string): string {
  const bytes = readFileSync(file);
  if (!file.endsWith(COMPRESSED)) return bytes.toString("utf8");
  try {
    return brotliDecompressSync(bytes).toString("utf8");
  } catch (cause) {
    throw damaged("damaged: not what was compressed", file, cause);
  }
}

function parse(text: string, where: string): Document {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged("damaged: not a line of JSON", where, cause);
  }
  if (!isDocument(value)) throw damaged("damaged: not a document", where);
  return value;
}

/** Enough of a check for files of our own: every document of a run passes here once a stage. */
function isDocument(value: unknown): value is Document {
  if (typeof value !== "object" || value === null) return false;
  const { id, text, source, meta }: Partial<Record<keyof Document, unknown>> = value;
  return typeof id === "string" && typeof text === "string" && typeof source === "string" && typeof meta === "object";
}

function damaged(message: string, where: string, cause?: unknown): NuwaError {
  return new NuwaError("FILE", message, {
    where,
    hint: "delete the folder it is in; the run makes it again",
    cause,
  });
}
