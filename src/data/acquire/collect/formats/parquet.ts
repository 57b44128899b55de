import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import type { AsyncBuffer } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { JsonValue } from "../../../../text/document.ts";
import { InputProblem } from "../bytes.ts";
import type { InputFile } from "../files.ts";
import { recordText } from "../records.ts";
import type { ReadContext, RawDocument } from "./context.ts";
import { documentOf } from "./json.ts";
import { letGoOfStrayRejections } from "./stray.ts";

/** Rows decoded at a time: bounds memory when a row group holds a million rows. */
const ROWS_AT_A_TIME = 2048;

/** Parquet, one row a document, read by positioned reads one row group at a time; a damaged group is named and skipped. */
export async function* readParquet(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const render = recordText(settings.text);
  letGoOfStrayRejections();
  const handle = await openFile(file.path);
  try {
    const buffer = await asyncBuffer(handle);
    if (buffer.byteLength === 0) throw new InputProblem("empty file");
    let metadata;
    try {
      metadata = await parquetMetadataAsync(buffer);
    } catch (error) {
      throw new InputProblem(`malformed parquet: ${(error as Error).message}`, { cause: error });
    }
    const columns = parquetSchema(metadata).children.map((child) => child.element.name);
    const needed = neededColumns(columns, [settings.text ?? "", ...Object.values(settings.meta).map(String)]);
    let groupStart = 0;
    for (const [index, group] of metadata.row_groups.entries()) {
      const groupEnd = groupStart + Number(group.num_rows);
      for (let rowStart = groupStart; rowStart < groupEnd; rowStart += ROWS_AT_A_TIME) {
        const rowEnd = Math.min(groupEnd, rowStart + ROWS_AT_A_TIME);
        let rows: Record<string, unknown>[];
        try {
          const selection = needed.length === 0 ? {} : { columns: needed };
          rows = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd, ...selection });
        } catch (error) {
          const message = (error as Error).message;
          context.problem(
            `malformed parquet, row group ${index}, rows ${rowStart + 1} to ${groupEnd} skipped: ${message}`,
          );
          break;
        }
        for (const [k, row] of rows.entries()) {
          const document = documentOf(parquetValue(row), rowStart + k + 1, render, settings, context);
          if (document !== undefined) yield document;
        }
      }
      groupStart = groupEnd;
    }
    if (groupStart === 0) throw new InputProblem("holds no rows");
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw new InputProblem(`cannot be opened (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

async function asyncBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      const from = start < 0 ? Math.max(0, size + start) : start;
      const length = Math.max(0, Math.min(end, size) - from);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, from + filled);
        if (bytesRead === 0) throw new Error(`file cut short at byte ${from + filled}`);
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** The columns that the templates name; none named: all. */
function neededColumns(columns: readonly string[], templates: readonly string[]): string[] {
  if (templates[0] === "") return [];
  const named = new Set(
    templates.flatMap((template) => template.split(/[{}?]/)).map((name) => name.split(".")[0] ?? ""),
  );
  const needed = columns.filter((column) => named.has(column) || templates.includes(column));
  return needed;
}

/** Parquet's values as JSON has them: big integers as numbers or digits, dates in ISO form, bytes left out. */
export function parquetValue(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return null;
  if (Array.isArray(value)) return value.map(parquetValue);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, parquetValue(v)]));
  return null;
}
