import { z } from "zod";
import type { JsonValue } from "../../../text/document.ts";
import { documentKinds } from "../../kinds.ts";

/** The formats of files that collect reads. */
export const FORMATS = [
  "txt",
  "md",
  "html",
  "jsonl",
  "json",
  "csv",
  "parquet",
  "docx",
  "epub",
  "pdf",
  "warc",
  "zip",
  "tar",
  "wordnet",
] as const;
/** A format of files that collect reads. */
export type Format = (typeof FORMATS)[number];

const globs = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const json: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json), z.record(z.string(), json)]),
);

/** The schema of one source of a recipe's section `collect`. */
export const sourceSettings = z.strictObject({
  name: z.string().min(1).optional().describe("what reports call this source; default: its first glob"),
  files: globs.describe(
    "a file, a folder (all known formats below it), a glob, an http or https address, or a list of these; paths are relative to the folder nuwa is run in; node_modules is entered only if named",
  ),
  exclude: globs.optional().describe("globs of files to leave out"),
  format: z
    .enum(["auto", ...FORMATS])
    .default("auto")
    .describe("how to read the files; auto: by the file's name (a further .gz is unpacked)"),
  encoding: z
    .string()
    .min(1)
    .default("auto")
    .describe("utf-8, gb18030, big5, shift_jis, windows-1252, …; auto: found out for each file"),
  text: z
    .string()
    .min(1)
    .optional()
    .describe(
      'where the text of a record is (json, jsonl, csv, parquet): a field ("text", "data.body"), or a template ("{title}\\n{author?}\\n{paragraphs}"; lists are joined by newlines, "?" marks what may be missing); default: the first of text, content, body, paragraphs that is there',
    ),
  content: z
    .enum(["text", "markdown", "html"])
    .optional()
    .describe("what the text of a record is, for the extract stage; default: text"),
  kind: z
    .enum(documentKinds)
    .optional()
    .describe("what kind of text it is: the filter stage does not ask a poem what it asks a web page; default: web"),
  language: z.string().min(2).optional().describe("ISO 639-1 code of all documents of this source, if they have one"),
  split: z
    .enum(["none", "paragraphs", "lines"])
    .default("none")
    .describe(
      "cut long files (txt, md) into documents of about max_chars, at blank lines (paragraphs) or at line ends (lines); wordnet: gather entries up to max_chars",
    ),
  max_chars: z.int().min(100).default(20_000).describe("aimed length of a document when split is on, in characters"),
  limit: z.int().min(1).optional().describe("take at most this many documents from this source"),
  max_file_mb: z
    .number()
    .positive()
    .max(500)
    .default(100)
    .describe(
      "skip larger files, in MB after unpacking; of files read as a stream (jsonl, parquet, split), larger records",
    ),
  max_archive_mb: z
    .number()
    .positive()
    .default(20_000)
    .describe(
      "of a zip or tar archive, read at most this much, in MB after unpacking; max_file_mb bounds each file in it",
    ),
  meta: z
    .record(z.string(), json)
    .default({})
    .describe('kept with every document; strings may be templates over the record ("{title}")'),
});

/** The recipe's settings of the collect stage. */
export const collectSettings = z.strictObject({
  sources: z.array(sourceSettings).min(1).describe("where the documents come from, in order"),
});

/** One source of a recipe's section `collect`, checked. */
export type SourceSettings = z.infer<typeof sourceSettings>;
/** A recipe's section `collect`, checked. */
export type CollectSettings = z.infer<typeof collectSettings>;
