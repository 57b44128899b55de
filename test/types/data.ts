import {
  cleanSettings,
  createClean,
  defineStage,
  filterSettings,
  mapBatch,
  runMapper,
  type DocumentMapper,
  type LedgerEntry,
  type Verdict,
} from "nuwa/data";
import type { Document } from "nuwa/text";
import { z } from "zod";
import { type Equal, expectType } from "./expect.ts";

// A user's own mapper.
const shorten: DocumentMapper = {
  name: "shorten",
  map: (document) =>
    document.text.length < 10
      ? { drop: { rule: "short", value: document.text.length, threshold: 10 } }
      : { keep: document },
};
// @ts-expect-error a drop names its rule
const nameless: Verdict = { drop: { value: 3 } };
// @ts-expect-error a verdict is one of the two
const neither: Verdict = {};

const { kept, removed } = mapBatch(shorten, []);
expectType<Equal<typeof kept, Document[]>>(true);
expectType<Equal<typeof removed, LedgerEntry[]>>(true);
const stream = runMapper(createClean(cleanSettings.parse({})), []);
expectType<Equal<typeof stream, AsyncGenerator<Document>>>(true);
// @ts-expect-error settings are whole: parsed by their schema
createClean({});
// @ts-expect-error documents are not changed in place
kept[0].text = "";

const { english } = filterSettings.parse({});
expectType<Equal<typeof english.min_words, number | null>>(true);
// @ts-expect-error no such rule
void english.min_wrods;

// A stage of a user's own: its settings are those of its schema.
const stage = defineStage({
  name: "shout",
  version: 1,
  summary: "Write every document in capitals.",
  module: import.meta.url,
  schema: z.strictObject({ marks: z.int().default(1) }),
  load: async ({ marks }) => {
    expectType<Equal<typeof marks, number>>(true);
    return shorten;
  },
});

export const results: readonly unknown[] = [nameless, neither, stage];
