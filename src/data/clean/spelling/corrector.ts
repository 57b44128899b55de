import { SymSpell } from "./symspell.ts";
import type { SpellingSettings } from "./settings.ts";

/** What scanners take for one another, as (seen, meant); a swap by hand is an edit like others. */
const CONFUSIONS: readonly (readonly [string, string])[] = [
  ["rn", "m"],
  ["m", "rn"],
  ["cl", "d"],
  ["d", "cl"],
  ["vv", "w"],
  ["w", "vv"],
  ["li", "h"],
  ["h", "li"],
  ["ii", "n"],
  ["n", "ii"],
  ["ri", "n"],
  ["n", "ri"],
  ["in", "m"],
  ["m", "in"],
  ["tl", "d"],
  ["c", "e"],
  ["e", "c"],
  ["b", "h"],
  ["h", "b"],
  ["f", "s"],
  ["s", "f"],
  ["i", "l"],
  ["l", "i"],
  ["u", "n"],
  ["n", "u"],
  ["t", "f"],
  ["f", "t"],
  ["o", "c"],
  ["c", "o"],
  ["l", "t"],
  ["t", "l"],
  ["0", "o"],
  ["1", "l"],
  ["1", "i"],
  ["5", "s"],
  ["|", "l"],
  ["6", "b"],
  ["9", "g"],
]; // prettier-ignore

/** What an edit costs, in nats: how much rarer a word with one more edit is. */
const EDIT = 6.5;
/** A scanner's confusion is as likely as a word five times rarer. */
const CONFUSED = 4.5;
/** Two neighbours swapped make hardly ever another real word. */
const SWAPPED = 4;
/** By length: how many times more frequent the correction of a short word must be, as short words have many neighbours. */
const RARER: Readonly<Record<number, number>> = { 3: 200, 4: 200, 5: 50, 6: 10, 7: 3 };
/** Writers and scanners rarely miss the first letter. */
const FIRST_LETTER = 2.5;

/** Corrects single words, given counts of words and a list of right ones. */
export class Corrector {
  readonly #counts: ReadonlyMap<string, number>;
  readonly #known: ReadonlySet<string>;
  readonly #index: SymSpell;
  readonly #settings: SpellingSettings;
  readonly #memory = new Map<string, string | undefined>();

  /**
   * @param known right words, as the dictionary spells them
   * @param counts how often each word, in lower case, was counted
   */
  constructor(known: ReadonlySet<string>, counts: ReadonlyMap<string, number>, settings: SpellingSettings) {
    this.#known = known;
    this.#counts = counts;
    this.#settings = settings;
    const words = [...known].filter(
      (word) => word.length >= 3 && /^[a-z']+$/u.test(word) && (counts.get(word) ?? 0) > 0,
    );
    this.#index = new SymSpell(words.sort());
  }

  isKnown(word: string): boolean {
    return (
      this.#known.has(word) ||
      this.#known.has(word.charAt(0).toUpperCase() + word.slice(1)) ||
      this.#known.has(word.toUpperCase()) ||
      isDerived(word, this.#known)
    );
  }

  /** The correction of a word in lower case, or undefined where it is right, unknown without a clear neighbour, or short. */
  correct(word: string): string | undefined {
    const known = this.#memory.get(word);
    if (known !== undefined || this.#memory.has(word)) return known;
    const result = this.#find(word);
    if (this.#memory.size > 200_000) this.#memory.clear();
    this.#memory.set(word, result);
    return result;
  }

  #find(word: string): string | undefined {
    const { min_letters, long_word, margin, min_frequency, min_ratio } = this.#settings;
    if (word.length < min_letters || word.length > 30 || this.isKnown(word)) return undefined;
    const digits = /[^a-z']/u.test(word);
    const scores = new Map<string, number>();
    const offer = (candidate: string, edits: number): void => {
      let cost = edits;
      const count = this.#counts.get(candidate) ?? 0;
      const swap = isSwap(word, candidate);
      if (count === 0) return;
      if (swap) cost = SWAPPED;
      const first = swap || candidate.charCodeAt(0) === word.charCodeAt(0) ? 0 : FIRST_LETTER;
      const score = Math.log(count + 1) - cost - first;
      if (score > (scores.get(candidate) ?? -Infinity)) scores.set(candidate, score);
    };
    for (const candidate of confusions(word)) if (this.#known.has(candidate)) offer(candidate, CONFUSED);
    if (!digits) {
      for (const { word: candidate, distance } of this.#index.lookup(word, word.length >= long_word ? 2 : 1)) {
        offer(candidate, EDIT * distance);
      }
    }
    let [best, second] = [-Infinity, -Infinity];
    let chosen: string | undefined;
    for (const [candidate, score] of scores) {
      if (score > best) [best, second, chosen] = [score, best, candidate];
      else if (score > second) second = score;
    }
    if (chosen === undefined || best - second < Math.log(margin)) return undefined;
    // Rarer candidates compete, so that "lold" does not become "old" because "told" is rare; they do not win.
    const least = min_frequency * (digits || isSwap(word, chosen) ? 1 : (RARER[word.length] ?? 1));
    if ((this.#counts.get(chosen) ?? 0) < least) return undefined;
    // The word itself is one of its counts, unless they are of another corpus.
    const own = this.#counts.get(word) ?? 0;
    return own < 2 || (this.#counts.get(chosen) ?? 0) >= min_ratio * own ? chosen : undefined;
  }
}

const SUFFIXES =
  "s es ed ing ings er ers or ors est eth th st ly ness nesses less ful able ible ish like man men wise ward wards y ies ity al ism ist ists en let ling ship hood dom some fold".split(
    " ",
  );
const PREFIXES =
  "un re in im out over under mis non pre dis be fore up down off on super sub inter counter self be a en em co de semi anti".split(
    " ",
  );
/** British spellings of the words of an American dictionary, as (British, American). */
const BRITISH: readonly (readonly [RegExp, string])[] = [
  [/our/u, "or"],
  [/re(s?|d)$/u, "er$1"],
  [/ence/u, "ense"],
  [/is(e[sdr]?|ing|ation)/u, "iz$1"],
  [/ll/u, "l"],
  [/ae|oe/u, "e"],
  [/ogue/u, "og"],
  [/pp/u, "p"],
  [/yse/u, "yze"],
  [/ey/u, "ay"],
  [/x/u, "ct"],
  [/t$/u, "ed"],
  [/l(?=ful|ment)/u, "ll"],
]; // prettier-ignore

/**
 * Whether a word is made by the rules of the language from words that are known: with an ending or a beginning that
 * the dictionary does not list for it, of two words, or in British spelling. Such words are rare, not wrong.
 */
function isDerived(word: string, known: ReadonlySet<string>): boolean {
  const isBase = (base: string): boolean => base.length >= 3 && known.has(base);
  for (const suffix of SUFFIXES) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, -suffix.length);
    const vowel = /^[aeiouy]/u.test(suffix);
    if (isBase(stem) || (vowel && isBase(`${stem}e`)) || (stem.endsWith("i") && isBase(`${stem.slice(0, -1)}y`)))
      return true;
    if (suffix === "ies" && isBase(`${stem}y`)) return true;
    if (vowel && stem.length > 3 && stem.at(-1) === stem.at(-2) && isBase(stem.slice(0, -1))) return true;
  }
  for (const prefix of PREFIXES) {
    if (word.startsWith(prefix) && word.length - prefix.length >= 4 && known.has(word.slice(prefix.length)))
      return true;
  }
  for (let cut = 3; cut <= word.length - 3; cut++) {
    const [left, right] = [word.slice(0, cut), word.slice(cut)];
    if (left.length + right.length >= 7 && known.has(left) && known.has(right)) return true;
  }
  return BRITISH.some(([british, american]) => british.test(word) && isBase(word.replace(british, american)));
}

/** Whether one swap of neighbouring letters makes one word of the other. */
function isSwap(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return a[i] === b[i + 1] && a[i + 1] === b[i] && a[i] !== b[i] && a.slice(i + 2) === b.slice(i + 2);
}

/** All words that undoing one confusion makes of a word; of digits and bars, all at once too. */
function confusions(word: string): Set<string> {
  const variants = new Set<string>();
  for (const [typed, meant] of CONFUSIONS) {
    for (let at = word.indexOf(typed); at >= 0; at = word.indexOf(typed, at + 1)) {
      variants.add(word.slice(0, at) + meant + word.slice(at + typed.length));
    }
  }
  if (/[^a-z']/u.test(word)) {
    const letters = word
      .replaceAll("0", "o")
      .replaceAll("5", "s")
      .replaceAll("|", "l")
      .replaceAll("6", "b")
      .replaceAll("9", "g");
    variants.add(letters.replaceAll("1", "l"));
    variants.add(letters.replaceAll("1", "i"));
  }
  return variants;
}
