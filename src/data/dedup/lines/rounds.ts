import * as path from "node:path";
import * as z from "zod";
import {
  defineFirstRound,
  defineLastRound,
  type AnswerContext,
  type CorpusWork,
  type Part,
} from "../../define-corpus-stage.ts";
import { ExternalSorter } from "../external-sort.ts";
import { byPosition, bytesOf, byShard, readWords } from "../words.ts";
import { addRepeatedUnits, LineWorker, type RepeatedUnit } from "./lines.ts";
import type { LinesSettings } from "./settings.ts";

/** What of one shard is repeated. */
const repeatedUnits = z.object({
  /** Quadruples: the document's position, high and low word of the hash, number of the first document that has it. */
  units: z.instanceof(Uint32Array),
  /** Ids of the first documents, by number. */
  ids: z.record(z.string(), z.string()),
});
type RepeatedUnits = z.output<typeof repeatedUnits>;

/**
 * Paragraphs and lines that many documents share: hashes of every shard to disk; a sort that finds the repeated ones and
 * a sort that brings these into the order of documents; each shard without them.
 */
export const linesWork: CorpusWork<LinesSettings> = {
  rounds: [
    defineFirstRound({
      name: "keys",
      part: (settings, documents) => bytesOf(new LineWorker(settings).keys(documents)),
    }),
  ],
  last: defineLastRound({
    input: repeatedUnits,
    answer,
    verdicts: (settings, documents, { units, ids }) => {
      const worker = new LineWorker(settings);
      const byDocument = byPosition(units, (high, low, first): RepeatedUnit => ({ high, low, first }));
      const nameOf = (document: number): string => ids[document] ?? "";
      return documents.map((document, position) => worker.verdict(document, byDocument.get(position) ?? [], nameOf));
    },
  }),
};

async function* answer(settings: LinesSettings, context: AnswerContext): AsyncGenerator<Part<RepeatedUnits>> {
  const { corpus, folder } = context;
  const memoryBytes = context.memoryBytes / 3;
  const keys = new ExternalSorter({ folder: path.join(folder, "keys"), memoryBytes });
  const byDocument = new ExternalSorter({ folder: path.join(folder, "documents"), memoryBytes });
  try {
    for (const [shard, file] of context.files("keys").entries()) {
      const first = corpus.firstOf(shard);
      const triples = readWords(file);
      for (let at = 0; at < triples.length; at += 3) {
        keys.add(triples[at] ?? 0, triples[at + 1] ?? 0, first + (triples[at + 2] ?? 0));
      }
      await context.pause("sorting", shard / corpus.shards);
    }
    addRepeatedUnits(byDocument, keys, settings);
    keys.close();
    // Made as they are taken, so that memory holds what is repeated in a few shards.
    for (const [shard, rows] of byShard(corpus, byDocument.sorted(), [1, 2])) {
      if (!context.isMissing(shard)) continue;
      const units: number[] = [];
      const ids: Record<string, string> = {};
      for (let at = 0; at < rows.length; at += 6) {
        const [position = 0, high = 0, low = 0, , , first = 0] = rows.subarray(at, at + 6);
        units.push(position, high, low, first);
        ids[first] ??= corpus.idOf(first);
      }
      yield { key: shard, shard, input: { units: Uint32Array.from(units), ids } };
    }
  } finally {
    keys.close();
    byDocument.close();
  }
}
