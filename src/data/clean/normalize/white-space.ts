export interface WhiteSpaceOptions {
  /** Empty lines that may stand in a row. */
  readonly maxBlankLines: number;
  /** Spaces and tabs at the beginning of a line: kept (code, lists within lists) or removed. */
  readonly indentation: "keep" | "remove";
}

/**
 * White space as a text needs it: every kind of space is a plain space, one at a time inside a line, none at its end;
 * at most so many empty lines in a row; none at the beginning and end of the text. Lines between code fences are kept
 * but for their ends.
 */
export function normalizeWhiteSpace(text: string, { maxBlankLines, indentation }: WhiteSpaceOptions): string {
  let out = text.replace(UNUSUAL_SPACES, " ");
  if (WORK.test(out) || indentation === "remove") out = squeezeLines(out, indentation);
  const tooMany = `\n{${maxBlankLines + 2},}`;
  if (out.includes("\n".repeat(maxBlankLines + 2))) {
    out = out.replace(new RegExp(tooMany, "g"), "\n".repeat(maxBlankLines + 1));
  }
  return out.replace(/^\n+/, "").replace(/\n+$/, "");
}

// No-break, en, em, thin, ideographic and other spaces of Unicode; Ogham's is a letter-like mark and stays.
const UNUSUAL_SPACES = /[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g;
// A run of spaces or a tab inside a line, or white space at a line's end. Trimming itself is left to trimEnd: a regular
// expression for it takes the square of the length of a long run.
const WORK = /[^\s](?:\t|[ \t]{2})|[ \t](?:\n|$)/;

function squeezeLines(text: string, indentation: "keep" | "remove"): string {
  let fence: string | undefined;
  const lines = text.split("\n");
  for (const [k, line] of lines.entries()) {
    const trimmed = line.trimEnd();
    const body = trimmed.trimStart();
    const mark = /^(?:`{3,}|~{3,})/.exec(body)?.[0];
    if (fence !== undefined) {
      if (mark !== undefined && mark.startsWith(fence) && body === mark) fence = undefined;
      lines[k] = trimmed;
      continue;
    }
    if (mark !== undefined) fence = mark;
    const indent = indentation === "keep" ? trimmed.slice(0, trimmed.length - body.length) : "";
    lines[k] = indent + body.replace(/[ \t]{2,}|\t/g, " ");
  }
  return lines.join("\n");
}
