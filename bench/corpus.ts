// Texts for the data benchmarks: files given by the caller, else the English and Chinese books beside the repository.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Document } from "../src/text/document.ts";

export interface Corpus {
  name: string;
  documents: Document[];
  bytes: number;
}

/** Cuts each text into documents of about `size` UTF-8 bytes at line ends: the length of a web page's main text. */
export function corpus(paths: readonly string[], size = 3500): Corpus[] {
  const shared = resolve(process.env["NUWA_SHARED"] ?? "../shared");
  const books: [string, string][] = [
    ["en", join(shared, "data/novels-en")],
    ["zh", join(shared, "data/classics-zh")],
  ];
  const named: [string, string][] = paths.length > 0 ? paths.map((path) => [path, path]) : books;
  return named.filter(([, path]) => existsSync(path)).map(([name, path]) => read(name, path, size));
}

function read(name: string, path: string, size: number): Corpus {
  const files = statSync(path).isDirectory() ? readdirSync(path).map((file) => join(path, file)) : [path];
  const documents: Document[] = [];
  let bytes = 0;
  for (const file of files.filter((f) => /\.(txt|md)$/u.test(f))) {
    let part: string[] = [];
    let length = 0;
    const end = (): void => {
      const text = part.join("\n");
      if (text.trim() !== "") {
        documents.push({ id: `${file}#${documents.length}`, text, source: file, meta: {} });
        bytes += Buffer.byteLength(text);
      }
      [part, length] = [[], 0];
    };
    for (const line of readFileSync(file, "utf8").split("\n")) {
      part.push(line);
      length += Buffer.byteLength(line) + 1;
      if (length >= size) end();
    }
    end();
  }
  return { name, documents, bytes };
}

/** The median of five timed runs after one to warm up, in millions of bytes a second. */
export function megabytesPerSecond(bytes: number, run: () => void, runs = 5): number {
  run();
  const speeds = Array.from({ length: runs }, () => {
    const start = process.cpuUsage();
    run();
    // CPU time, not wall time: figures are per core even when other programs run beside.
    const { user, system } = process.cpuUsage(start);
    return bytes / (user + system);
  });
  return speeds.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
}
