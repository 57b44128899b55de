/** A piece of a document's text: what both the HTML and the Markdown reader produce, and one function writes out. */
export type Block =
  | { readonly kind: "heading" | "paragraph"; readonly text: string }
  | {
      readonly kind: "item";
      readonly text: string;
      /** From 0, for lists within lists. */
      readonly depth: number;
      /** Number of an ordered list's item. */
      readonly number?: number | undefined;
    }
  /** A table row, cells already joined; or a line of a definition list. */
  | { readonly kind: "row"; readonly text: string }
  | { readonly kind: "code"; readonly text: string };

/**
 * Blocks as plain text: paragraphs and headings apart by an empty line, list items and table rows on lines of their own,
 * code between fences and untouched.
 */
export function renderBlocks(blocks: readonly Block[]): string {
  let out = "";
  let before: Block | undefined;
  for (const block of blocks) {
    const text = blockText(block);
    if (text === "") continue;
    if (before !== undefined) out += joinsLine(before) && before.kind === block.kind ? "\n" : "\n\n";
    out += text;
    before = block;
  }
  return out;
}

function joinsLine(block: Block): boolean {
  return block.kind === "item" || block.kind === "row";
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "code":
      return block.text.trim() === "" ? "" : fenced(block.text);
    case "item": {
      const text = block.text.trim();
      const mark = block.number === undefined ? "-" : `${block.number}.`;
      return text === "" ? "" : `${"  ".repeat(Math.min(block.depth, 8))}${mark} ${text}`;
    }
    default:
      return block.text.trim();
  }
}

/** Between fences longer than any run of backticks inside. */
function fenced(code: string): string {
  let longest = 2;
  for (const run of code.matchAll(/`+/g)) longest = Math.max(longest, run[0].length);
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${code.replace(/^\n+|\s+$/g, "")}\n${fence}`;
}
