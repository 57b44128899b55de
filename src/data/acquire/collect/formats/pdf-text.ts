/** A piece of text on a page: `x` from the left, `y` from the bottom, in points. */
export interface PdfPiece {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly size: number;
}

interface Line {
  text: string;
  readonly x: number;
  readonly y: number;
  end: number;
  readonly size: number;
}

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;

/**
 * The paragraphs of a document from the pieces of its pages: pieces on one height are a line; a wider gap, a
 * smaller or larger letter or an indented line begins a paragraph; what stands first or last on many pages (headers, footers,
 * page numbers) goes; a paragraph may go on over a page's end.
 */
export function pdfText(pages: readonly (readonly PdfPiece[])[]): string {
  const lines = pages.map(linesOf);
  removeRunningLines(lines);
  const gap = lineGap(lines);
  const paragraphs: string[] = [];
  let open = "";
  const flush = (): void => {
    if (open.trim() !== "") paragraphs.push(open.trim());
    open = "";
  };
  for (const page of lines) {
    const left = mostCommon(page.map(({ x }) => Math.round(x)));
    let before: Line | undefined;
    for (const line of page) {
      const begins =
        before === undefined
          ? /[.!?。！？:：”"]$/.test(open)
          : Math.abs(before.y - line.y) > 1.35 * gap ||
            Math.abs(before.size - line.size) > 0.15 * before.size ||
            (line.x > left + line.size && Math.abs(before.x - line.x) > line.size / 2);
      if (begins) flush();
      open = joined(open, line.text);
      before = line;
    }
  }
  flush();
  return paragraphs.join("\n\n");
}

function linesOf(pieces: readonly PdfPiece[]): Line[] {
  const lines: Line[] = [];
  for (const { text, x, y, width, size } of pieces) {
    if (text === "") continue;
    const last = lines.at(-1);
    if (last !== undefined && Math.abs(last.y - y) < 0.5 * Math.max(size, last.size) && x >= last.x) {
      const apart = x - last.end > 0.15 * size && !/\s$/.test(last.text) && !/^\s/.test(text);
      const bothCjk = CJK.test(last.text.at(-1) ?? "") && CJK.test(text[0] ?? "");
      last.text += apart && !bothCjk ? ` ${text}` : text;
      last.end = x + width;
    } else if (text.trim() !== "") lines.push({ text, x, y, end: x + width, size });
  }
  for (const line of lines) line.text = line.text.replace(/\s+/g, " ").trim();
  return lines;
}

/** The distance between lines that occurs most, of those that lines of one paragraph can have. */
function lineGap(pages: readonly (readonly Line[])[]): number {
  const gaps = pages.flatMap((page) =>
    page.flatMap((line, i) => {
      const gap = (page[i - 1]?.y ?? line.y) - line.y;
      return gap > 1 && gap < 2 * line.size ? [Math.round(2 * gap) / 2] : [];
    }),
  );
  const sizes = pages.flat().map(({ size }) => size);
  return gaps.length === 0 ? 1.2 * mostCommon(sizes) : mostCommon(gaps);
}

function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best = values[0] ?? 0;
  for (const [value, count] of counts) if (count > (counts.get(best) ?? 0)) best = value;
  return best;
}

/** A first or last line that is nothing but a number, or stands, its digits apart, on a third of the pages (three at least). */
function removeRunningLines(pages: Line[][]): void {
  const counts = new Map<string, number>();
  const key = (place: string, line: Line): string => `${place} ${line.text.replace(/\d+/g, "0")}`;
  const ends = (page: readonly Line[]): [string, Line][] => {
    const [first, last] = [page[0], page.at(-1)];
    return first === undefined || last === undefined
      ? []
      : [
          ["first", first],
          ["last", last],
        ];
  };
  for (const page of pages) {
    for (const [place, line] of ends(page)) counts.set(key(place, line), (counts.get(key(place, line)) ?? 0) + 1);
  }
  const least = Math.max(3, pages.length / 3);
  for (const page of pages) {
    for (const [place, line] of ends(page)) {
      const number = pages.length > 1 && /^[-–—\s]*(?:\d{1,4}|[ivxlc]{1,7})[-–—\s]*$/.test(line.text);
      if (page.length > 1 && (number || (counts.get(key(place, line)) ?? 0) >= least))
        page.splice(page.indexOf(line), 1);
    }
  }
}

/** Words that the end of a line broke become whole; Han characters are joined without a space. */
function joined(before: string, line: string): string {
  if (before === "") return line;
  if (/\p{L}-$/u.test(before) && /^\p{Ll}/u.test(line)) return before.slice(0, -1) + line;
  const cjk = CJK.test(before.at(-1) ?? "") && CJK.test(line[0] ?? "");
  return cjk ? before + line : `${before} ${line}`;
}
