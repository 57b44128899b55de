import { isUtf8 } from "node:buffer";
import { InputProblem, readChunks, readWhole, splitLines } from "../bytes.ts";
import { BinaryContent, checkedEncoding, decode, decodeUtf8, detectEncoding, SAMPLE_BYTES } from "../encoding.ts";
import type { Decoded } from "../encoding.ts";
import type { InputFile } from "../files.ts";
import { Splitter } from "../split.ts";
import { judgeBroken } from "./context.ts";
import type { RawDocument, ReadContext } from "./context.ts";

const CONTENT = { txt: "text", md: "markdown", html: "html" } as const;

/** Text, Markdown and HTML: a file is a document, or with `split` many (text and Markdown only). */
export async function* readText(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const content = file.format === "md" || file.format === "html" ? CONTENT[file.format] : CONTENT.txt;
  if (settings.split !== "none" && content !== "html") {
    yield* readSplit(file, content, context);
    return;
  }
  const bytes = await readWhole(file, settings.max_file_mb);
  let decoded: Decoded;
  try {
    decoded = decode(bytes, settings.encoding, { html: content === "html" });
  } catch (error) {
    if (error instanceof BinaryContent) throw new InputProblem(error.message, { cause: error });
    throw error;
  }
  const { text, encoding, replaced, firstBrokenByte } = decoded;
  if (replaced > 0) {
    const { keep, message } = judgeBroken(text.length, replaced, encoding, firstBrokenByte);
    context.problem(message);
    if (!keep) return;
  }
  if (text.trim() === "") throw new InputProblem("holds nothing but white space");
  yield { text, meta: textMeta(content, encoding, replaced) };
}

function textMeta(content: string, encoding: string, replaced: number): RawDocument["meta"] {
  return {
    format: content,
    ...(encoding === "utf-8" ? {} : { encoding }),
    ...(replaced === 0 ? {} : { broken_characters: replaced }),
  };
}

/** Reads a text of any length as a stream and cuts it into documents. */
async function* readSplit(file: InputFile, content: string, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const maxBytes = settings.max_file_mb * 1_000_000;
  const byParagraph = settings.split === "paragraphs";
  const splitter = new Splitter(settings.max_chars, byParagraph ? "\n\n" : "\n");
  const { chunks, encoding } = await utf8Chunks(file, settings.encoding);
  let replaced = 0;
  let paragraph: string[] = [];
  let record = 0;
  const emit = function* (pieces: readonly string[]): Generator<RawDocument> {
    for (const text of pieces) {
      record++;
      const { keep, message } = judgeBroken(text.length, replaced, encoding);
      if (replaced > 0) context.problem(`document ${record}: ${message}`);
      if (keep) yield { text, record, meta: textMeta(content, encoding, replaced) };
      replaced = 0;
    }
  };
  for await (const { bytes, number, tooLong } of splitLines(chunks, maxBytes)) {
    if (tooLong) {
      context.problem(`line longer than max_file_mb (${settings.max_file_mb} MB), skipped`, number);
      continue;
    }
    const line = isUtf8(bytes) ? { text: bytes.toString("utf8"), replaced: 0 } : decodeUtf8(bytes);
    const text = line.text.trimEnd();
    if (text !== "") {
      if (byParagraph) paragraph.push(text);
      else yield* emit(splitter.push(text));
    } else if (paragraph.length > 0) {
      yield* emit(splitter.push(paragraph.join("\n")));
      paragraph = [];
    }
    replaced += line.replaced;
    // A book without blank lines would otherwise be held in memory as one paragraph.
    if (paragraph.length > settings.max_chars / 10) {
      yield* emit(splitter.push(paragraph.join("\n")));
      paragraph = [];
    }
  }
  if (paragraph.length > 0) yield* emit(splitter.push(paragraph.join("\n")));
  yield* emit(splitter.flush());
  if (record === 0) throw new InputProblem("empty file, or nothing but white space");
}

/** The file as UTF-8 without a byte order mark, whatever its encoding; found out from the first 64 KB. */
export async function utf8Chunks(
  file: InputFile,
  setting: string,
): Promise<{ chunks: AsyncGenerator<Buffer>; encoding: string }> {
  const source = readChunks(file);
  const head: Buffer[] = [];
  let length = 0;
  let whole = true;
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    head.push(next.value);
    length += next.value.length;
    if (length >= SAMPLE_BYTES) {
      whole = false;
      break;
    }
  }
  const sample = Buffer.concat(head);
  let encoding: string;
  try {
    encoding = setting === "auto" ? detectEncoding(sample, { whole }) : checkedEncoding(setting);
  } catch (error) {
    await source.return(undefined);
    if (error instanceof BinaryContent) throw new InputProblem(error.message, { cause: error });
    throw error;
  }
  return { chunks: withoutNul(transcode(sample, source, encoding)), encoding };
}

/** As {@link decode} does: a NUL between letters is dropped. */
async function* withoutNul(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield chunk.includes(0) ? Buffer.from(chunk.filter((byte) => byte !== 0)) : chunk;
}

async function* transcode(head: Buffer, rest: AsyncGenerator<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  if (encoding === "utf-8") {
    const marked = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
    yield marked ? head.subarray(3) : head;
    yield* rest;
    return;
  }
  if (encoding.startsWith("utf-32")) throw new InputProblem("UTF-32 can only be read whole: set split to none");
  const decoder = new TextDecoder(encoding);
  yield Buffer.from(decoder.decode(head, { stream: true }));
  for await (const chunk of rest) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}
