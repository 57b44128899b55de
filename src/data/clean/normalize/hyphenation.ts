/**
 * Joins words that a printed page broke at the end of a line: `under-⏎stand` becomes `understand`. A compound keeps its
 * hyphen when the text has it elsewhere inside a line (`well-⏎known` beside `well-known`). For scanned text only.
 *
 * @returns the text, and how many words were joined
 */
export function joinHyphenated(text: string): { text: string; count: number } {
  if (!text.includes("-")) return { text, count: 0 };
  const known = new Set(text.toLowerCase().match(WORD));
  let count = 0;
  const joined = text.replace(BROKEN, (_, before: string, after: string, rest: string) => {
    count++;
    const plain = (before + after).toLowerCase();
    const compound = `${before}-${after}`.toLowerCase();
    const hyphen = known.has(compound) && !known.has(plain) ? "-" : "";
    // The rest of the line moves up behind the word, and the line break comes after the word.
    return `${before}${hyphen}${after}${rest}\n`;
  });
  return { text: joined, count };
}

/** Words with the hyphens inside them. */
const WORD = /\p{L}+(?:-\p{L}+)*/gu;
const BROKEN = /(?<=[^\p{L}\p{N}])(\p{L}{2,})-[ \t]*\n[ \t]*(\p{Ll}{2,})([^\s\p{L}\p{N}]*)[ \t]*\n?/gu;
