import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import type { z } from "zod";
import { NuwaError } from "../../text/errors.ts";

/**
 * The first of several usual places where a benchmark's file lies under the data folder.
 * @throws NuwaError FILE naming every place that was looked at
 */
export function findFile(dataDir: string, task: string, candidates: readonly string[]): string {
  const found = candidates.map((name) => join(dataDir, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new NuwaError("FILE", `no data for task "${task}": looked for ${candidates.join(", ")}`, {
    where: dataDir,
    hint: "point --data at the folder that holds the benchmark files",
  });
}

/** Reads a text file, through gzip when its name ends in .gz. */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NuwaError("FILE", `cannot read ${basename(path)}: ${reason}`, { where: path, cause });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NuwaError("DATA", `not JSON: ${cause instanceof Error ? cause.message : ""}`, { where, cause });
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new NuwaError("DATA", `${issue?.path.join(".") ?? "record"}: ${issue?.message ?? "not as expected"}`, {
    where,
  });
}

/** Reads one record a line, each of the given schema. A benchmark is not to be guessed at, so a bad line is an error. */
export async function readJsonLines<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const lines = (await readText(path)).split("\n");
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${path}:${i + 1}`;
    return [check(schema, parseJson(line, where), where)];
  });
}

/** Reads a whole JSON file of the given schema. */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return check(schema, parseJson(await readText(path), path), path);
}

/** Reads a CSV file into rows of fields. */
export async function readCsv(path: string): Promise<string[][]> {
  const text = await readText(path);
  try {
    return parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true }) as string[][];
  } catch (cause) {
    throw new NuwaError("DATA", `not CSV: ${cause instanceof Error ? cause.message : ""}`, { where: path, cause });
  }
}
