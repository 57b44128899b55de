import type { JsonValue } from "../../../text/document.ts";
import { InputProblem, readChunks, readWhole, splitLines } from "../../acquire/collect/bytes.ts";
import { decode } from "../../acquire/collect/encoding.ts";
import { listFiles, type InputFile } from "../../acquire/collect/files.ts";
import { parseSynset } from "../../acquire/collect/index.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { Problem } from "../../stage.ts";
import type { LocatedRecord } from "./make.ts";
import type { FactSetSettings } from "./settings.ts";

/** Where files of records are read, and what is reported of them. */
export interface RecordsOptions {
  /** What relative globs are relative to. */
  readonly cwd: string;
  readonly onProblem: (problem: Problem) => void;
}

/** Largest file read whole, and longest line, in MB. */
const largest = 200;

/**
 * The records of json, jsonl (plain or gz) and WordNet files, in the order of their paths. What cannot be read is
 * named through `onProblem` and skipped.
 *
 * @throws NuwaError FILE when a glob matches nothing
 */
export async function* readRecords(
  globs: readonly string[],
  format: FactSetSettings["format"],
  options: RecordsOptions,
): AsyncGenerator<LocatedRecord> {
  const files = await listFiles(globs, { ...options, format: format === "auto" ? "auto" : format });
  for (const file of files) {
    try {
      yield* recordsOf(file, options);
    } catch (error) {
      if (!(error instanceof InputProblem)) throw error;
      options.onProblem({ where: file.name, message: error.message });
    }
  }
}

async function* recordsOf(file: InputFile, options: RecordsOptions): AsyncGenerator<LocatedRecord> {
  if (file.format === "json") {
    const { text } = decode(await readWhole(file, largest));
    yield* recordsIn(parse(text, file.name), file.name);
  } else if (file.format === "jsonl" || file.format === "wordnet") {
    for await (const { bytes, number, tooLong } of splitLines(readChunks(file), largest * 1_000_000)) {
      const where = `${file.name}:${number}`;
      const line = bytes.toString("utf8");
      if (tooLong) options.onProblem({ where, message: `record longer than ${largest} MB, skipped` });
      else if (line.trim() === "") continue;
      else if (file.format === "wordnet") {
        const synset = parseSynset(line);
        const [word = ""] = synset?.words ?? [];
        if (synset !== undefined) yield { record: { ...synset, word } as unknown as JsonValue, where };
      } else {
        try {
          yield { record: parse(line, where), where };
        } catch (error) {
          if (!(error instanceof InputProblem)) throw error;
          options.onProblem({ where, message: error.message });
        }
      }
    }
  } else {
    throw new NuwaError("VALUE", `expected records (json, jsonl, wordnet), got a ${file.format} file`, {
      where: file.name,
      hint: 'set "format" if its name says otherwise',
    });
  }
}

function parse(text: string, where: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new InputProblem(`malformed JSON in ${where}: ${cause instanceof Error ? cause.message : ""}, skipped`, {
      cause,
    });
  }
}

/** A list of records, one record, or an object with one list of records in it. */
function* recordsIn(value: JsonValue, name: string): Generator<LocatedRecord> {
  const lists =
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.values(value).filter(Array.isArray)
      : [];
  const [list] = lists;
  const isWrapped = lists.length === 1 && Object.keys(value ?? {}).length === 1 && list !== undefined;
  const records = Array.isArray(value) ? value : isWrapped ? list : [value];
  for (const [i, record] of records.entries()) {
    yield { record, where: records.length === 1 ? name : `${name}#${i + 1}` };
  }
}
