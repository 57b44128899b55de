/**
 * Joins words that a printed page broke at the end of a line: `under-⏎stand` becomes `understand`. A compound keeps its
 * hyphen when the text has it elsewhere inside a line (`well-⏎known` beside `well-known`). For scanned text only.
 *
 * @returns the text, and how many words were joined
 */
export function joinHyphenated(text: string): { text: string; count: number } {
  let count = 0;
  const joined = text.replace(BROKEN, (_, before: string, after: string, rest: string) => {
    count++;
    const compound = `${before}-${after}`;
    const hyphen = text.includes(compound) && !text.toLowerCase().includes((before + after).toLowerCase()) ? "-" : "";
    // The rest of the line moves up behind the word, and the line break comes after the word.
    return `${before}${hyphen}${after}${rest}\n`;
  });
  return { text: joined, count };
}

const BROKEN = /(?<=[^\p{L}\p{N}])(\p{L}{2,})-[ \t]*\n[ \t]*(\p{Ll}{2,})([^\s\p{L}\p{N}]*)[ \t]*\n?/gu;
