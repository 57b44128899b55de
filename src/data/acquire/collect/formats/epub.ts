import path from "node:path";
import { Parser } from "htmlparser2";
import { wholeHtml } from "../../../clean/extract/html/whole.ts";
import { InputProblem } from "../bytes.ts";
import { decode } from "../encoding.ts";
import type { InputFile } from "../files.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { entryOf, openZip, type ZipEntry } from "./zip.ts";

interface Package {
  readonly metadata: { title?: string; author?: string; language?: string; date?: string };
  /** Paths of the chapters, relative to the package file, in reading order. */
  readonly spine: readonly string[];
}

/** Books in EPUB 2 and 3: one document a book, its chapters in reading order. */
export async function* readEpub(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const limit = context.settings.max_file_mb * 1e6;
  const zip = await openZip(file, context.settings.max_file_mb);
  try {
    yield await readBook(zip.entries, limit, context);
  } finally {
    zip.close();
  }
}

async function readBook(entries: readonly ZipEntry[], limit: number, context: ReadContext): Promise<RawDocument> {
  if (entries.some(({ name }) => name === "META-INF/rights.xml"))
    throw new InputProblem("protected against copying (DRM)");
  const packagePath = rootFile(await readText(entryOf(entries, "META-INF/container.xml"), limit));
  const book = readPackage(await readText(entryOf(entries, packagePath), limit));
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const chapters: string[] = [];
  let length = 0;
  for (const href of book.spine) {
    const name = path.posix.join(path.posix.dirname(packagePath), decodePath(href));
    const entry = byName.get(name);
    if (entry === undefined) {
      context.problem(`chapter ${name} is missing`);
      continue;
    }
    let page: string;
    try {
      page = await readText(entry, limit);
    } catch (error) {
      if (!(error instanceof InputProblem)) throw error;
      context.problem(`chapter ${name}: ${error.message}`);
      continue;
    }
    const { text } = wholeHtml(page);
    length += text.length;
    if (length > limit) throw new InputProblem(`larger than max_file_mb (${context.settings.max_file_mb} MB)`);
    if (text.trim() !== "") chapters.push(text);
  }
  if (chapters.length === 0) throw new InputProblem("holds no text");
  return { text: chapters.join("\n\n"), meta: { format: "text", ...book.metadata } };
}

async function readText(entry: ZipEntry, limit: number): Promise<string> {
  return decode(await entry.read(limit), "auto", { html: true }).text;
}

function decodePath(href: string): string {
  const [plain = ""] = href.split("#");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

function rootFile(container: string): string {
  let found = "";
  readXml(container, (name, attributes) => {
    if (name === "rootfile" && found === "") found = attributes["full-path"] ?? "";
  });
  if (found === "") throw new InputProblem("malformed epub: container.xml names no package");
  return found;
}

const DUBLIN_CORE: Readonly<Record<string, keyof Package["metadata"]>> = {
  title: "title",
  creator: "author",
  language: "language",
  date: "date",
};

function readPackage(xml: string): Package {
  const files = new Map<string, string>();
  const order: string[] = [];
  const metadata: Package["metadata"] = {};
  readXml(
    xml,
    (name, attributes) => {
      const { id, href, idref, linear } = attributes;
      if (name === "item" && id !== undefined && href !== undefined) files.set(id, href);
      if (name === "itemref" && idref !== undefined && linear !== "no") order.push(idref);
    },
    (name, text) => {
      const key = DUBLIN_CORE[name];
      if (key !== undefined && metadata[key] === undefined && text !== "") metadata[key] = text;
    },
  );
  return { metadata, spine: order.flatMap((id) => files.get(id) ?? []) };
}

/** Elements as they open, and the text of each as it closes; names without their prefix. */
function readXml(
  xml: string,
  open: (name: string, attributes: { readonly [name: string]: string }) => void,
  close?: (name: string, text: string) => void,
): void {
  let text = "";
  const local = (name: string): string => name.slice(name.indexOf(":") + 1);
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        text = "";
        open(local(name), attributes);
      },
      ontext(data) {
        text += data;
      },
      onclosetag(name) {
        close?.(local(name), text.trim());
        text = "";
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(xml);
}
