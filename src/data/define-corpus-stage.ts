import * as z from "zod";
import type { Document } from "../text/document.ts";
import type { SpreadDefinition } from "./define-stage.ts";
import type { Verdict } from "./stage.ts";

/** The shards of a corpus; its documents are numbered through, from 0. */
export interface Corpus {
  readonly shards: number;
  readonly documents: number;
  /** The number of a shard's first document; of the shard behind the last one, the number of documents. */
  firstOf(shard: number): number;
  /** The id of the document with a number. */
  idOf(document: number): string;
}

/** What an answer works from. */
export interface AnswerContext {
  readonly corpus: Corpus;
  /** The files that an earlier round's parts have written, in the order of the parts. */
  files(round: string): readonly string[];
  /** Whether a part is still to be done; of others nothing need be worked out. */
  isMissing(part: string | number): boolean;
  /** A folder for what does not fit into memory; it is empty at first and removed in the end. */
  readonly folder: string;
  /** For all that the answer holds at a time. Changes the speed, never the result. */
  readonly memoryBytes: number;
  /** How many parts may run at a time, each of which has its share of the memory. */
  readonly workers: number;
  /**
   * Lets Ctrl-C and the progress bar have their turn; to be called now and then.
   * @throws after Ctrl-C an error that is to be let through
   */
  pause(note: string, share: number): Promise<void>;
}

/** One part of a round. */
export interface Part<Input> {
  /** The part among those of its round, as a piece of a file's name; for a part of one shard, the shard's number. */
  readonly key: string | number;
  /** The shard whose documents it reads, if it reads one. */
  readonly shard?: number;
  /** Plain data: it goes to another thread or machine. */
  readonly input: Input;
}

/** What a part works from, in a worker. */
export interface PartContext<Input> {
  /** Reads the documents of the part's shard. */
  documents(): readonly Document[];
  readonly input: Input;
}

/** What the rounds of a corpus-wide stage are made of: {@link defineRound}. */
export interface RoundDefinition<Settings, Input> {
  /** Names the files of its parts: `keys-12.bin`. */
  readonly name: string;
  /** What a part is told. */
  readonly input: z.ZodType<Input>;
  /**
   * Says from the files of earlier rounds what the parts of this one are told, in bounded memory. The result must not
   * depend on `memoryBytes` and `workers`, but the cut into parts may.
   */
  readonly answer: (settings: Settings, context: AnswerContext) => Iterable<Part<Input>> | AsyncIterable<Part<Input>>;
  /** Makes the bytes of the part's file, from its shard and its input alone: any worker may do it. */
  readonly part: (settings: Settings, context: PartContext<Input>) => Uint8Array;
}

/** A round of whatever input, which its schema checks. */
export type Round<Settings> = RoundDefinition<Settings, unknown>;

/** A round: an answer that tells every part what to do, and the parts, which any worker can do. */
export function defineRound<Settings, Input>(definition: RoundDefinition<Settings, Input>): Round<Settings> {
  const { input, part } = definition;
  return {
    ...definition,
    part: (settings, context) =>
      part(settings, { documents: () => context.documents(), input: input.parse(context.input) }),
  };
}

/** The round that is told nothing: one part for each shard. */
export function defineFirstRound<Settings>(definition: {
  readonly name: string;
  readonly part: (settings: Settings, documents: readonly Document[]) => Uint8Array;
}): Round<Settings> {
  return defineRound<Settings, undefined>({
    name: definition.name,
    input: z.undefined(),
    answer: (_settings, { corpus }) =>
      Array.from({ length: corpus.shards }, (_, shard) => ({ key: shard, shard, input: undefined })),
    part: (settings, { documents }) => definition.part(settings, documents()),
  });
}

/** What the end of a corpus-wide stage is made of: {@link defineLastRound}. */
export interface LastRoundDefinition<Settings, Input> {
  readonly input: z.ZodType<Input>;
  /** Says for every shard, in order, what its part is told; the key is the shard's number. */
  readonly answer: (settings: Settings, context: AnswerContext) => Iterable<Part<Input>> | AsyncIterable<Part<Input>>;
  /** The verdicts on a shard's documents, in their order. */
  readonly verdicts: (settings: Settings, documents: readonly Document[], input: Input) => Iterable<Verdict>;
}

/** The last round of a stage over the whole corpus: it writes the documents that stay. */
export type LastRound<Settings> = LastRoundDefinition<Settings, unknown>;

/** The last round, whose parts say what becomes of each document. */
export function defineLastRound<Settings, Input>(
  definition: LastRoundDefinition<Settings, Input>,
): LastRound<Settings> {
  const { input, verdicts } = definition;
  return { ...definition, verdicts: (settings, documents, told) => verdicts(settings, documents, input.parse(told)) };
}

/** All rounds of a corpus-wide stage, in order. */
export interface CorpusWork<Settings> {
  readonly rounds: readonly Round<Settings>[];
  readonly last: LastRound<Settings>;
}

/** A stage that must know the whole corpus before it can say what becomes of one document. */
export interface CorpusDefinition<Settings> extends SpreadDefinition<Settings> {
  /** Imports the rounds, and what is heavy only here: a definition is read by every command. */
  readonly load: () => Promise<CorpusWork<Settings>>;
}

/** A {@link CorpusDefinition} of whatever settings: each function checks them by the schema. */
export interface CorpusStage extends SpreadDefinition<unknown> {
  readonly kind: "corpus";
  readonly files: (settings: unknown) => readonly string[];
  readonly load: () => Promise<CorpusWork<unknown>>;
}

/**
 * Defines a corpus-wide stage: rounds of parts, which any worker can do for one shard, and of answers, which are worked
 * out from the parts of all shards in bounded memory.
 *
 * @example
 * export const linesStage = defineCorpusStage({
 *   name: "lines",
 *   version: 1,
 *   module: import.meta.url,
 *   summary: "Remove lines that many documents share.",
 *   schema: linesSettings,
 *   load: async () => (await import("./rounds.ts")).linesWork,
 * });
 */
export function defineCorpusStage<Settings>(
  definition: CorpusDefinition<Settings>,
): CorpusStage & { readonly schema: z.ZodType<Settings> } {
  const { schema, files, load } = definition;
  return {
    ...definition,
    kind: "corpus",
    files: (settings) => files?.(schema.parse(settings)) ?? [],
    load: async () => {
      const { rounds, last } = await load();
      return {
        rounds: rounds.map((round) => ({
          ...round,
          answer: (settings, context) => round.answer(schema.parse(settings), context),
          part: (settings, context) => round.part(schema.parse(settings), context),
        })),
        last: {
          ...last,
          answer: (settings, context) => last.answer(schema.parse(settings), context),
          verdicts: (settings, documents, input) => last.verdicts(schema.parse(settings), documents, input),
        },
      };
    },
  };
}
