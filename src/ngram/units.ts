import { words } from "../text/script.ts";

/** What an n-gram is made of. */
export type NgramUnit = "words" | "characters";

/**
 * Lines of a text as units: characters with white space folded to one space, or words in lower case. Blank lines give
 * nothing.
 */
export function* lineUnits(text: string, unit: NgramUnit): Generator<string[]> {
  for (const line of text.split("\n")) {
    const units = unit === "words" ? words(line.toLowerCase()) : Array.from(line.trim().replace(/\s+/gu, " "));
    if (units.length > 0) yield units;
  }
}
