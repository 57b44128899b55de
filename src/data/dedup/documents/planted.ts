// For tests and the benchmark: a corpus with duplicates whose true similarity is known, from a seeded generator.
import type { Document } from "../../../text/document.ts";

export interface Planted {
  documents: Document[];
  /** Pairs (original, copy), by id, with the exact Jaccard similarity of their 5-token shingle sets. */
  pairs: { original: string; copy: string; similarity: number; kind: "exact" | "near" }[];
}

/** Uniform integers below a bound, from one 32-bit state (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** `originals` texts of 60 to 600 tokens; every third has an exact copy in other clothes, every other third a near one. */
export function plantedCorpus(originals: number, seed: number, script: "latin" | "han" = "latin"): Planted {
  const random = generator(seed);
  const vocabulary = Array.from({ length: 5000 }, () => {
    if (script === "han") return String.fromCharCode(0x4e00 + random(5000));
    return Array.from({ length: 2 + random(8) }, () => String.fromCharCode(97 + random(26))).join("");
  });
  const word = (): string => vocabulary[Math.min(random(5000), random(5000))] ?? "a";
  const joined = (words: readonly string[]): string => words.join(script === "han" ? "" : " ");
  const documents: Document[] = [];
  const pairs: Planted["pairs"] = [];
  const push = (id: string, text: string): void => {
    documents.push({ id, text, source: `planted/${id}`, meta: {} });
  };
  for (let i = 0; i < originals; i++) {
    const words = Array.from({ length: 60 + random(540) }, word);
    const id = `original-${i}`;
    push(id, joined(words));
    if (i % 3 === 0) {
      const dressed = script === "han" ? `  ${joined(words)}\n` : `\n${words.join("  \n").toUpperCase()} `;
      push(`exact-${i}`, dressed);
      pairs.push({ original: id, copy: `exact-${i}`, similarity: 1, kind: "exact" });
    } else if (i % 3 === 1) {
      // k changed places cost up to 5 shingles each: similarities from about 0.5 to 0.99.
      const changed = [...words];
      const changes = 1 + random(Math.ceil(words.length / 18));
      for (let k = 0; k < changes; k++) changed[random(changed.length)] = word();
      const similarity = jaccard(words, changed, 5);
      push(`near-${i}`, joined(changed));
      if (similarity < 1) pairs.push({ original: id, copy: `near-${i}`, similarity, kind: "near" });
      else pairs.push({ original: id, copy: `near-${i}`, similarity, kind: "exact" });
    }
  }
  return { documents, pairs };
}

/** Jaccard similarity of two token lists' shingle sets, by strings: plain, slow, exact. */
export function jaccard(a: readonly string[], b: readonly string[], size: number): number {
  const set = (tokens: readonly string[]): Set<string> => {
    const width = Math.min(size, tokens.length);
    return new Set(Array.from({ length: tokens.length - width + 1 }, (_, i) => tokens.slice(i, i + width).join("\t")));
  };
  const [x, y] = [set(a), set(b)];
  let common = 0;
  for (const shingle of x) if (y.has(shingle)) common++;
  return common / (x.size + y.size - common);
}

/** The documents in a seeded random order. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = generator(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random(i + 1);
    const [x, y] = [result[i], result[j]];
    if (x !== undefined && y !== undefined) [result[i], result[j]] = [y, x];
  }
  return result;
}

export interface PlantedPassages {
  documents: Document[];
  /** What substring deduplication has to leave of each document, in order. */
  expected: string[];
  /** Copies to be removed, beside the first of each passage; and passages that are one token too short. */
  copies: number;
  short: number;
}

// Each one token of substring deduplication.
const SIGNS = ["👩‍👩‍👧‍👦", "👍🏽", "🇨🇳", "🏳️‍🌈", "1️⃣", "e\u0301a\u0308", "ก็", "नमस्ते", "한국", "!", "…"];

/**
 * Documents with passages of `least - 1` to 4 · `least` tokens in two to four of them, at the beginning, in the middle
 * and at the end. What stands beside a passage is different everywhere, so that no copy is longer than the passage.
 */
export function plantedPassages(
  count: number,
  seed: number,
  script: "latin" | "han" | "mixed",
  least = 50,
): PlantedPassages {
  const random = generator(seed);
  const space = script === "han" ? "" : " ";
  const word = (): string => {
    if (script === "han") return String.fromCharCode(0x4e00 + random(5000));
    if (script === "mixed" && random(3) === 0) return SIGNS[random(SIGNS.length)] ?? "!";
    if (script === "mixed" && random(3) === 0) return String.fromCodePoint(0x20000 + random(4000));
    return Array.from({ length: 3 + random(7) }, () => String.fromCharCode(97 + random(26))).join("");
  };
  const words = (length: number): string[] => Array.from({ length }, word);
  // Numbers stand nowhere else.
  let met = 0;
  const border = (): string => `n${met++}`;
  const parts = Array.from({ length: count }, (): { text: string; goes: boolean }[] => [
    { text: [border(), ...words(20 + random(200)), border()].join(space), goes: false },
  ]);
  const result = { copies: 0, short: 0 };
  for (let i = 0; i < count; i++) {
    const isShort = i % 5 === 0;
    const length = isShort ? least - 1 : least + random(3 * least);
    const passage = words(length).join(space);
    const places = [...new Set(Array.from({ length: 2 + random(3) }, () => random(count)))].toSorted((a, b) => a - b);
    for (const [copy, position] of places.entries()) {
      const goes = copy > 0 && !isShort;
      if (goes) result.copies++;
      if (copy > 0 && isShort) result.short++;
      const document = parts[position] ?? [];
      const beside = { text: [border(), ...words(random(30)), border()].join(space), goes: false };
      const planted = { text: passage, goes };
      if (random(2) === 0) document.push(planted, beside);
      else document.unshift(beside, planted);
    }
  }
  const join = (all: readonly { text: string }[]): string => all.map(({ text }) => text).join(space);
  return {
    documents: parts.map((all, i) => ({ id: `p${i}`, text: join(all), source: `planted/${i}`, meta: {} })),
    expected: parts.map((all) => join(all.filter(({ goes }) => !goes))),
    ...result,
  };
}
