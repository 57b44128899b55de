import { isUtf8 } from "node:buffer";
import type { JsonValue } from "../../../../text/document.ts";
import { InputProblem, readWhole, splitLines } from "../bytes.ts";
import { decode, decodeUtf8 } from "../encoding.ts";
import type { InputFile } from "../files.ts";
import { isRecord } from "../../../template.ts";
import { recordMeta, recordText } from "../records.ts";
import type { JsonRecord, RecordText } from "../records.ts";
import type { SourceSettings } from "../settings.ts";
import { judgeBroken } from "./context.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { utf8Chunks } from "./text.ts";

/** One record a line; lines are read as a stream, compressed or not. A line that is no JSON is named and skipped. */
export async function* readJsonLines(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const render = recordText(settings.text);
  const { chunks } = await utf8Chunks(file, settings.encoding);
  let lines = 0;
  for await (const { bytes, number, offset, tooLong } of splitLines(chunks, settings.max_file_mb * 1_000_000)) {
    lines++;
    if (tooLong) {
      context.problem(`record longer than max_file_mb (${settings.max_file_mb} MB), skipped`, number);
      continue;
    }
    let text: string;
    if (isUtf8(bytes)) text = bytes.toString("utf8");
    else {
      const decoded = decodeUtf8(bytes);
      const broken = offset + (decoded.firstBrokenByte ?? 0);
      const { keep, message } = judgeBroken(decoded.text.length, decoded.replaced, "utf-8", broken);
      context.problem(message, number);
      if (!keep) continue;
      text = decoded.text;
    }
    if (text.trim() === "") continue;
    let value: JsonValue;
    try {
      value = JSON.parse(text) as JsonValue;
    } catch (error) {
      context.problem(`malformed JSON: ${(error as Error).message}, skipped`, number);
      continue;
    }
    const document = documentOf(value, number, render, settings, context);
    if (document !== undefined) yield document;
  }
  if (lines === 0) throw new InputProblem("empty file");
}

/**
 * A file that is one JSON value: a list of records (or of strings), one record, an object whose values are records, or
 * an object with one list of records in it (`{"data": […]}`).
 */
export async function* readJson(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const { text, encoding, replaced, firstBrokenByte } = decode(
    await readWhole(file, settings.max_file_mb),
    settings.encoding,
  );
  if (replaced > 0) {
    const { keep, message } = judgeBroken(text.length, replaced, encoding, firstBrokenByte);
    context.problem(message);
    if (!keep) return;
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    const { message } = error as Error;
    throw new InputProblem(`malformed JSON: ${message}`, { line: lineOfError(message, text), cause: error });
  }
  const render = recordText(settings.text);
  let record = 0;
  const records = recordsIn(value, render);
  for (const item of records ?? [value]) {
    record++;
    const document = documentOf(item, record, render, settings, context);
    if (document !== undefined) yield records === undefined ? { ...document, record: undefined } : document;
  }
  if (record === 0) throw new InputProblem("holds no records");
}

/** The records of a JSON value; `undefined` when it is one record by itself. */
function recordsIn(value: JsonValue, render: RecordText): readonly JsonValue[] | undefined {
  if (Array.isArray(value)) return value;
  if (!isRecord(value) || "text" in render(value)) return undefined;
  const values = Object.values(value);
  if (values.length > 0 && values.every(isRecord)) return values;
  const lists = values.filter((item) => Array.isArray(item) && item.length > 0 && item.every(isRecord));
  return lists.length === 1 && Array.isArray(lists[0]) ? lists[0] : undefined;
}

/** A record's document, or `undefined` after the problem has been reported. */
export function documentOf(
  value: JsonValue,
  record: number,
  render: RecordText,
  settings: SourceSettings,
  context: ReadContext,
): RawDocument | undefined {
  const fields: JsonRecord | undefined =
    typeof value === "string" && settings.text === undefined ? { text: value } : isRecord(value) ? value : undefined;
  if (fields === undefined) {
    const got = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
    context.problem(`expected a JSON object, got ${got}, skipped`, record);
    return undefined;
  }
  const rendered = render(fields);
  if ("missing" in rendered) {
    context.problem(`${rendered.missing}, skipped`, record);
    return undefined;
  }
  if (rendered.text.trim() === "") {
    context.problem("empty text, skipped", record);
    return undefined;
  }
  const meta = { format: settings.content ?? "text", ...recordMeta(settings.meta, fields) };
  return { text: rendered.text, record, meta };
}

/** V8 says "at position N", later versions "(line L column C)" too. */
function lineOfError(message: string, text: string): number {
  const line = /\(line (\d+)/.exec(message);
  if (line?.[1] !== undefined) return Number(line[1]);
  const position = /position (\d+)/.exec(message);
  const end = position?.[1] === undefined ? text.length : Number(position[1]);
  let found = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) found++;
  return found;
}
