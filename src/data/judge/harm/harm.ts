import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Document, JsonValue } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { DocumentMapper, Verdict } from "../../stage.ts";
import { LinearClassifier, type Labelled } from "./classifier.ts";
import { builtInTerms, type HarmTerm } from "./lists.ts";
import type { HarmSettings } from "./settings.ts";
import { WordLists } from "./word-lists.ts";

/**
 * The terms that count, with their weights: built-in lists, then the user's files over them.
 * @throws NuwaError FILE, DATA
 */
export function harmTerms(settings: HarmSettings, cwd: string): Map<string, HarmTerm> {
  const terms = new Map<string, HarmTerm>();
  for (const language of settings.languages) {
    for (const [term, own] of builtInTerms(language)) {
      const other = terms.get(term);
      const languages = [...(other?.languages ?? []), ...(own.languages ?? [])];
      const isEverywhere = own.languages === undefined || (other !== undefined && other.languages === undefined);
      const weight = Math.max(own.weight, other?.weight ?? 0);
      terms.set(term, isEverywhere ? { weight } : { weight, languages });
    }
  }
  for (const file of settings.words) {
    for (const [index, line] of linesOf(file, cwd).entries()) {
      const [term = "", weight = "2"] = line.split("\t");
      if (term.trim() === "" || term.startsWith("#")) continue;
      if (!(Number(weight) > 0)) {
        throw new NuwaError("DATA", "expected a term, or a term, a tab and a weight", {
          where: `${file}:${index + 1}`,
        });
      }
      terms.set(term.trim().toLowerCase(), { weight: Number(weight) });
    }
  }
  for (const file of settings.allow) for (const line of linesOf(file, cwd)) terms.delete(line.trim().toLowerCase());
  return terms;
}

function linesOf(file: string, cwd: string): string[] {
  return read(file, cwd).toString("utf8").split(/\r?\n/u);
}

function read(file: string, cwd: string): Buffer {
  try {
    return readFileSync(resolve(cwd, file));
  } catch (cause) {
    throw new NuwaError("FILE", "expected a file that can be read", { where: file, cause });
  }
}

/**
 * The harm stage: a document goes when listed terms are dense in it (`harm.max_density`, with the terms in the ledger), or when
 * the user's classifier says so (`harm.max_probability`). One such word in a long text, or a few in a medical or news
 * text, stay below the bounds. Terms count in texts of their own language; strong English ones in all.
 */
export function createHarm(settings: HarmSettings, cwd: string = process.cwd()): DocumentMapper {
  const lists = new WordLists(harmTerms(settings, cwd), settings.context);
  const { classifier: file, max_density: densest, min_weight: least, max_probability: likeliest } = settings;
  const model = file === undefined ? undefined : LinearClassifier.fromBytes(read(file, cwd), file);
  return {
    name: "harm",
    map(document: Document): Verdict {
      if (densest !== null) {
        const { hits, weight, density } = lists.score(document.text, document.language);
        const terms = [...new Set(hits.map(({ term }) => term))];
        // A coarse word alone, however often, is more often a name or a word of another sense.
        const isTelling = terms.length > 1 || hits.some(({ term }) => lists.weightOf(term) > 1);
        if (isTelling && weight >= least && density > densest) {
          const detail =
            terms.length > 8 ? `${terms.slice(0, 8).join(", ")} and ${terms.length - 8} more` : terms.join(", ");
          return { drop: { rule: "harm.max_density", value: density, threshold: densest, detail } };
        }
      }
      const probability = model?.probability(document.text) ?? 0;
      if (model !== undefined && probability > likeliest) {
        return { drop: { rule: "harm.max_probability", value: probability, threshold: likeliest } };
      }
      return { keep: document };
    },
  };
}

/**
 * Labelled examples from a jsonl file: `text` and `label` (true or false, 1 or 0, or a word of which "harmful" and
 * "toxic" mean yes), or fields of other names.
 *
 * @throws NuwaError FILE, DATA with the line
 */
export function readLabelled(file: string, fields: { text: string; label: string }, cwd = process.cwd()): Labelled[] {
  return linesOf(file, cwd).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const where = `${file}:${index + 1}`;
    let record: JsonValue;
    try {
      record = JSON.parse(line) as JsonValue;
    } catch (cause) {
      throw new NuwaError("DATA", "expected a line of JSON", { where, cause });
    }
    const object = typeof record === "object" && record !== null && !Array.isArray(record) ? record : {};
    const [text, label] = [object[fields.text], object[fields.label]];
    const harmful = LABELS.get(typeof label === "string" ? label.toLowerCase() : String(label));
    if (typeof text !== "string" || harmful === undefined) {
      throw new NuwaError("DATA", `expected "${fields.text}", a text, and "${fields.label}", true or false`, { where });
    }
    return [{ text, harmful }];
  });
}

const LABELS = new Map<string, boolean>([
  ...["true", "1", "yes", "harmful", "toxic", "unsafe", "bad"].map((word) => [word, true] as const),
  ...["false", "0", "no", "harmless", "safe", "good", "ok"].map((word) => [word, false] as const),
]);
