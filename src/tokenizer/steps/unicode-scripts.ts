import { codePointAt, unitsOf } from "./character-classes.ts";
import { scriptNames } from "./pattern-classes.ts";

/** A blank: of whatever script the text around it is. */
const ANY = -1;
const UNKNOWN = -2;
const HAN = scriptNames.indexOf("Han");

const tests = scriptNames.map((name) => new RegExp(`\\p{Script=${name}}`, "u"));
const known = new Map<number, number>();

/** The script of a character, by its index in `scriptNames`; kana count as Han, as in SentencePiece. */
function scriptOf(codePoint: number): number {
  let script = known.get(codePoint);
  if (script === undefined) {
    const character = String.fromCodePoint(codePoint);
    const index = tests.findIndex((test) => test.test(character));
    const name = scriptNames[index];
    const isKana = name === "Hiragana" || name === "Katakana" || codePoint === 0x30fc;
    script = character === " " ? ANY : isKana ? HAN : index < 0 ? UNKNOWN : index;
    known.set(codePoint, script);
  }
  return script;
}

/**
 * Cuts where the script changes. Blanks go with what is before them; those before everything else are left out.
 * Source: Hugging Face's `UnicodeScripts`.
 */
export function scanScripts(text: string, start: number): number {
  let index = start;
  const first = scriptOf(codePointAt(text, start));
  if (first === ANY) {
    while (index < text.length && text.charAt(index) === " ") index++;
    return ~index;
  }
  while (index < text.length) {
    const codePoint = codePointAt(text, index);
    const script = scriptOf(codePoint);
    if (script !== first && script !== ANY) break;
    index += unitsOf(codePoint);
  }
  return index;
}
