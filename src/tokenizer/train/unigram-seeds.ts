import { sharedPrefixes, suffixArray } from "./suffix-array.ts";

/** A word as UTF-16 and how often it occurs. */
export type CountedWord = readonly [word: string, count: number];

/** UTF-16 units that the suffix array is made of at most; the most frequent words come first. Some 30 bytes a unit. */
const MAX_UNITS = 12_000_000;

/**
 * Candidates for a Unigram vocabulary: every character, and the substrings of words with the highest
 * frequency × length, found as inner nodes of the suffix tree (the array with its shared prefixes). As SentencePiece:
 * seed_sentencepiece_size of them, by score, none longer than `maxLength` characters.
 *
 * @param words with counts, the order does not matter
 * @returns text and frequency, characters first, then the others by falling score
 */
export function seedPieces(
  words: readonly CountedWord[],
  options: { readonly size: number; readonly maxLength: number },
): { readonly characters: [string, number][]; readonly pieces: [string, number][] } {
  const frequency = new Map<string, number>();
  for (const [word, count] of words) {
    for (const character of word) frequency.set(character, (frequency.get(character) ?? 0) + count);
  }
  const characters = [...frequency].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const sorted = words.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  let units = 0;
  let used = 0;
  while (used < sorted.length && units + (sorted[used]?.[0].length ?? 0) + 1 <= MAX_UNITS) {
    units += (sorted[used++]?.[0].length ?? 0) + 1;
  }
  const text = new Int32Array(units);
  /** How often the word of each place occurs. */
  const weights = new Float64Array(units);
  let end = 0;
  for (let i = 0; i < used; i++) {
    const [word, count] = sorted[i] ?? ["", 0];
    for (let k = 0; k < word.length; k++) {
      weights[end] = count;
      text[end++] = word.charCodeAt(k) + 1;
    }
    // Symbol 0 ends a word.
    text[end++] = 0;
  }
  const candidates = repeated(text, weights, options.maxLength * 2);
  const scored = candidates
    .map(([start, length, count]) => ({ piece: unitsToText(text, start, length), count }))
    .filter(({ piece }) => isUsable(piece, options.maxLength))
    .map(({ piece, count }) => ({ piece, count, score: count * [...piece].length }));
  scored.sort((a, b) => b.score - a.score || (a.piece < b.piece ? -1 : 1));
  return { characters, pieces: scored.slice(0, options.size).map(({ piece, count }) => [piece, count]) };
}

/** Inner nodes of the suffix tree with two symbols or more: (start, length, weighted frequency). */
function repeated(text: Int32Array, weights: Float64Array, longest: number): [number, number, number][] {
  const suffixes = suffixArray(text);
  const shared = sharedPrefixes(text, suffixes);
  const n = text.length;
  const wordEnd = new Int32Array(n);
  for (let i = n - 1, end = n; i >= 0; i--) {
    if (text[i] === 0) end = i;
    wordEnd[i] = end;
  }
  const found: [number, number, number][] = [];
  // A stack of open intervals: depth, first suffix, weight so far.
  const depths: number[] = [];
  const firsts: number[] = [];
  const sums: number[] = [];
  for (let i = 0; i <= n; i++) {
    const start = suffixes[i - 1] ?? 0;
    // A prefix ends with its word.
    const limit = (wordEnd[start] ?? 0) - start;
    const depth = i === 0 || i === n ? 0 : Math.min(shared[i] ?? 0, limit, longest);
    let weight = i === 0 ? 0 : (weights[start] ?? 0);
    let first = start;
    while (depths.length > 0 && (depths.at(-1) ?? 0) > depth) {
      const length = depths.pop() ?? 0;
      first = firsts.pop() ?? 0;
      weight += sums.pop() ?? 0;
      if (length >= 2) found.push([first, length, weight]);
    }
    if (depths.length > 0 && depths.at(-1) === depth) sums[sums.length - 1] = (sums.at(-1) ?? 0) + weight;
    else if (depth > 0) {
      depths.push(depth);
      firsts.push(first);
      sums.push(weight);
    }
  }
  return found;
}

function unitsToText(text: Int32Array, start: number, length: number): string {
  let result = "";
  for (let i = start; i < start + length; i++) result += String.fromCharCode((text[i] ?? 1) - 1);
  return result;
}

/** Two characters or more, none cut in half, and the blank's mark only at the front. */
function isUsable(piece: string, maxLength: number): boolean {
  if (/[\uD800-\uDFFF]/u.test(piece) || piece.indexOf("▁", 1) > 0) return false;
  const length = [...piece].length;
  return length >= 2 && length <= maxLength;
}
