import { isHan } from "../../../text/script.ts";

/** Hashed features of a text: indices, ascending, and values of a vector of length 1. */
export interface Features {
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

/** Characters that are looked at: a classifier needs no more of a long document, and its time is bounded. */
const LONGEST = 20_000;

/**
 * Words, pairs of words, and characters in runs of 2 to 4 inside words (1 to 3 where they are Han), hashed to `size`
 * places (a power of two); values are 1 + ln(count), scaled so that the vector has length 1.
 */
export function featuresOf(text: string, size: number): Features {
  const counts = new Map<number, number>();
  const add = (kind: number, from: string): void => {
    let hash = Math.imul(kind + 1, 0x9e3779b1);
    for (let i = 0; i < from.length; i++) hash = Math.imul(hash ^ from.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    const index = (hash ^ (hash >>> 13)) & (size - 1);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  };
  let before = "";
  for (const [word] of text
    .slice(0, LONGEST)
    .toLowerCase()
    .matchAll(/[\p{L}\p{M}\p{N}*@$!]+/gu)) {
    const han = isHan(word.codePointAt(0) ?? 0);
    const bounded = han ? word : `<${word}>`;
    for (let n = han ? 1 : 2; n <= (han ? 3 : 4); n++) {
      for (let i = 0; i + n <= bounded.length; i++) add(n, bounded.slice(i, i + n));
    }
    if (!han) add(8, word);
    if (before !== "") add(9, `${before} ${word}`);
    before = han ? "" : word;
  }
  const indices = Int32Array.from(counts.keys()).sort();
  const values = Float32Array.from(indices, (index) => 1 + Math.log(counts.get(index) ?? 1));
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) / (length || 1);
  return { indices, values };
}
