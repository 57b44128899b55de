/** A noisy copy of a text, and what each changed word was: pairs by place among the words. For tests and benchmarks. */
export interface Noisy {
  readonly text: string;
  /** Index of the noisy word among the runs without white space → what it was before. */
  readonly originals: ReadonlyMap<number, string>;
}

const SCANNED: readonly (readonly [string, string])[] = [
  ["m", "rn"],
  ["rn", "m"],
  ["d", "cl"],
  ["w", "vv"],
  ["h", "li"],
  ["e", "c"],
  ["h", "b"],
  ["o", "0"],
  ["l", "1"],
  ["i", "l"],
  ["n", "u"],
  ["u", "n"],
  ["s", "5"],
  ["c", "e"],
  ["t", "l"],
]; // prettier-ignore
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/**
 * Puts errors into a share of the words of four and more lower-case letters: half of them a scanner's confusion, half a
 * typist's slip (a letter left out, doubled or strange, two swapped). Deterministic.
 */
export function addNoise(text: string, share: number, seed: number): Noisy {
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const originals = new Map<number, string>();
  let index = -1;
  const noisy = text.replace(/\S+/gu, (chunk) => {
    index++;
    const match = /^([("'‘“]*)([a-z]{4,})([)"'’”.,;:!?]*)$/u.exec(chunk);
    if (match === null || random() >= share) return chunk;
    const [, before = "", word = "", after = ""] = match;
    const damaged = random() < 0.5 ? scan(word) : slip(word);
    if (damaged === word) return chunk;
    originals.set(index, chunk);
    return before + damaged + after;
  });
  return { text: noisy, originals };

  function scan(word: string): string {
    const fitting = SCANNED.filter(([meant]) => word.includes(meant));
    const [meant = "", misread = ""] = pick(fitting) ?? [];
    if (meant === "") return slip(word);
    const places = [...word.matchAll(new RegExp(meant, "gu"))].map((m) => m.index);
    const at = pick(places) ?? 0;
    return word.slice(0, at) + misread + word.slice(at + meant.length);
  }
  function slip(word: string): string {
    const at = 1 + Math.floor(random() * (word.length - 1));
    const letter = LETTERS[Math.floor(random() * 26)] ?? "e";
    const kind = Math.floor(random() * 4);
    if (kind === 0) return word.slice(0, at) + word.slice(at + 1);
    if (kind === 1) return word.slice(0, at) + letter + word.slice(at);
    if (kind === 2) return word.slice(0, at) + letter + word.slice(at + 1);
    return word.slice(0, at - 1) + (word[at] ?? "") + (word[at - 1] ?? "") + word.slice(at + 1);
  }
}

/** Of a corrected noisy text: changes made, changes that gave back the original, and errors that are still there. */
export function scoreCorrections(
  noisy: Noisy,
  corrected: string,
): { changed: number; right: number; errors: number; precision: number; recall: number } {
  const before = noisy.text.match(/\S+/gu) ?? [];
  const after = corrected.match(/\S+/gu) ?? [];
  let [changed, right] = [0, 0];
  for (const [i, word] of after.entries()) {
    if (word === before[i]) continue;
    changed++;
    if (word === noisy.originals.get(i)) right++;
  }
  const errors = noisy.originals.size;
  return {
    changed,
    right,
    errors,
    precision: changed === 0 ? 1 : right / changed,
    recall: errors === 0 ? 1 : right / errors,
  };
}
