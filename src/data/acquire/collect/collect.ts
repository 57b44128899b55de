import { documentId } from "../../../text/document.ts";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { Problem } from "../../stage.ts";
import { InputProblem } from "./bytes.ts";
import { checkedEncoding } from "./encoding.ts";
import { listFiles } from "./files.ts";
import type { InputFile } from "./files.ts";
import type { RawDocument, ReadContext } from "./formats/context.ts";
import { readArchive } from "./formats/archive.ts";
import { readCsv } from "./formats/csv.ts";
import { readDocx } from "./formats/docx.ts";
import { readEpub } from "./formats/epub.ts";
import { readJson, readJsonLines } from "./formats/json.ts";
import { readParquet } from "./formats/parquet.ts";
import { readPdf } from "./formats/pdf.ts";
import { readText } from "./formats/text.ts";
import { readWarc } from "./formats/warc.ts";
import { readWordnet } from "./formats/wordnet.ts";
import type { CollectSettings, Format, SourceSettings } from "./settings.ts";

type Reader = (file: InputFile, context: ReadContext) => AsyncGenerator<RawDocument>;

const READERS: Readonly<Record<Format, Reader>> = {
  txt: readText,
  md: readText,
  html: readText,
  jsonl: readJsonLines,
  json: readJson,
  csv: readCsv,
  parquet: readParquet,
  docx: readDocx,
  epub: readEpub,
  pdf: readPdf,
  warc: readWarc,
  zip: readArchive,
  tar: readArchive,
  wordnet: readWordnet,
};

/** Where {@link collect} reads, and what it reports. */
export interface CollectOptions {
  /** The folder that globs are relative to. */
  readonly cwd: string;
  /** Told of everything that was skipped, at once, in order. */
  readonly onProblem: (problem: Problem) => void;
  /** Told of each file before it is read. */
  readonly onFile?: (file: { source: string; name: string; index: number; count: number }) => void;
}

/**
 * Reads the documents of all sources, in the order of the recipe, then of paths, then of places in the file: the same
 * input gives the same documents in the same order, with the same ids. Memory holds one file, or for formats that are
 * read as streams (jsonl, parquet, text with `split`) one record.
 *
 * `meta.format` is `text`, `markdown` or `html`, and tells the extract stage what to do.
 *
 * @throws NuwaError FILE when a glob matches nothing; VALUE for an encoding that does not exist
 * @example for await (const document of collect(settings, { cwd: ".", onProblem: console.warn })) …
 */
export async function* collect(settings: CollectSettings, options: CollectOptions): AsyncGenerator<Document> {
  const taken = new Map<string, string>();
  for (const [index, source] of settings.sources.entries()) {
    yield* collectSource(source, options, taken, `collect.sources[${index}]`);
  }
}

async function* collectSource(
  source: SourceSettings,
  { cwd, onProblem, onFile }: CollectOptions,
  taken: Map<string, string>,
  keyPath: string,
): AsyncGenerator<Document> {
  const patterns = typeof source.files === "string" ? [source.files] : source.files;
  const exclude = typeof source.exclude === "string" ? [source.exclude] : (source.exclude ?? []);
  const name = source.name ?? patterns[0] ?? "";
  if (source.encoding !== "auto") checkedEncoding(source.encoding);
  const listed = await listFiles(patterns, { cwd, onProblem, exclude, format: source.format });
  if (listed.length === 0) {
    throw new NuwaError("FILE", `source "${name}": no file of a known format`, {
      where: keyPath,
      hint: 'set "format"',
    });
  }
  const files = listed.filter((file) => !taken.has(file.path));
  const first = listed.find((file) => taken.has(file.path));
  if (first !== undefined) {
    const message = `${listed.length - files.length} file(s) already read by source "${taken.get(first.path)}", skipped here`;
    onProblem({ where: `${name}: ${first.name}`, message });
  }
  for (const file of files) taken.set(file.path, name);
  let documents = 0;
  for (const [index, file] of files.entries()) {
    onFile?.({ source: name, name: file.name, index, count: files.length });
    const context = contextOf(file, source, onProblem);
    try {
      for await (const raw of READERS[file.format](file, context)) {
        yield toDocument(raw, file, source);
        documents++;
        if (documents === source.limit) return;
      }
    } catch (error) {
      if (!(error instanceof InputProblem)) throw error;
      const hint = error.hint === undefined ? "" : ` (${error.hint})`;
      context.problem(`${error.message}${error.line === undefined ? "" : ", the rest skipped"}${hint}`, error.line);
    }
  }
  if (documents === 0) onProblem({ where: name, message: `no document in ${files.length} file(s)` });
}

function contextOf(file: InputFile, settings: SourceSettings, onProblem: (problem: Problem) => void): ReadContext {
  return {
    settings,
    problem: (message, line) => onProblem({ where: line === undefined ? file.name : `${file.name}:${line}`, message }),
    readInner: (inner) => READERS[inner.format](inner, contextOf(inner, settings, onProblem)),
  };
}

function toDocument(raw: RawDocument, file: InputFile, settings: SourceSettings): Document {
  const name = raw.name ?? file.name;
  const source = raw.record === undefined ? name : `${name}#${raw.record}`;
  return {
    id: documentId(source),
    text: raw.text,
    source,
    ...(settings.language === undefined ? {} : { language: settings.language }),
    meta: {
      ...(settings.name === undefined ? {} : { source_name: settings.name }),
      ...(settings.kind === undefined ? {} : { kind: settings.kind }),
      ...settings.meta,
      ...raw.meta,
    },
  };
}
