import * as path from "node:path";
import * as z from "zod";
import {
  defineFirstRound,
  defineLastRound,
  defineRound,
  type AnswerContext,
  type CorpusWork,
  type Part,
} from "../../define-corpus-stage.ts";
import { ExternalSorter } from "../external-sort.ts";
import { byPosition, bytesOf, byShard, readWords, wordCount } from "../words.ts";
import type { Passage } from "./cut.ts";
import { findPassages, PassageWorker, SECTIONS } from "./passages.ts";
import type { SubstringSettings } from "./settings.ts";
import { addKeys, addRepeated } from "./substring.ts";
import { firstWindows } from "./windows.ts";

/** Sections `[sections[0], sections[1])` of all shards' stretches, and the number of each shard's first document. */
const block = z.object({
  files: z.array(z.string()),
  firsts: z.array(z.number()),
  sections: z.tuple([z.number(), z.number()]),
});
type Block = z.output<typeof block>;

/** What of one shard came before. */
const repeatedPassages = z.object({
  /** Quadruples: the document's position, first token, behind the last token, number of the document that has it first. */
  passages: z.instanceof(Uint32Array),
  /** Ids of the first documents, by number. */
  ids: z.record(z.string(), z.string()),
});
type RepeatedPassages = z.output<typeof repeatedPassages>;

/**
 * Passages that came before, the first copy kept. Memory does not grow with the corpus:
 *
 * 1. keys of all windows of each shard; a sort finds the keys that occur again;
 * 2. the stretches of tokens under those keys, in sections by key;
 * 3. section by section, as many at a time as fit into memory: repeated windows, by suffix array;
 * 4. a sort brings them into the order of documents, and each shard is written without them.
 */
export const substringWork: CorpusWork<SubstringSettings> = {
  rounds: [
    defineFirstRound({
      name: "keys",
      part: (settings, documents) => bytesOf(new PassageWorker(settings).keys(documents)),
    }),
    defineRound({
      name: "stretches",
      // Pairs of a document's position and a key's high word.
      input: z.instanceof(Uint32Array),
      answer: repeatedKeys,
      part: (settings, { input, documents }) =>
        bytesOf(new PassageWorker(settings).gather(input.length === 0 ? [] : documents(), input)),
    }),
    defineRound({
      name: "found",
      input: block,
      answer: blocks,
      part: ({ min_tokens: width }, { input }) => bytesOf(findInBlock(input, width)),
    }),
  ],
  last: defineLastRound({
    input: repeatedPassages,
    answer: passagesByShard,
    verdicts: (settings, documents, { passages, ids }) => {
      const worker = new PassageWorker(settings);
      const byDocument = byPosition(passages, (start, end, first): Passage => ({ start, end, first }));
      const nameOf = (document: number): string => ids[document] ?? "";
      return documents.map((document, position) => worker.verdict(document, byDocument.get(position) ?? [], nameOf));
    },
  }),
};

function sorter({ folder, memoryBytes }: AnswerContext, name: string): ExternalSorter {
  return new ExternalSorter({ folder: path.join(folder, name), memoryBytes: memoryBytes / 3 });
}

async function* repeatedKeys(_settings: SubstringSettings, context: AnswerContext): AsyncGenerator<Part<Uint32Array>> {
  const { corpus } = context;
  const keys = sorter(context, "keys");
  const byDocument = sorter(context, "documents");
  try {
    for (const [shard, file] of context.files("keys").entries()) {
      addKeys(keys, readWords(file), corpus.firstOf(shard));
      if (shard % 16 === 0) await context.pause("sorting", shard / corpus.shards);
    }
    addRepeated(byDocument, keys);
    await context.pause("sorting", 1);
    for (const [shard, input] of byShard(corpus, byDocument.sorted(), [1])) yield { key: shard, shard, input };
  } finally {
    keys.close();
    byDocument.close();
  }
}

/** As many sections in one part as its share of the memory holds. */
function* blocks(_settings: SubstringSettings, context: AnswerContext): Generator<Part<Block>> {
  const { corpus, memoryBytes, workers } = context;
  const files = [...context.files("stretches")];
  const words = new Float64Array(SECTIONS);
  for (const file of files) {
    const ends = readWords(file, 0, SECTIONS);
    for (let i = 0; i < SECTIONS; i++) words[i] = (words[i] ?? 0) + (ends[i] ?? 0) - (ends[i - 1] ?? SECTIONS);
  }
  // The stretches as read, and for one section the tokens, two arrays of the finder and its result: 20 bytes a word,
  // were there one section.
  const most = memoryBytes / workers / 20;
  const firsts = files.map((_, shard) => corpus.firstOf(shard));
  for (let section = 0; section < SECTIONS; ) {
    let [end, sum] = [section + 1, words[section] ?? 0];
    while (end < SECTIONS && sum + (words[end] ?? 0) <= most) sum += words[end++] ?? 0;
    yield { key: `${section}-${end}`, input: { files, firsts, sections: [section, end] } };
    section = end;
  }
}

/** The passages that are repeated in a block: quadruples as in {@link repeatedPassages}, of documents by number. */
function findInBlock({ files, firsts, sections: [from, to] }: Block, width: number): Uint32Array {
  const shards = files.map((name) => {
    const ends = readWords(name, 0, SECTIONS);
    const begin = from === 0 ? SECTIONS : (ends[from - 1] ?? 0);
    return { ends, begin, words: readWords(name, begin, (ends[to - 1] ?? 0) - begin) };
  });
  const found: Uint32Array[] = [];
  // A section is a block of its own: the smaller its suffix array, the more of it is in the processor's caches.
  for (let section = from; section < to; section++) {
    const parts = shards.map(({ ends, begin, words }, shard) => {
      const start = section === from ? begin : (ends[section - 1] ?? 0);
      return { first: firsts[shard] ?? 0, words: words.subarray(start - begin, (ends[section] ?? 0) - begin) };
    });
    found.push(findPassages(parts, width, firstWindows));
  }
  const all = new Uint32Array(found.reduce((sum, words) => sum + words.length, 0));
  let at = 0;
  for (const words of found) {
    all.set(words, at);
    at += words.length;
  }
  return all;
}

async function* passagesByShard(
  _settings: SubstringSettings,
  context: AnswerContext,
): AsyncGenerator<Part<RepeatedPassages>> {
  const { corpus } = context;
  const passages = sorter(context, "passages");
  try {
    const files = context.files("found");
    for (const [i, file] of files.entries()) {
      const total = wordCount(file);
      for (let at = 0; at < total; at += PIECE) {
        const words = readWords(file, at, Math.min(PIECE, total - at));
        for (let k = 0; k < words.length; k += 4) {
          const [document = 0, start = 0, end = 0, first = 0] = words.subarray(k, k + 4);
          // Four words as two records that stay neighbours.
          passages.add(document, 2 * start, end);
          passages.add(document, 2 * start + 1, first);
        }
      }
      await context.pause("sorting passages", i / files.length);
    }
    for (const [shard, rows] of byShard(corpus, passages.sorted(), [1, 2])) {
      if (!context.isMissing(shard)) continue;
      const quadruples: number[] = [];
      const ids: Record<string, string> = {};
      let last = -1;
      for (let at = 0; at < rows.length; at += 6) {
        const [position = 0, twice = 0, end = 0, , , first = 0] = rows.subarray(at, at + 6);
        quadruples.push(position, twice / 2, end, first);
        // The ledger names the document that has a document's first passage.
        if (position !== last) ids[first] = corpus.idOf(first);
        last = position;
      }
      yield { key: shard, shard, input: { passages: Uint32Array.from(quadruples), ids } };
    }
  } finally {
    passages.close();
  }
}

/** Words read at a time; a multiple of four. */
const PIECE = 1 << 18;
