import type * as z from "zod";
import type { Document } from "../text/document.ts";
import type { DocumentMapper } from "./stage.ts";

/** A figure of a document that a rule compares with a bound: what `nuwa data why` shows. */
export interface DocumentFigure {
  readonly rule: string;
  readonly value: number;
  readonly threshold: number | null;
  readonly passes: boolean;
}

/** What every data stage says of itself. `Settings` is what its schema gives. */
export interface Definition<Settings> {
  /** Its section in a recipe, its folder in a run, its command `nuwa data NAME`. */
  readonly name: string;
  /** Goes up when the same documents and settings give another output than before: the stage is then done again. */
  readonly version: number;
  /** What it does, in one sentence: for `--help` and for the recipe's comments. */
  readonly summary: string;
  /** The recipe section. */
  readonly schema: z.ZodType<Settings>;
  /** General keys of the recipe, such as `seed`, that the section takes over unless it has its own. */
  readonly inherits?: readonly string[];
  /** The stage after which a plugin's stage comes; without it, after the last one that writes documents. */
  readonly after?: string;
}

/** A stage whose work is spread over workers, which import `module` and find the stage by its name. */
export interface SpreadDefinition<Settings> extends Definition<Settings> {
  /** `import.meta.url` of the module that exports this definition. */
  readonly module: string;
  /** The user's files that the settings name, hashed by their content: lists, models. */
  readonly files?: (settings: Settings) => readonly string[];
}

/** What a mapper may know beside its settings. */
export interface MapperContext {
  /** What file names in the settings are relative to. */
  readonly cwd: string;
  /** The file that the stage's preparation wrote, if it has one. */
  readonly prepared?: string | undefined;
}

/** What a preparation works from. */
export interface PreparationContext {
  /** All documents that the stage will map. Reading them ends with an error after Ctrl-C, which is to be let through. */
  readonly documents: AsyncIterable<Document>;
  /** Where its result goes: as a whole file, the same bytes for the same documents and settings. */
  readonly file: string;
  readonly cwd: string;
}

/** What must be known before the first document is mapped: counts over the corpus, a model. */
export type Preparation = (context: PreparationContext) => Promise<void>;

/** A stage that maps one document at a time: any worker can take any document. */
export interface MapperDefinition<Settings> extends SpreadDefinition<Settings> {
  /** The preparation that these settings need, or undefined where they need none. */
  readonly prepare?: (settings: Settings) => Preparation | undefined;
  /** Makes the mapper. Imports what is heavy only here: a definition is read by every command. */
  readonly load: (settings: Settings, context: MapperContext) => Promise<DocumentMapper>;
  /** All figures that the stage's rules look at in a document, whether they decided or not. */
  readonly figures?: (settings: Settings, document: Document) => Promise<readonly DocumentFigure[]>;
}

/** A {@link MapperDefinition} of whatever settings: each function checks them by the schema. */
export interface MapperStage extends SpreadDefinition<unknown> {
  readonly kind: "mapper";
  readonly files: (settings: unknown) => readonly string[];
  readonly prepare: (settings: unknown) => Preparation | undefined;
  readonly load: (settings: unknown, context: MapperContext) => Promise<DocumentMapper>;
  readonly figures?: (settings: unknown, document: Document) => Promise<readonly DocumentFigure[]>;
}

/**
 * Defines a stage that maps one document at a time.
 *
 * @example
 * export const shoutStage = defineStage({
 *   name: "shout",
 *   version: 1,
 *   module: import.meta.url,
 *   summary: "Write every document in capitals.",
 *   schema: z.strictObject({ marks: z.int().default(1) }),
 *   load: async (settings) => (await import("./shout.ts")).createShout(settings),
 * });
 */
export function defineStage<Settings>(
  definition: MapperDefinition<Settings>,
): MapperStage & { readonly schema: z.ZodType<Settings> } {
  const { figures, ...rest } = definition;
  const { schema, files, prepare, load } = rest;
  return {
    ...rest,
    kind: "mapper",
    files: (settings) => files?.(schema.parse(settings)) ?? [],
    prepare: (settings) => prepare?.(schema.parse(settings)),
    load: (settings, context) => load(schema.parse(settings), context),
    ...(figures === undefined ? {} : { figures: (settings, document) => figures(schema.parse(settings), document) }),
  };
}
