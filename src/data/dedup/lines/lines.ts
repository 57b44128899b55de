import type { Document } from "../../../text/document.ts";
import { countCharacters } from "../../../text/script.ts";
import { excerptOf, type PartRemoval, type Verdict } from "../../stage.ts";
import { ExternalSorter } from "../external-sort.ts";
import { linesSettings, type LinesSettings, type LinesSettingsInput } from "./settings.ts";
import { unitsOf, type Unit } from "./units.ts";

/** A paragraph or line that goes from a document, by its hash, and the first document that has it. */
export interface RepeatedUnit {
  readonly high: number;
  readonly low: number;
  readonly first: number;
}

/** The part of paragraph and line deduplication that looks at documents: any worker can do any shard. */
export class LineWorker {
  readonly #settings: LinesSettings;

  constructor(settings: LinesSettings) {
    this.#settings = settings;
  }

  /** Hashes of all paragraphs and lines that are long enough, each once a document: triples (high, low, position). */
  keys(documents: readonly Pick<Document, "text">[]): Uint32Array {
    const triples: number[] = [];
    const met = new Set<number>();
    for (const [position, { text }] of documents.entries()) {
      met.clear();
      for (const unit of this.#units(text).units) {
        const key = keyOf(unit);
        if (!this.#isLong(unit) || met.has(key)) continue;
        met.add(key);
        triples.push(unit.high, unit.low, position);
      }
    }
    return Uint32Array.from(triples);
  }

  /**
   * The document without repeated paragraphs and lines; dropped when too little is left.
   * @param nameOf the id of the document with a number
   */
  verdict(document: Document, repeated: readonly RepeatedUnit[], nameOf: (document: number) => string): Verdict {
    if (repeated.length === 0) return { keep: document };
    const firsts = new Map(repeated.map((unit) => [keyOf(unit), unit.first]));
    const { lines, isBlank, units } = this.#units(document.text);
    const gone = new Uint8Array(lines.length);
    const removed: Record<"paragraphs" | "lines", Unit[]> = { paragraphs: [], lines: [] };
    for (const unit of units) {
      if (!firsts.has(keyOf(unit)) || !this.#isLong(unit) || gone[unit.from] === 1) continue;
      gone.fill(1, unit.from, unit.to);
      removed[unit.isParagraph ? "paragraphs" : "lines"].push(unit);
    }
    const left = withoutLines(lines, isBlank, gone);
    const { keep, min_chars: least } = this.#settings;
    const detailOf = ([unit]: readonly Unit[]): string => {
      const id = nameOf((unit === undefined ? undefined : firsts.get(keyOf(unit))) ?? 0);
      return keep === "first" ? `first in ${id}` : `also in ${id}`;
    };
    const characters = countCharacters(left.trim());
    const all = [...removed.paragraphs, ...removed.lines];
    if (all.length > 0 && characters < least) {
      return { drop: { rule: "lines.min_chars", value: characters, threshold: least, detail: detailOf(all) } };
    }
    const parts = (["paragraphs", "lines"] as const).flatMap((rule): PartRemoval[] => {
      const [first] = removed[rule];
      if (first === undefined) return [];
      const excerpt = excerptOf(lines.slice(first.from, first.to).join("\n"));
      const threshold = this.#settings[rule].min_documents;
      return [{ rule, value: removed[rule].length, threshold, detail: detailOf(removed[rule]), excerpt }];
    });
    return parts.length === 0 ? { keep: document } : { keep: { ...document, text: left }, parts };
  }

  #units(text: string): ReturnType<typeof unitsOf> {
    const { paragraphs, lines, fold_digits: foldDigits } = this.#settings;
    return unitsOf(text, { foldDigits, paragraphs: paragraphs.enabled, lines: lines.enabled });
  }

  #isLong({ isParagraph, words }: Unit): boolean {
    return words >= (isParagraph ? this.#settings.paragraphs : this.#settings.lines).min_words;
  }
}

/**
 * From all keys of a corpus those that go from each document: two records (document, high, low) and
 * (document, high, first document that has it), neighbours in `byDocument`.
 */
export function addRepeatedUnits(byDocument: ExternalSorter, keys: ExternalSorter, settings: LinesSettings): void {
  for (const { high, low, values } of keys.groups()) {
    const { min_documents: least } = (low & 1) === 1 ? settings.paragraphs : settings.lines;
    if (values.length < least) continue;
    const [first = 0, second = 0] = values;
    for (const document of values) {
      if (settings.keep === "first" && document === first) continue;
      byDocument.add(document, high, low);
      byDocument.add(document, high, document === first ? second : first);
    }
  }
}

/**
 * Paragraph and line deduplication of documents in memory: a verdict for each, in order. The run's stage does the same
 * from shards on disk.
 *
 * @example const verdicts = removeLines(documents, { lines: { min_documents: 5 } });
 */
export function removeLines(documents: readonly Document[], input: LinesSettingsInput = {}): Verdict[] {
  const settings = linesSettings.parse(input);
  const worker = new LineWorker(settings);
  const [keys, byDocument] = [new ExternalSorter(), new ExternalSorter()];
  const triples = worker.keys(documents);
  for (let at = 0; at < triples.length; at += 3) keys.add(triples[at] ?? 0, triples[at + 1] ?? 0, triples[at + 2] ?? 0);
  addRepeatedUnits(byDocument, keys, settings);
  const repeated = new Map<number, RepeatedUnit[]>();
  for (const batch of byDocument.sorted()) {
    for (let at = 0; at < batch.length; at += 6) {
      const [document = 0, high = 0, low = 0, , , first = 0] = batch.subarray(at, at + 6);
      const known = repeated.get(document);
      if (known === undefined) repeated.set(document, [{ high, low, first }]);
      else known.push({ high, low, first });
    }
  }
  const nameOf = (document: number): string => documents[document]?.id ?? "";
  return documents.map((document, i) => worker.verdict(document, repeated.get(i) ?? [], nameOf));
}

/** 53 bits of the hash: enough within one document. */
function keyOf({ high, low }: Pick<Unit, "high" | "low">): number {
  return high * 2 ** 21 + ((low >>> 12) * 2 + (low & 1));
}

/** What is left, with the blank lines that stood before each paragraph that stays. */
function withoutLines(lines: readonly string[], isBlank: readonly boolean[], gone: Uint8Array): string {
  const left: string[] = [];
  let blank: string[] = [];
  let hasLost = false;
  for (const [i, line] of lines.entries()) {
    if (isBlank[i] === true) {
      // Of the blank lines around something that went, those before it stay.
      if (!hasLost) blank.push(line);
      continue;
    }
    if (gone[i] === 1) {
      if (blank.length > 0 || i === 0 || left.length === 0) hasLost = true;
      continue;
    }
    left.push(...blank, line);
    blank = [];
    hasLost = false;
  }
  // What stood at the end of the text.
  if (!hasLost) left.push(...blank);
  return left.join("\n");
}
