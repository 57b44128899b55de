import { codePointAt, unitsOf } from "./character-classes.ts";

/** Where the piece that starts at `start` ends (> start); `~end` when the piece is to be left out. */
export type PieceScanner = (text: string, start: number) => number;

/** One step of a pre-tokenizer: changes a stretch of text, then cuts it. */
export interface PreTokenizerStep {
  /** @param isFirst whether the stretch begins where the whole text begins */
  readonly change?: ((text: string, isFirst: boolean) => string) | undefined;
  readonly scan?: PieceScanner | undefined;
}

/**
 * Cuts `text` by each step in turn, and shows where every piece is to `visit`: units [start, end) of the text given,
 * which with several steps is a part of the whole, or a changed one. No step: the text is one piece.
 *
 * @example forEachPiece([{ scan: presetScanner("gpt2") }], "Hello world", (text, start, end) => pieces.push(text.slice(start, end)));
 */
export function forEachPiece(
  steps: readonly PreTokenizerStep[],
  text: string,
  visit: (text: string, start: number, end: number) => void,
  isFirst = true,
  depth = 0,
): void {
  if (text === "") return;
  const step = steps[depth];
  if (step === undefined) {
    visit(text, 0, text.length);
    return;
  }
  const changed = step.change === undefined ? text : step.change(text, isFirst);
  const { scan } = step;
  const isLast = depth === steps.length - 1;
  if (scan === undefined) {
    forEachPiece(steps, changed, visit, isFirst, depth + 1);
    return;
  }
  for (let start = 0; start < changed.length; ) {
    const end = scan(changed, start);
    if (end < 0) {
      start = ~end;
      continue;
    }
    if (isLast) visit(changed, start, end);
    else forEachPiece(steps, changed.slice(start, end), visit, isFirst && start === 0, depth + 1);
    start = end;
  }
}

/** What becomes of a separator: Hugging Face's `SplitDelimiterBehavior`. */
export const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type Behavior = (typeof behaviors)[number];

/**
 * Pieces by the matches of a regular expression (global, unicode). An empty match cuts where it is.
 *
 * @param invert what matches is text, and what lies between is a separator
 */
export function regexScanner(regex: RegExp, behavior: Behavior = "Isolated", invert = false): PieceScanner {
  /** Where the next match is that is not an empty one at `start`; -1 in `matchStart` for none. */
  let matchStart = -1;
  let matchEnd = -1;
  const find = (text: string, start: number): void => {
    regex.lastIndex = start;
    let match = regex.exec(text);
    while (match !== null && match[0] === "" && (match.index === start || isInsidePair(text, match.index))) {
      regex.lastIndex = match.index + unitsOf(codePointAt(text, match.index));
      match = regex.lastIndex > text.length ? null : regex.exec(text);
    }
    matchStart = match === null ? -1 : match.index;
    matchEnd = match === null ? text.length : match.index + match[0].length;
  };
  /** The end of the gap that begins at `start`. */
  const gapEnd = (text: string): number => (matchStart < 0 ? text.length : matchStart);
  if (behavior === "Isolated" || behavior === "Removed") {
    const dropMatches = behavior === "Removed" && !invert;
    const dropGaps = behavior === "Removed" && invert;
    return (text, start) => {
      find(text, start);
      if (matchStart === start) return dropMatches ? ~matchEnd : matchEnd;
      return dropGaps ? ~gapEnd(text) : gapEnd(text);
    };
  }
  if (behavior === "Contiguous") {
    return (text, start) => {
      find(text, start);
      if (matchStart !== start) return gapEnd(text);
      let end = matchEnd;
      while (end < text.length) {
        find(text, end);
        if (matchStart !== end) break;
        end = matchEnd;
      }
      return end;
    };
  }
  // A separator goes to the text before it, or text goes to the separator after it: these two cut alike.
  if ((behavior === "MergedWithPrevious") === !invert) {
    return (text, start) => {
      find(text, start);
      return matchEnd;
    };
  }
  return (text, start) => {
    find(text, start);
    if (matchStart !== start) return gapEnd(text);
    const end = matchEnd;
    if (end === text.length) return end;
    find(text, end);
    return matchStart === end ? end : gapEnd(text);
  };
}

/** The matches of a regular expression (global, unicode), as Oniguruma and Rust find them: no empty one after another. */
export function* findMatches(text: string, regex: RegExp): Generator<{ readonly start: number; readonly end: number }> {
  let last = -1;
  for (const match of text.matchAll(regex)) {
    if (match[0] === "" && (match.index === last || isInsidePair(text, match.index))) continue;
    last = match.index + match[0].length;
    yield { start: match.index, end: last };
  }
}

/** Between the two halves of a character, where V8 finds empty matches. */
function isInsidePair(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return index > 0 && unit >= 0xdc00 && unit <= 0xdfff && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
}
