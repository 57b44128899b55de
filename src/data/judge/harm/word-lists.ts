import { isHan } from "../../../text/script.ts";
import { CONTEXT_CHINESE, CONTEXT_WORDS, NAMES, type HarmTerm } from "./lists.ts";

/** A listed term found in a text, with what it weighs where it stands. */
export interface HarmHit {
  readonly term: string;
  readonly weight: number;
  readonly at: number;
}

export interface HarmScore {
  readonly hits: readonly HarmHit[];
  /** Sum of the hits' weights. */
  readonly weight: number;
  /** Words, a Han character counting as half of one. */
  readonly words: number;
  /** weight / words. */
  readonly density: number;
}

/** What stands for which letter in disguised words. */
const DISGUISE: Readonly<Record<string, string>> = {
  "@": "a",
  "4": "a",
  "3": "e",
  "1": "i",
  "!": "i",
  "0": "o",
  $: "s",
  "5": "s",
  "7": "t",
  "+": "t",
};
const WORD = /[\p{L}\p{M}\p{N}@$!*#+%&]+(?:['’-][\p{L}\p{M}\p{N}@$!*#]+)*/gu;
/** Single letters with dots, stars, hyphens or spaces between them: f.u.c.k */
const SPELLED = /(?<![\p{L}\p{N}])[A-Za-z](?:[ .*_-][A-Za-z]){2,11}(?![\p{L}\p{N}])/gu;

/**
 * Finds listed terms: words as such, with letters disguised (`f*ck`, `sh1t`, `$lut`), repeated (`fuuuck`) or spelled out
 * (`f.u.c.k`), and Chinese terms with signs put between their characters (`色*情`). A term near words of medicine, law, news
 * or scholarship weighs a third; one that is also a name does not count where it begins with a capital.
 */
export class WordLists {
  readonly #terms: ReadonlyMap<string, HarmTerm>;
  readonly #byLength = new Map<number, string[]>();
  readonly #chinese: RegExp | undefined;
  readonly #context: number;

  constructor(terms: ReadonlyMap<string, HarmTerm>, context: number) {
    this.#terms = terms;
    this.#context = context;
    const han = [...terms.keys()].filter((term) => isHan(term.codePointAt(0) ?? 0));
    for (const term of terms.keys()) {
      if (/^[a-z]{3,}$/u.test(term))
        this.#byLength.set(term.length, [...(this.#byLength.get(term.length) ?? []), term]);
    }
    // Longest first, so that a term that begins another does not hide it.
    han.sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
    const pattern = han.map((term) => Array.from(term, escape).join("[*·.|_\\-/ ~]?")).join("|");
    this.#chinese = pattern === "" ? undefined : new RegExp(pattern, "gu");
  }

  weightOf(term: string): number {
    return this.#terms.get(term)?.weight ?? 1;
  }

  /** @param language of the text, if known: terms of other languages do not count */
  score(text: string, language = "und"): HarmScore {
    const found: { term: string; at: number; word: number }[] = [];
    const contexts: number[] = [];
    let count = 0;
    let han = 0;
    for (const match of text.matchAll(WORD)) {
      const [word] = match;
      if (isHan(word.codePointAt(0) ?? 0)) {
        han += word.length;
        count += Math.ceil(word.length / 2);
        continue;
      }
      count++;
      const lower = word.toLowerCase();
      if (CONTEXT_WORDS.has(lower)) contexts.push(count);
      const term = this.#termOf(lower);
      if (term === undefined || !this.#countsIn(term, language)) continue;
      if (NAMES.has(term) && /^\p{Lu}\p{Ll}+$/u.test(word)) continue;
      found.push({ term, at: match.index, word: count });
    }
    for (const match of text.matchAll(SPELLED)) {
      const term = this.#termOf(match[0].replaceAll(/[^A-Za-z]/g, "").toLowerCase());
      if (term !== undefined && this.#countsIn(term, language)) found.push({ term, at: match.index, word: -1 });
    }
    const hits: HarmHit[] = found.map(({ term, at, word }) => {
      const near = contexts.some((place) => Math.abs(place - word) <= this.#context);
      return { term, at, weight: this.weightOf(term) / (near ? 3 : 1) };
    });
    if (this.#chinese !== undefined && han > 0) hits.push(...this.#chineseHits(text, this.#chinese));
    const weight = hits.reduce((sum, hit) => sum + hit.weight, 0);
    return { hits, weight, words: count, density: count === 0 ? 0 : weight / count };
  }

  #chineseHits(text: string, pattern: RegExp): HarmHit[] {
    const hits: HarmHit[] = [];
    for (const match of text.matchAll(pattern)) {
      const term = match[0].replaceAll(/[*·.|_\-/ ~]/g, "");
      const start = Math.max(0, match.index - 2 * this.#context);
      const around = text.slice(start, match.index + match[0].length + 2 * this.#context);
      const near = this.#context > 0 && CONTEXT_CHINESE.some((word) => around.includes(word));
      hits.push({ term, at: match.index, weight: this.weightOf(term) / (near ? 3 : 1) });
    }
    return hits;
  }

  #countsIn(term: string, language: string): boolean {
    const languages = this.#terms.get(term)?.languages;
    return languages === undefined || language === "und" || languages.includes(language);
  }

  /** The listed term that a word, in lower case, is or is a disguise of. */
  #termOf(word: string): string | undefined {
    if (this.#terms.has(word)) return word;
    if (word.length < 3 || word.length > 24) return undefined;
    if (/[@$!*#+%&0-9]/u.test(word)) {
      const trimmed = word.replace(/[!+]+$/u, "");
      if (this.#terms.has(trimmed)) return trimmed;
      // A word of signs alone could be anything.
      if ((trimmed.match(/[a-z]/gu)?.length ?? 0) < 2) return undefined;
      const letters = Array.from(trimmed, (sign) => DISGUISE[sign] ?? sign).join("");
      if (this.#terms.has(letters)) return letters;
      if (!/[*#%&@$]/u.test(letters)) return undefined;
      const same = (this.#byLength.get(letters.length) ?? []).filter((term) => matches(letters, term));
      // A star hides a letter; words that several terms could be are the first of them.
      return /^[a-z]/u.test(letters) ? same[0] : undefined;
    }
    if (/(.)\1\1/u.test(word)) {
      for (const to of ["$1", "$1$1"]) {
        const shorter = word.replaceAll(/(.)\1{2,}/gu, to);
        if (this.#terms.has(shorter)) return shorter;
      }
    }
    return undefined;
  }
}

function matches(disguised: string, term: string): boolean {
  for (let i = 0; i < term.length; i++) {
    const sign = disguised.charAt(i);
    if (sign !== term.charAt(i) && !"*#%&@$".includes(sign)) return false;
  }
  return true;
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
