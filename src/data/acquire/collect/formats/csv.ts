import { parse } from "csv-parse";
import { InputProblem } from "../bytes.ts";
import type { InputFile } from "../files.ts";
import { recordText } from "../records.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { documentOf } from "./json.ts";
import { utf8Chunks } from "./text.ts";

/** Comma-, semicolon- or tab-separated values (RFC 4180), the first line naming the columns: one row a document. */
export async function* readCsv(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const render = recordText(settings.text);
  const { chunks } = await utf8Chunks(file, settings.encoding);
  const first = await chunks.next();
  if (first.done === true || first.value.length === 0) throw new InputProblem("empty file");
  const parser = parse({
    columns: (names: string[]) => names.map((name, i) => (name.trim() === "" ? `column${i + 1}` : name.trim())),
    delimiter: delimiterOf(first.value),
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: settings.max_file_mb * 1e6,
  });
  const feed = async (): Promise<void> => {
    const write = (chunk: Buffer): Promise<void> | undefined =>
      parser.write(chunk) ? undefined : new Promise((resolve) => parser.once("drain", resolve));
    await write(first.value);
    for await (const chunk of chunks) {
      if (parser.destroyed) return;
      await write(chunk);
    }
    parser.end();
  };
  const fed = feed().catch((error: unknown) => parser.destroy(error as Error));
  let row = 0;
  try {
    for await (const record of parser as AsyncIterable<Record<string, string>>) {
      row++;
      const document = documentOf(record, row, render, settings, context);
      if (document !== undefined) yield document;
    }
  } catch (error) {
    if (error instanceof InputProblem) throw error;
    throw new InputProblem(`malformed csv: ${(error as Error).message}`, { line: row + 2, cause: error });
  } finally {
    parser.destroy();
    parser.emit("drain");
    await fed;
  }
  if (row === 0) throw new InputProblem("holds no rows");
}

/** The one that the first line has most of. */
function delimiterOf(head: Buffer): string {
  const [line = ""] = head.subarray(0, 65_536).toString("utf8").split("\n");
  const outside = line.replace(/"[^"]*"/g, "");
  const counts = [",", "\t", ";", "|"].map((mark) => ({ mark, count: outside.split(mark).length - 1 }));
  return counts.reduce((best, one) => (one.count > best.count ? one : best)).mark;
}
