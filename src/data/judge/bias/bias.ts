import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Document } from "../../../text/document.ts";
import { isHan, words } from "../../../text/script.ts";
import type { DocumentMapper, Verdict } from "../../stage.ts";
import type { BiasSettings } from "./settings.ts";

const biasCounts = z.object({ groups: z.record(z.string(), z.number()), pairs: z.record(z.string(), z.number()) });

/**
 * Sentence counts: plain numbers that add up. `groups` are the sentences with a term of the group, `pairs` those of
 * them with a word of the attribute too, as `group\tattribute`.
 */
export type BiasCounts = z.output<typeof biasCounts>;

/** The counts that the stage's preparation wrote. */
export function readBiasCounts(file: string): BiasCounts {
  return biasCounts.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** One association, measured. */
export interface Association {
  readonly group: string;
  readonly attribute: string;
  /** Sentences with both, and with the group. */
  readonly together: number;
  readonly sentences: number;
  /** ln of the odds of the attribute beside the group over those beside all other groups; 1/2 added to each count. */
  readonly logOdds: number;
  /** Standard error of logOdds (Woolf 1955). */
  readonly standardError: number;
  readonly z: number;
  /** ln P(group, attribute) / (P(group) P(attribute)) over sentences with any group. */
  readonly pmi: number;
}

/** Finds which groups and attributes a sentence speaks of. */
export class BiasFinder {
  readonly #words = new Map<string, { groups: string[]; attributes: string[] }>();
  readonly #chinese: { term: string; group?: string; attribute?: string }[] = [];

  constructor({ groups, attributes }: Pick<BiasSettings, "groups" | "attributes">) {
    const add = (term: string, kind: "group" | "attribute", name: string): void => {
      const lower = term.toLowerCase();
      if (isHan(lower.codePointAt(0) ?? 0)) {
        this.#chinese.push({ term: lower, [kind]: name });
        return;
      }
      const known = this.#words.get(lower) ?? { groups: [], attributes: [] };
      known[kind === "group" ? "groups" : "attributes"].push(name);
      this.#words.set(lower, known);
    };
    for (const [name, terms] of Object.entries(groups)) for (const term of terms) add(term, "group", name);
    for (const [name, terms] of Object.entries(attributes)) for (const term of terms) add(term, "attribute", name);
  }

  find(sentence: string): { groups: Set<string>; attributes: Set<string> } {
    const groups = new Set<string>();
    const attributes = new Set<string>();
    for (const word of words(sentence.toLowerCase())) {
      const known = this.#words.get(word);
      for (const name of known?.groups ?? []) groups.add(name);
      for (const name of known?.attributes ?? []) attributes.add(name);
    }
    for (const { term, group, attribute } of this.#chinese) {
      if (group !== undefined && groups.has(group)) continue;
      if (attribute !== undefined && attributes.has(attribute)) continue;
      if (!contains(sentence, term)) continue;
      if (group !== undefined) groups.add(group);
      if (attribute !== undefined) attributes.add(attribute);
    }
    return { groups, attributes };
  }
}

/** 他 in 其他 and 他们 is nobody in particular, and 吉他 is a guitar. */
function contains(sentence: string, term: string): boolean {
  for (let at = sentence.indexOf(term); at >= 0; at = sentence.indexOf(term, at + 1)) {
    if (term !== "他" || (!"其吉".includes(sentence.charAt(at - 1) || " ") && sentence.charAt(at + 1) !== "们"))
      return true;
  }
  return false;
}

const SENTENCES = /[^.!?。！？\n]+/gu;

/** Adds a text's sentences to counts. */
export function countBias(text: string, finder: BiasFinder, counts: BiasCounts): void {
  for (const [sentence] of text.matchAll(SENTENCES)) {
    const { groups, attributes } = finder.find(sentence);
    for (const group of groups) {
      counts.groups[group] = (counts.groups[group] ?? 0) + 1;
      for (const attribute of attributes) {
        const key = `${group}\t${attribute}`;
        counts.pairs[key] = (counts.pairs[key] ?? 0) + 1;
      }
    }
  }
}

/** The association table: every group with every attribute, in the order of the settings. */
export function associations(counts: BiasCounts, settings: Pick<BiasSettings, "groups" | "attributes">): Association[] {
  const groups = Object.keys(settings.groups);
  const all = groups.reduce((sum, group) => sum + (counts.groups[group] ?? 0), 0);
  return groups.flatMap((group) =>
    Object.keys(settings.attributes).map((attribute): Association => {
      const pair = (name: string): number => counts.pairs[`${name}\t${attribute}`] ?? 0;
      const together = pair(group);
      const sentences = counts.groups[group] ?? 0;
      const elsewhere = groups.reduce((sum, name) => sum + (name === group ? 0 : pair(name)), 0);
      const others = all - sentences;
      const [a, b, c, d] = [together + 0.5, sentences - together + 0.5, elsewhere + 0.5, others - elsewhere + 0.5];
      const logOdds = Math.log((a * d) / (b * c));
      const standardError = Math.sqrt(1 / a + 1 / b + 1 / c + 1 / d);
      const expected = (sentences * (together + elsewhere)) / (all || 1);
      const pmi = together === 0 || expected === 0 ? 0 : Math.log(together / expected);
      return { group, attribute, together, sentences, logOdds, standardError, z: logOdds / standardError, pmi };
    }),
  );
}

/** Associations over the recipe's bound, seen often enough to be sure of. */
export function biased(table: readonly Association[], settings: BiasSettings): Association[] {
  const { max_log_odds, min_z, min_count } = settings;
  return table.filter(({ logOdds, z, together }) => logOdds > max_log_odds && z >= min_z && together >= min_count);
}

/**
 * The share of an association's sentences that must go for its log-odds to fall to the bound: of a such sentences the
 * odds a / b are exp(logOdds - bound) times too high.
 */
export function shareToDrop({ logOdds }: Association, bound: number): number {
  return Math.max(0, 1 - Math.exp(bound - logOdds));
}

/**
 * The bias stage. `remove` drops every document with a sentence of a biased association; `balance` drops a share of
 * them, chosen by the documents' ids, that brings the log-odds down to the bound (about: a document's other sentences
 * go with it). `report` drops nothing.
 */
export function createBias(settings: BiasSettings, counts: BiasCounts): DocumentMapper {
  const finder = new BiasFinder(settings);
  const over = new Map(
    biased(associations(counts, settings), settings).map((one) => [`${one.group}\t${one.attribute}`, one]),
  );
  return {
    name: "bias",
    map(document: Document): Verdict {
      if (settings.action === "report" || over.size === 0) return { keep: document };
      const own: BiasCounts = { groups: {}, pairs: {} };
      countBias(document.text, finder, own);
      for (const [key, association] of over) {
        if (own.pairs[key] === undefined) continue;
        const share = settings.action === "remove" ? 1 : shareToDrop(association, settings.max_log_odds);
        if (fraction(`${document.id}\t${key}`) >= share) continue;
        const { group, attribute, logOdds } = association;
        const detail = `${group} with ${attribute}, in ${association.together} sentences`;
        return { drop: { rule: `bias.${settings.action}`, value: logOdds, threshold: settings.max_log_odds, detail } };
      }
      return { keep: document };
    },
  };
}

/** A number in [0, 1) that depends on a text alone (FNV-1a, then a mixer). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}
