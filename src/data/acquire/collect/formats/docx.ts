import mammoth from "mammoth";
import { wholeHtml } from "../../../clean/extract/html/whole.ts";
import { InputProblem, readWhole } from "../bytes.ts";
import type { InputFile } from "../files.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { entryOf, openZip } from "./zip.ts";

/** Word documents: one document a file, with its headings, lists and tables. */
export async function* readDocx(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { max_file_mb: most } = context.settings;
  const bytes = await readWhole(file, most);
  // Old Word files, and new ones with a password, are OLE containers.
  if (bytes.subarray(0, 4).toString("hex") === "d0cf11e0")
    throw new InputProblem("a .doc file or one with a password; save it as .docx");
  // Unpacked here first, so that a bomb in any part is met within limits; mammoth's own unpacking has none.
  const zip = await openZip(file, most);
  try {
    entryOf(zip.entries, "word/document.xml");
    let left = most * 1e6;
    for (const { name, read } of zip.entries) if (/\.(?:xml|rels)$/i.test(name)) left -= (await read(left)).length;
  } finally {
    zip.close();
  }
  let html: string;
  try {
    const image = mammoth.images.imgElement(() => Promise.resolve({ src: "" }));
    ({ value: html } = await mammoth.convertToHtml({ buffer: bytes }, { convertImage: image }));
  } catch (error) {
    throw new InputProblem(`malformed docx: ${(error as Error).message}`, { cause: error });
  }
  const { text } = wholeHtml(`<body>${withoutNoteMarks(html)}</body>`, { onlyDataTables: true });
  if (text.trim() === "") throw new InputProblem("holds no text");
  yield { text, meta: { format: "text" } };
}

/** What mammoth writes for a note: a mark in the text that leads to it, and an arrow behind it that leads back. */
const NOTE_MARK = /<sup><a href="#(?:foot|end)note-\d+" id="(?:foot|end)note-ref-\d+">\[\d+\]<\/a><\/sup>/gu;
const NOTE_ARROW = /\s*<a href="#(?:foot|end)note-ref-\d+">↑<\/a>/gu;

/** The notes' texts stay, at the end; their marks would be left over as `[1]` and `↑`. */
function withoutNoteMarks(html: string): string {
  return html.replace(NOTE_MARK, "").replace(NOTE_ARROW, "");
}
