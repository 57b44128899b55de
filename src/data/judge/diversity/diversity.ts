import { getDomain } from "tldts";
import { countCharacters } from "../../../text/script.ts";
import type { Document } from "../../../text/document.ts";

export const DIMENSIONS = ["source", "language", "domain", "length", "year"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** One value of a dimension: how many documents and characters (code points) have it. */
export interface Part {
  readonly value: string;
  readonly documents: number;
  readonly characters: number;
  /** Of all characters. */
  readonly share: number;
}

export interface DiversityTable {
  /** Largest first. */
  readonly parts: readonly Part[];
  /**
   * exp(−Σ p ln p) over the shares p: how many equally large parts would be as diverse (Hill number of order 1; Hill
   * 1973, "Diversity and evenness"). 1 when all text is of one kind.
   */
  readonly effective: number;
}

/** Values of one dimension that are told apart; those that come after are counted together as "(others)". */
const MOST_VALUES = 100_000;
export const UNKNOWN = "(unknown)";
const OTHERS = "(others)";

/**
 * Shares of a corpus by source, language, registered domain (of `meta.url`), length (powers of ten, in characters) and year
 * (of `meta.date`). Memory is bounded: at most 100,000 values a dimension.
 *
 * @example const { domain } = await diversityOf(shards.read()); domain.effective; // 1.0: one site; 500: many
 */
export async function diversityOf(
  documents: AsyncIterable<Document> | Iterable<Document>,
): Promise<Record<Dimension, DiversityTable>> {
  const counts = new Map(
    DIMENSIONS.map((name) => [name, new Map<string, { documents: number; characters: number }>()]),
  );
  for await (const document of documents) {
    const characters = countCharacters(document.text);
    const values = valuesOf(document, characters);
    for (const name of DIMENSIONS) {
      const table = counts.get(name);
      if (table === undefined) continue;
      const value = table.has(values[name]) || table.size < MOST_VALUES ? values[name] : OTHERS;
      const count = table.get(value) ?? { documents: 0, characters: 0 };
      count.documents++;
      count.characters += characters;
      table.set(value, count);
    }
  }
  const tables = DIMENSIONS.map((name) => [name, tableOf(counts.get(name) ?? new Map())] as const);
  return Object.fromEntries(tables) as Record<Dimension, DiversityTable>;
}

function valuesOf({ meta, language, source }: Document, characters: number): Record<Dimension, string> {
  const text = (key: string): string => {
    const value = meta[key];
    return typeof value === "string" ? value : "";
  };
  const power = characters === 0 ? 0 : Math.floor(Math.log10(characters));
  return {
    source: text("source_name") || source.replace(/(?:!\/|#)[^]*$/, "").replace(/\/[^/]*$/, "/") || UNKNOWN,
    language: language ?? UNKNOWN,
    domain: (text("url") && getDomain(text("url"), { allowPrivateDomains: false })) || UNKNOWN,
    length: characters === 0 ? "0" : `${10 ** power} to ${10 ** (power + 1) - 1}`,
    year: /(?<!\d)(?:1[5-9]|20)\d\d(?!\d)/.exec(text("date"))?.[0] ?? UNKNOWN,
  };
}

function tableOf(counts: ReadonlyMap<string, { documents: number; characters: number }>): DiversityTable {
  const total = [...counts.values()].reduce((sum, { characters }) => sum + characters, 0);
  const parts = [...counts]
    .map(([value, count]) => ({ value, ...count, share: total === 0 ? 0 : count.characters / total }))
    .toSorted((a, b) => b.characters - a.characters || (a.value < b.value ? -1 : 1));
  const entropy = parts.reduce((sum, { share }) => (share === 0 ? sum : sum - share * Math.log(share)), 0);
  return { parts, effective: Math.exp(entropy) };
}
