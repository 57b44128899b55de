import { createHash } from "node:crypto";

/** 48 bits that depend on nothing but the seed and the text. */
export function hashNumber(seed: number, text: string): number {
  return createHash("sha256").update(`${seed}\n${text}`).digest().readUIntBE(0, 6);
}

/** A shuffle in which each item's place depends only on the seed and its own name, not on the other items' order. */
export function shuffleByHash<T>(items: readonly T[], seed: number, nameOf: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, name: nameOf(item) }))
    .map(({ item, name }) => ({ item, name, place: hashNumber(seed, name) }))
    .toSorted((a, b) => a.place - b.place || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ item }) => item);
}
