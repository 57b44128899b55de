/** Small files of formats that nobody writes by hand, for tests. */
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import type { Compression } from "../compression.ts";

type Member = readonly [name: string, content: string | Uint8Array];

/** A zip archive, every member deflated (APPNOTE 6.3.10, without extras). */
export function zip(members: readonly Member[]): Buffer {
  const [files, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, content] of members) {
    const [path, data] = [Buffer.from(name), Buffer.from(content)];
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2); // names are UTF-8
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, path, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\u0001\u0002"), Buffer.from([20, 0]), common, rest, path]));
    files.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006");
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, central, end]);
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>';

/** A Word file of paragraphs, headings and tables. */
export function docx(
  blocks: readonly (
    | string
    | { heading: string }
    | { table: readonly (readonly string[])[] }
    | { text: string; footnote: string; after: string }
  )[],
): Buffer {
  const notes: string[] = [];
  const run = (text: string): string => `<w:r><w:t>${text}</w:t></w:r>`;
  const body = blocks.map((block) => {
    if (typeof block === "string") return `<w:p>${run(block)}</w:p>`;
    if ("heading" in block) return `<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>${run(block.heading)}</w:p>`;
    if ("footnote" in block) {
      notes.push(`<w:footnote w:id="${notes.length + 2}"><w:p>${run(block.footnote)}</w:p></w:footnote>`);
      const mark = `<w:r><w:footnoteReference w:id="${notes.length + 1}"/></w:r>`;
      return `<w:p>${run(block.text)}${mark}${run(block.after)}</w:p>`;
    }
    // A cell's lines are its paragraphs.
    const paragraphs = (cell: string): string =>
      cell
        .split("\n")
        .map((line) => `<w:p>${run(line)}</w:p>`)
        .join("");
    const rows = block.table.map(
      (cells) => `<w:tr>${cells.map((cell) => `<w:tc>${paragraphs(cell)}</w:tc>`).join("")}</w:tr>`,
    );
    return `<w:tbl>${rows.join("")}</w:tbl>`;
  });
  const types = "application/vnd.openxmlformats-officedocument.wordprocessingml";
  const schemas = "http://schemas.openxmlformats.org";
  return zip([
    [
      "[Content_Types].xml",
      `${XML}<Types xmlns="${schemas}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="${types}.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="${types}.styles+xml"/><Override PartName="/word/footnotes.xml" ContentType="${types}.footnotes+xml"/></Types>`,
    ],
    [
      "_rels/.rels",
      `${XML}<Relationships xmlns="${schemas}/package/2006/relationships"><Relationship Id="r1" Type="${schemas}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    ],
    [
      "word/_rels/document.xml.rels",
      `${XML}<Relationships xmlns="${schemas}/package/2006/relationships"><Relationship Id="r1" Type="${schemas}/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="r2" Type="${schemas}/officeDocument/2006/relationships/footnotes" Target="footnotes.xml"/></Relationships>`,
    ],
    [
      "word/footnotes.xml",
      `${XML}<w:footnotes xmlns:w="${schemas}/wordprocessingml/2006/main">${notes.join("")}</w:footnotes>`,
    ],
    [
      "word/styles.xml",
      `${XML}<w:styles xmlns:w="${schemas}/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>`,
    ],
    [
      "word/document.xml",
      `${XML}<w:document xmlns:w="${schemas}/wordprocessingml/2006/main"><w:body>${body.join("")}</w:body></w:document>`,
    ],
  ]);
}

/** A book whose files stand in the opposite order of its spine. */
export function epub(
  title: string,
  author: string,
  chapters: readonly (readonly [heading: string, text: string])[],
): Buffer {
  const pages = chapters.map(
    ([heading, text], i): Member => [
      `OEBPS/text/c%20${i}.xhtml`.replace("%20", " "),
      `${XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><h1>${heading}</h1><p>${text}</p></body></html>`,
    ],
  );
  const items = chapters.map(
    (_, i) => `<item id="c${i}" href="text/c%20${i}.xhtml" media-type="application/xhtml+xml"/>`,
  );
  const spine = chapters.map((_, i) => `<itemref idref="c${i}"/>`);
  return zip([
    ["mimetype", "application/epub+zip"],
    ...pages.toReversed(),
    [
      "META-INF/container.xml",
      `${XML}<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>`,
    ],
    [
      "OEBPS/book.opf",
      `${XML}<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>${title}</dc:title><dc:creator>${author}</dc:creator><dc:language>zh</dc:language></metadata><manifest>${items.toReversed().join("")}</manifest><spine>${spine.join("")}</spine></package>`,
    ],
  ]);
}

/** Pages of lines in Helvetica, 14 points apart; an empty line leaves a gap. */
export function pdf(
  pages: readonly (readonly string[])[],
  cjk?: { readonly encoding: string; readonly ordering: string },
): Buffer {
  const objects: string[] = ["<< /Type /Catalog /Pages 2 0 R >>"];
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`);
  objects.push(`<< /Type /Pages /Kids [${kids.join(" ")}] /Count ${pages.length} >>`);
  const descendant = `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Song /CIDSystemInfo << /Registry (Adobe) /Ordering (${cjk?.ordering}) /Supplement 2 >> /DW 1000 /FontDescriptor << /Type /FontDescriptor /FontName /Song /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 860 /Descent -140 /CapHeight 700 /StemV 80 >> >>`;
  objects.push(
    cjk === undefined
      ? "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
      : `<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /${cjk.encoding} /DescendantFonts [${descendant}] >>`,
  );
  for (const [i, lines] of pages.entries()) {
    const shown = lines
      .map((line, k) =>
        line === "" ? "" : `BT /F1 11 Tf 72 ${720 - 14 * k} Td ${cjk === undefined ? `(${line})` : `<${line}>`} Tj ET`,
      )
      .join("\n");
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * i} 0 R >>`,
    );
    objects.push(`<< /Length ${shown.length} >>\nstream\n${shown}\nendstream`);
  }
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const at = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const start = text.length;
  const entries = offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, "latin1");
}

/** What {@link packedLines} holds. */
export const packedLinesText = '{"text":"one stone"}\n{"text":"河水流过石头"}\n';

/** {@link packedLinesText}, by zstd 1.5, bzip2 1.0 and xz 5.4. */
export const packedLines: Readonly<Record<Compression, Buffer>> = {
  gzip: gzipSync(packedLinesText),
  zstd: Buffer.from(
    "KLUv/SQzmQEAeyJ0ZXh0Ijoib25lIHN0b25lIn0KeyJ0ZXh0Ijoi5rKz5rC05rWB6L+H55+z5aS0In0KgVl5vQ==",
    "base64",
  ),
  bzip2: Buffer.from(
    "QlpoOTFBWSZTWTK6uGgAAA7Z+QAQUAAAEAIBjEoggAAAhABeAIPAIABUUAAAZMgSqHpNMaQDJ6aimsyKnsEkTIlBNKVEKyKiFr4bBZvmg7i3f3xdyRThQkDK6uGg",
    "base64",
  ),
  xz: Buffer.from(
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AAyADFdAD2IioaUiBPg84lKecGcMZNR0286m2cyYGoxHh8JLC/DOyJgTay9rfcb+/GabVAm+yAAAAAAa9AjWavLV8AAAU0zdeWB2h+2830BAAAAAARZWg==",
    "base64",
  ),
};
