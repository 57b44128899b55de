import type { Document } from "../text/document.ts";
import type { ReadsFiles } from "./define-source-stage.ts";
import type { Definition } from "./define-stage.ts";

/** What a stage that writes files of its own works from. */
export interface FilesContext {
  /** Where its files go. */
  readonly folder: string;
  /** What file names in the settings are relative to. */
  readonly cwd: string;
  /** The documents of the stage before; ends with an error after Ctrl-C, which is to be let through. */
  readonly documents: AsyncIterable<Document>;
  /** The run's tokenizer. */
  readonly tokenizer: string;
  readonly signal: AbortSignal;
  /** How far it is, in its unit. @throws after Ctrl-C an error that is to be let through */
  progress(done: number, note?: Line): void;
  /** Something that the user should know and that stops nothing. */
  warn(message: string): void;
}

/** Text with numbers in it, which are shown as other figures are: `12,345`, `1.2M`. */
export type Line = readonly (string | number)[];

/** What a stage that writes files leaves in the manifest and on the terminal. */
export interface FilesOutcome {
  /** Hash of what was written. */
  readonly output: string;
  readonly summary: Record<string, number | string | null>;
  readonly line: Line;
}

/** A stage that writes files in a folder of its own: what training reads. */
export interface FilesDefinition<Settings> extends Definition<Settings>, ReadsFiles<Settings> {
  /** Its folder in a run. */
  readonly folder: "tokens" | "dialogues";
  /** What its progress counts. */
  readonly unit: string;
  /** Whether it reads the documents of the stage before it. */
  readonly readsDocuments: boolean;
  /** Other stages whose output it reads, by name. */
  readonly reads: readonly string[];
  /** Files without which its folder is not whole. */
  readonly outputs: readonly string[];
  /** Imports what writes; a definition is read by every command. */
  readonly load: () => Promise<(settings: Settings, context: FilesContext) => Promise<FilesOutcome>>;
}

/** Defines a stage that writes files in a folder of its own. */
export function defineFilesStage<Settings>(definition: FilesDefinition<Settings>): FilesDefinition<Settings> {
  return definition;
}
