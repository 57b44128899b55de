import type { Document } from "../../../text/document.ts";
import type { Verdict } from "../../stage.ts";
import { ExternalSorter } from "../external-sort.ts";
import type { Passage } from "./cut.ts";
import { findPassages, PassageWorker, SECTIONS } from "./passages.ts";
import { substringSettings, type SubstringSettingsInput } from "./settings.ts";
import { firstWindows, type FirstWindows } from "./windows.ts";

/**
 * Substring deduplication of documents in memory: a verdict for each, in order. The run's stage does the same from
 * shards on disk.
 *
 * @example const verdicts = removePassages(documents, { min_tokens: 50 });
 */
export function removePassages(
  documents: readonly Document[],
  input: SubstringSettingsInput = {},
  find: FirstWindows = firstWindows,
): Verdict[] {
  const settings = substringSettings.parse(input);
  const worker = new PassageWorker(settings);
  const sorter = new ExternalSorter();
  addKeys(sorter, worker.keys(documents), 0);
  const again = new ExternalSorter();
  addRepeated(again, sorter);
  const wanted: number[] = [];
  for (const batch of again.sorted()) {
    for (let at = 0; at < batch.length; at += 3) wanted.push(batch[at] ?? 0, batch[at + 1] ?? 0);
  }
  const gathered = worker.gather(documents, Uint32Array.from(wanted));
  const passages = new Map<number, Passage[]>();
  for (let section = 0; section < SECTIONS; section++) {
    const start = section === 0 ? SECTIONS : gathered[section - 1];
    const parts = [{ first: 0, words: gathered.subarray(start, gathered[section]) }];
    const found = findPassages(parts, settings.min_tokens, find);
    for (let at = 0; at < found.length; at += 4) {
      const [document = 0, begin = 0, end = 0, first = 0] = found.subarray(at, at + 4);
      const known = passages.get(document);
      if (known === undefined) passages.set(document, [{ start: begin, end, first }]);
      else known.push({ start: begin, end, first });
    }
  }
  const nameOf = (document: number): string => documents[document]?.id ?? "";
  return documents.map((document, i) => worker.verdict(document, passages.get(i) ?? [], nameOf));
}

/** Adds a shard's keys, its documents numbered from `first`. */
export function addKeys(sorter: ExternalSorter, triples: Uint32Array, first: number): void {
  for (let at = 0; at < triples.length; at += 3) {
    sorter.add(triples[at] ?? 0, triples[at + 1] ?? 0, first + (triples[at + 2] ?? 0));
  }
}

/** Of keys that occur more than once, (document, high word) for each document that has one. */
export function addRepeated(byDocument: ExternalSorter, keys: ExternalSorter): void {
  for (const { high, values } of keys.groups()) {
    let last = -1;
    for (const document of values) {
      if (document !== last) byDocument.add(document, high, 0);
      last = document;
    }
  }
}
