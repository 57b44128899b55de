import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "csv-parse/sync";
import type { Document, JsonValue } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { DocumentMapper, PartRemoval, Verdict } from "../../stage.ts";
import { BenchmarkIndex, type BenchmarkItem, type Hit } from "./index-benchmarks.ts";
import type { DecontaminateSettings } from "./settings.ts";

/**
 * The items of a benchmark file. json: the elements of an array, or of the arrays inside an object; jsonl: lines; csv
 * and tsv: rows; other text: blocks between blank lines. All texts of an item count together, in order, but for their
 * keys. `.gz` is not read.
 *
 * @throws NuwaError FILE when it cannot be read, DATA when it is not what its name says
 */
export function readBenchmark(file: string, cwd: string = process.cwd()): BenchmarkItem[] {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a benchmark file; it cannot be read", { where: file, cause });
  }
  return itemsOf(file, text).flatMap((item, index) => {
    const joined = textsOf(item).join("\n");
    return joined.trim() === "" ? [] : [{ name: `${file}#${index + 1}`, text: joined }];
  });
}

function itemsOf(file: string, text: string): JsonValue[] {
  const kind = /\.([a-z]+)$/iu.exec(file)?.[1]?.toLowerCase();
  const json = (part: string, where: string): JsonValue => {
    try {
      return JSON.parse(part) as JsonValue;
    } catch (cause) {
      throw new NuwaError("DATA", "expected JSON", { where, cause });
    }
  };
  if (kind === "jsonl") {
    return text.split("\n").flatMap((line, i) => (line.trim() === "" ? [] : [json(line, `${file}:${i + 1}`)]));
  }
  if (kind === "json") {
    const value = json(text, file);
    if (Array.isArray(value)) return value;
    const lists = typeof value === "object" && value !== null ? Object.values(value).filter(Array.isArray) : [];
    return lists.length > 0 ? lists.flat() : [value];
  }
  if (kind === "csv" || kind === "tsv") {
    try {
      const delimiter = kind === "tsv" ? "\t" : ",";
      return parse(text, { delimiter, relax_column_count: true, relax_quotes: true, bom: true }) as JsonValue[];
    } catch (cause) {
      throw new NuwaError("DATA", `expected ${kind}`, { where: file, cause });
    }
  }
  return text.split(/\n\s*\n/u);
}

function textsOf(value: JsonValue): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** All benchmark files of the settings, indexed. */
export function indexBenchmarks(
  settings: Pick<DecontaminateSettings, "benchmarks" | "words" | "han">,
  cwd: string,
): BenchmarkIndex {
  const index = new BenchmarkIndex(settings);
  for (const file of settings.benchmarks) for (const item of readBenchmark(file, cwd)) index.add(item);
  return index;
}

/**
 * The decontamination stage, in the manner of GPT-3 (Brown et al. 2020, appendix C): a document that shares an n-gram
 * with a benchmark is dropped, or loses the hit with what stands around it. The ledger names the benchmark item.
 */
export function createDecontaminate(settings: DecontaminateSettings, cwd: string = process.cwd()): DocumentMapper {
  const index = indexBenchmarks(settings, cwd);
  return {
    name: "decontaminate",
    map(document: Document): Verdict {
      const { text } = document;
      const hits = index.find(text);
      const [first] = hits;
      if (first === undefined) return { keep: document };
      const longest = hits.reduce((best, hit) => (hit.tokens > best.tokens ? hit : best), first);
      const names = [...new Set(hits.map(({ item }) => item))];
      const detail =
        names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
      const excerpt = text.slice(longest.start, longest.end);
      const value = longest.tokens;
      if (settings.action === "document") {
        return { drop: { rule: "decontaminate.document", value, threshold: settings.words, detail, excerpt } };
      }
      const { kept, parts } = cut(text, hits, settings);
      if (parts > settings.max_parts) {
        return {
          drop: { rule: "decontaminate.max_parts", value: parts, threshold: settings.max_parts, detail, excerpt },
        };
      }
      if (kept.length === 0) return { drop: { rule: "decontaminate.nothing_left", value, detail, excerpt } };
      const part: PartRemoval = { rule: "decontaminate.part", value: hits.length, detail, excerpt };
      return { keep: { ...document, text: kept.join("\n\n") }, parts: [part] };
    },
  };
}

function cut(
  text: string,
  hits: readonly Hit[],
  { around, min_characters }: DecontaminateSettings,
): { kept: string[]; parts: number } {
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end } of hits) {
    if (start - around > at) pieces.push(slice(text, at, start - around));
    at = Math.max(at, end + around);
  }
  if (at < text.length) pieces.push(slice(text, at, text.length));
  const kept = pieces.map((piece) => piece.trim()).filter((piece) => piece.length >= Math.max(1, min_characters));
  return { kept, parts: pieces.length };
}

/** A piece that does not begin or end inside a surrogate pair. */
function slice(text: string, start: number, end: number): string {
  const low = (i: number): boolean => (text.charCodeAt(i) & 0xfc00) === 0xdc00;
  return text.slice(low(start) ? start + 1 : start, low(end) ? end - 1 : end);
}
