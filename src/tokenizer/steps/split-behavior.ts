/** What becomes of a separator: Hugging Face's `SplitDelimiterBehavior`. */
export const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type Behavior = (typeof behaviors)[number];

/**
 * Cuts `text` at the matches of `regex` (global, unicode).
 *
 * @param invert what matches is text, and what lies between is a separator
 */
export function splitText(text: string, regex: RegExp, behavior: Behavior, invert = false): string[] {
  const parts: { text: string; match: boolean }[] = [];
  let end = 0;
  for (const match of text.matchAll(regex)) {
    if (match[0] === "") continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), match: invert });
    parts.push({ text: match[0], match: !invert });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), match: invert });
  switch (behavior) {
    case "Removed":
      return parts.filter((part) => !part.match).map((part) => part.text);
    case "Isolated":
      return parts.map((part) => part.text);
    case "Contiguous": {
      const result: string[] = [];
      let previous: boolean | undefined;
      for (const part of parts) {
        if (part.match === previous) result[result.length - 1] += part.text;
        else result.push(part.text);
        previous = part.match;
      }
      return result;
    }
    case "MergedWithPrevious": {
      const result: string[] = [];
      let previousMatch = false;
      for (const part of parts) {
        if (part.match && !previousMatch && result.length > 0) result[result.length - 1] += part.text;
        else result.push(part.text);
        previousMatch = part.match;
      }
      return result;
    }
    case "MergedWithNext": {
      const result: string[] = [];
      let nextMatch = false;
      for (const part of parts.toReversed()) {
        if (part.match && !nextMatch && result.length > 0) result[result.length - 1] = part.text + result.at(-1);
        else result.push(part.text);
        nextMatch = part.match;
      }
      return result.toReversed();
    }
  }
}
