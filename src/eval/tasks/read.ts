import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parquetValue } from "../../data/acquire/collect/formats/parquet.ts";
import * as z from "zod";
import { NuwaError } from "../../text/errors.ts";
import type { Document, Fields } from "../prompt/document.ts";

/** The records of one file, and texts that stand in it as finished examples (a JSON list of strings). */
export interface FileContents {
  readonly documents: readonly Document[];
  readonly texts: readonly string[];
}

/** Reads a text file, through gzip when its name ends in .gz. @throws NuwaError FILE */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    throw new NuwaError("FILE", `cannot read ${basename(path)}: ${reason(cause)}`, { where: path, cause });
  }
}

/**
 * The records of a benchmark file, by its ending: `.jsonl`, `.json` (a list of records, or a mapping with one list in
 * it), `.csv`, `.tsv`, `.parquet`; any other is one record, `{ text }`. `.gz` may follow. A benchmark is not to be
 * guessed at, so a line that cannot be read is an error.
 *
 * @param columns names of a CSV's columns where its own first row does not name them
 * @throws NuwaError FILE, DATA with `file:line`
 */
export async function readDocuments(path: string, columns: readonly string[] | undefined): Promise<FileContents> {
  const ending = extname(path.replace(/\.gz$/, "")).toLowerCase();
  if (ending === ".jsonl" || ending === ".ndjson") return jsonLines(await readText(path), path);
  if (ending === ".json") return json(await readText(path), path);
  if (ending === ".csv" || ending === ".tsv") {
    return table(await readText(path), path, ending === ".tsv" ? "\t" : ",", columns);
  }
  if (ending === ".parquet") return parquet(path);
  return { documents: [document({ text: await readText(path) }, 0, path)], texts: [] };
}

/** csv-parse's rows with the line that each ends on. */
const csvRows = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.int() }) }));

function document(fields: Fields, position: number, where: string): Document {
  const { id } = fields;
  return { id: typeof id === "string" || typeof id === "number" ? String(id) : String(position), fields, where };
}

function jsonLines(text: string, path: string): FileContents {
  const documents = text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${path}:${i + 1}`;
    return [{ fields: record(parseJson(line, where), where), where }];
  });
  return { documents: documents.map(({ fields, where }, i) => document(fields, i, where)), texts: [] };
}

function json(text: string, path: string): FileContents {
  const value = parseJson(text, path);
  const lists = Array.isArray(value)
    ? [value]
    : Object.values(record(value, path)).filter((item) => Array.isArray(item));
  const [list] = lists;
  if (list === undefined || lists.length > 1) {
    throw new NuwaError("DATA", "expected a list of records, or a mapping with one list in it", { where: path });
  }
  const items: readonly unknown[] = list;
  if (items.length > 0 && items.every((item) => typeof item === "string")) return { documents: [], texts: items };
  const documents = items.map((item, i) => document(record(item, `${path}[${i}]`), i, `${path}[${i}]`));
  return { documents, texts: [] };
}

function table(text: string, path: string, delimiter: string, columns: readonly string[] | undefined): FileContents {
  let rows: z.infer<typeof csvRows>;
  try {
    const parsed: unknown = parse(text, {
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      info: true,
      ...(delimiter === "\t" ? { quote: null } : {}),
    });
    rows = csvRows.parse(parsed);
  } catch (cause) {
    throw new NuwaError("DATA", `not CSV: ${reason(cause)}`, { where: path, cause });
  }
  const named = columns ?? rows[0]?.record ?? [];
  const documents: Document[] = [];
  for (const [i, { record: cells, info }] of rows.entries()) {
    // A row number before the columns that are named is left out.
    const own = columns === undefined ? cells : cells.slice(Math.max(0, cells.length - columns.length));
    const isHeader = i === 0 && (columns === undefined || own[0]?.toLowerCase() === named[0]?.toLowerCase());
    if (isHeader) continue;
    const where = `${path}:${info.lines}`;
    if (own.length !== named.length) {
      throw new NuwaError("DATA", `expected ${named.length} columns (${named.join(", ")}), got ${cells.length}`, {
        where,
      });
    }
    const fields = Object.fromEntries(named.map((name, column) => [name, own[column] ?? ""]));
    documents.push(document(fields, documents.length, where));
  }
  return { documents, texts: [] };
}

async function parquet(path: string): Promise<FileContents> {
  try {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path), compressors });
    const documents = rows.map((row, i) => {
      const where = `${path}, row ${i + 1}`;
      return document(record(parquetValue(row), where), i, where);
    });
    return { documents, texts: [] };
  } catch (cause) {
    if (cause instanceof NuwaError) throw cause;
    throw new NuwaError("DATA", `not Parquet: ${reason(cause)}`, { where: path, cause });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NuwaError("DATA", `not JSON: ${reason(cause)}`, { where, cause });
  }
}

function record(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new NuwaError("DATA", `expected a record, got ${JSON.stringify(value)?.slice(0, 60) ?? "nothing"}`, { where });
}

const reason = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
