import fs from "node:fs";
import path from "node:path";
import { convertPathToPattern, glob } from "tinyglobby";
import { nearest } from "../../../text/nearest.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { Problem } from "../../stage.ts";
import { type Compression, compressionOf, compressionSuffixes, tarSuffixes } from "./compression.ts";
import type { Format } from "./settings.ts";

/** A file to read: where it is, what documents call it, and how to read it. */
export interface InputFile {
  /** Absolute. */
  readonly path: string;
  /** Relative to the working directory, with `/`: what stands in `Document.source`. */
  readonly name: string;
  readonly format: Format;
  /** How its bytes are packed, if they are. */
  readonly compression: Compression | undefined;
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  ".txt": "txt",
  ".text": "txt",
  ".md": "md",
  ".markdown": "md",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".csv": "csv",
  ".tsv": "csv",
  ".parquet": "parquet",
  ".docx": "docx",
  ".epub": "epub",
  ".pdf": "pdf",
  ".warc": "warc",
  ".wet": "warc",
  ".zip": "zip",
  ".tar": "tar",
};

const WORDNET = /^data\.(?:noun|verb|adj|adv)$/;

/** The format and compression that a file's name tells. `undefined`: an extension that is not known, no compression. */
export function formatOf(fileName: string): {
  format: Format | undefined;
  compression: Compression | undefined;
  extension: string;
} {
  const { compression, inner: unpackedName } = compressionOf(fileName);
  const inner = path.basename(unpackedName);
  const extension = path.extname(inner).toLowerCase();
  if (WORDNET.test(inner)) return { format: "wordnet", compression, extension };
  // LICENSE, README: a name without an extension is read as text; a binary file shows itself when read.
  return { format: extension === "" ? "txt" : EXTENSIONS[extension], compression, extension };
}

export interface ListOptions {
  readonly cwd: string;
  readonly onProblem: (problem: Problem) => void;
  readonly exclude?: readonly string[];
  readonly format?: Format | "auto";
}

/**
 * The files that globs, folders and file names stand for: each once (links to the same file too), sorted by path, so
 * that the order never depends on the file system.
 *
 * @throws NuwaError FILE when a pattern matches nothing, with the nearest path that exists
 */
export async function listFiles(patterns: readonly string[], options: ListOptions): Promise<InputFile[]> {
  const found = new Map<string, InputFile>();
  const unknown = new Map<string, string[]>();
  for (const pattern of patterns) {
    if (isAddress(pattern)) {
      const { format, compression } = formatOf(new URL(pattern).pathname);
      const auto = options.format === undefined || options.format === "auto";
      const chosen = (auto ? format : options.format) ?? "html";
      found.set(pattern, { path: pattern, name: pattern, format: chosen, compression });
      continue;
    }
    const paths = await match(pattern, options);
    if (paths.length === 0) throw nothingMatches(pattern, options);
    for (const file of paths) {
      const { format, compression, extension } = formatOf(file);
      // *.rst, *.ts: an extension that the pattern itself names is read as text.
      const named = pattern.toLowerCase().endsWith(extension) ? "txt" : undefined;
      const chosen = options.format === undefined || options.format === "auto" ? (format ?? named) : options.format;
      if (chosen === undefined) unknown.set(extension, [...(unknown.get(extension) ?? []), file]);
      else found.set(file, { path: file, name: displayName(file, options.cwd), format: chosen, compression });
    }
  }
  for (const [extension, files] of unknown) {
    const first = displayName(files[0] ?? "", options.cwd);
    const message = `${files.length} file(s) of unknown format ${extension} skipped; set "format" to read them`;
    options.onProblem({ where: first, message });
  }
  return onePerFile([...found.values()].sort((a, b) => compare(a.name, b.name)));
}

/** Whether a path is an http or https address. */
export function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** Code unit order: the same under every locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function displayName(file: string, cwd: string): string {
  return path.relative(cwd, file).split(path.sep).join("/");
}

async function match(pattern: string, options: ListOptions): Promise<string[]> {
  const { cwd, onProblem } = options;
  const literal = path.resolve(cwd, pattern);
  const stat = statOrUndefined(literal);
  if (stat?.isFile() === true) return [literal];
  const isFolder = stat?.isDirectory() === true;
  const known = [...Object.keys(EXTENSIONS), ...tarSuffixes].map((extension) => extension.slice(1));
  const folder = convertPathToPattern(literal);
  const globs = isFolder
    ? [
        `${folder}/**/*.{${known.join(",")}}{,${compressionSuffixes.join(",")}}`,
        `${folder}/**/data.{noun,verb,adj,adv}`,
      ]
    : [pattern];
  const entersPackages = /(?:^|[\\/])node_modules(?:[\\/]|$)/.test(pattern);
  const paths = await glob(globs, {
    cwd,
    absolute: true,
    expandDirectories: false,
    ignore: [...(entersPackages ? [] : ["**/node_modules/**"]), ...(options.exclude ?? [])],
    fs: reportingFileSystem(cwd, onProblem),
  });
  return paths.map((file) => path.normalize(file));
}

function statOrUndefined(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file);
  } catch {
    return undefined;
  }
}

type ReaddirCallback = (error: NodeJS.ErrnoException | null, entries?: fs.Dirent[]) => void;
type RealpathCallback = (error: NodeJS.ErrnoException | null, resolved: string) => void;

/** The walker passes over folders that it may not read and links that lead nowhere; here they are named. */
function reportingFileSystem(cwd: string, onProblem: (problem: Problem) => void): { readdir: never; realpath: never } {
  const reported = new Set<string>();
  const report = (file: string, what: string, error: NodeJS.ErrnoException): void => {
    // Through a loop of links the same place is met under several names.
    const folder = realPath(path.dirname(path.resolve(cwd, file)));
    const where = displayName(path.join(folder, path.basename(file)), realPath(cwd));
    if (reported.has(where)) return;
    reported.add(where);
    onProblem({ where: where === "" ? "." : where, message: `${what} (${error.code ?? error.message}), skipped` });
  };
  const readdir = (folder: string, options: { withFileTypes: true }, done: ReaddirCallback): void => {
    fs.readdir(folder, options, (error, entries) => {
      // A folder that is not there is reported by the caller, as a pattern that matches nothing.
      if (error !== null && error.code !== "ENOENT" && error.code !== "ENOTDIR")
        report(folder, "unreadable folder", error);
      done(error, entries);
    });
  };
  const realpath = (file: string, done: RealpathCallback): void => {
    fs.realpath(file, (error, resolved) => {
      if (error !== null && formatOf(file).format !== undefined) report(file, "link that leads nowhere", error);
      done(error, resolved);
    });
  };
  // tinyglobby types these as the whole overloaded functions of node:fs; it calls the two forms above.
  return { readdir: readdir as never, realpath: realpath as never };
}

/** Of several paths to one file (links, loops of links), the file's own, else the first in order. */
function onePerFile(files: readonly InputFile[]): InputFile[] {
  const byRealPath = new Map<string, InputFile>();
  for (const file of files) {
    const real = realPath(file.path);
    if (!byRealPath.has(real) || real === file.path) byRealPath.set(real, file);
  }
  return [...byRealPath.values()].sort((a, b) => compare(a.name, b.name));
}

function realPath(file: string): string {
  try {
    return fs.realpathSync.native(file);
  } catch {
    return file;
  }
}

function nothingMatches(pattern: string, options: ListOptions): NuwaError {
  const { cwd } = options;
  const wild = /[*?{}[\]()!]/.test(pattern);
  const fixed = path.resolve(cwd, wild ? pattern.slice(0, pattern.search(/[*?{}[\]()!]/)) + "x" : pattern);
  // Up from the pattern's fixed part to the first folder that is there.
  let existing = path.dirname(fixed);
  let missing = wild ? "" : path.basename(fixed);
  while (statOrUndefined(existing)?.isDirectory() !== true && path.dirname(existing) !== existing) {
    missing = path.basename(existing);
    existing = path.dirname(existing);
  }
  const entries = missing === "" ? [] : namesIn(existing);
  const close = nearest(
    missing,
    entries.slice(0, 1000).filter((name) => name !== missing),
  );
  const near = close === undefined ? "" : `; did you mean "${close}"?`;
  const packages =
    wild && !pattern.includes("node_modules") && cwd.split(path.sep).includes("node_modules") === false
      ? "; node_modules is entered only if the pattern names it"
      : "";
  const what = wild
    ? "no file matches"
    : statOrUndefined(fixed)?.isDirectory() === true
      ? "no readable file in"
      : "no such file:";
  return new NuwaError("FILE", `${what} "${pattern}"`, {
    where: cwd,
    hint: `nearest folder that exists: ${existing}${near}${packages}`,
  });
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}
