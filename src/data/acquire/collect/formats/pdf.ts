import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { getDocumentProxy } from "unpdf";
import { InputProblem, readWhole } from "../bytes.ts";
import type { InputFile } from "../files.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { type PdfPiece, pdfText } from "./pdf-text.ts";
import { letGoOfStrayRejections } from "./stray.ts";

/** Milliseconds that one file may take: damaged ones can send the parser far. */
const PATIENCE = 120_000;
const MOST_PAGES = 20_000;
/** Of a file's letters, those without a Unicode value from which on that is said. */
const UNMAPPED_SHARE = 0.02;

/**
 * The predefined CMaps of Chinese, Japanese and Korean fonts (ISO 32000-2, 9.7.5.2): which character each code stands
 * for where the file itself does not say it.
 */
const CMAPS = join(dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json")), "cmaps/");

/** PDF with text in it, by pdf.js: one document a file. Scanned pages hold images only and are named as that. */
export async function* readPdf(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const bytes = await readWhole(file, context.settings.max_file_mb);
  letGoOfStrayRejections();
  if (bytes.subarray(0, 1024).indexOf("%PDF-") < 0) throw new InputProblem("no PDF file");
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new InputProblem(`took longer than ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    const { text, pages, title } = await Promise.race([read(bytes), late]);
    const [unmapped, letters] = unmappedLetters(text);
    if (unmapped > UNMAPPED_SHARE * letters) {
      context.problem(`${unmapped} of ${letters} letters are glyphs whose font does not say which character they are`);
    }
    if (text.trim() === "") {
      throw new InputProblem(`${pages} page(s) without text: scanned images need character recognition first`);
    }
    yield { text, meta: { format: "text", pages, ...(title === undefined ? {} : { title }) } };
  } finally {
    clearTimeout(timer);
  }
}

/** How many letters of a text are private characters, replacement characters or controls, and how many there are. */
function unmappedLetters(text: string): [unmapped: number, letters: number] {
  const letters = text.replace(/\s/gu, "");
  return [letters.match(/[\p{Co}\p{Cc}\ufffd]/gu)?.length ?? 0, letters.length];
}

async function read(bytes: Buffer): Promise<{ text: string; pages: number; title: string | undefined }> {
  let document: Awaited<ReturnType<typeof getDocumentProxy>>;
  try {
    document = await getDocumentProxy(new Uint8Array(bytes), {
      isEvalSupported: false,
      verbosity: 0,
      cMapUrl: CMAPS,
      cMapPacked: true,
    });
  } catch (error) {
    const { name, message } = error as Error;
    if (name === "PasswordException") {
      throw new InputProblem("encrypted with a password", { hint: "save it without one", cause: error });
    }
    throw new InputProblem(`malformed PDF: ${message}`, { cause: error });
  }
  try {
    const pages: PdfPiece[][] = [];
    for (let number = 1; number <= Math.min(document.numPages, MOST_PAGES); number++) {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      pages.push(items.flatMap((item: object) => ("str" in item ? [pieceOf(item as TextItem)] : [])));
      page.cleanup();
    }
    const { info } = (await document.getMetadata()) as { info?: { Title?: unknown } };
    const title = typeof info?.Title === "string" && info.Title.trim() !== "" ? info.Title.trim() : undefined;
    return { text: pdfText(pages), pages: document.numPages, title };
  } catch (error) {
    if (error instanceof InputProblem) throw error;
    throw new InputProblem(`malformed PDF: ${(error as Error).message}`, { cause: error });
  } finally {
    await document.cleanup();
    await document.loadingTask.destroy();
  }
}

/** What pdf.js gives for a run of letters. */
interface TextItem {
  readonly str: string;
  /** The last two are the place of its first letter. */
  readonly transform: readonly number[];
  readonly width: number;
  readonly height: number;
}

function pieceOf(item: TextItem): PdfPiece {
  const [, , , scale = 0, x = 0, y = 0] = item.transform;
  return { text: item.str, x, y, width: item.width, size: item.height === 0 ? Math.abs(scale) || 10 : item.height };
}
