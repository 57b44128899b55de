/** A stretch of tokens that goes, and the document that has it first. */
export interface Passage {
  /** First token. */
  readonly start: number;
  /** Behind the last token. */
  readonly end: number;
  /** Number of the document that keeps it. */
  readonly first: number;
}

/** Passages that touch or overlap made one; of several first documents the first one's name is kept. */
export function joinPassages(passages: readonly Passage[]): Passage[] {
  const joined: Passage[] = [];
  for (const passage of passages.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last === undefined || passage.start > last.end) joined.push(passage);
    else if (passage.end > last.end) joined[joined.length - 1] = { ...last, end: passage.end };
  }
  return joined;
}

/**
 * The text without passages (joined, ascending). Between what is left on both sides stays the white space that stood
 * before or after the passage, whichever has more line ends; at the ends of the text none.
 */
export function cutPassages(
  text: string,
  passages: readonly Passage[],
  { starts, ends }: { readonly starts: Int32Array; readonly ends: Int32Array },
): string {
  let result = "";
  let from = 0;
  for (const { start, end } of passages) {
    const before = text.slice(from, starts[start]);
    let behind = ends[end - 1] ?? text.length;
    const after = /^\s*/u.exec(text.slice(behind, behind + 1000))?.[0] ?? "";
    const trimmed = before.trimEnd();
    const gap = before.slice(trimmed.length);
    behind += after.length;
    from = behind;
    result += trimmed;
    if (behind >= text.length || result === "") continue;
    result += lineEnds(after) > lineEnds(gap) || gap === "" ? after : gap;
  }
  return result + text.slice(from);
}

function lineEnds(space: string): number {
  return space.split("\n").length - 1;
}
