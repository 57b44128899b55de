import type { Format } from "./acquire/collect/settings.ts";
import type { Document } from "../text/document.ts";
import type { Definition } from "./define-stage.ts";
import type { Problem } from "./stage.ts";

/** Files of the user's, of which it is noted which there are and when they changed: there may be too many to read twice. */
export interface FilePatterns {
  /** Files, folders, globs, http addresses. */
  readonly patterns: readonly string[];
  readonly exclude?: readonly string[] | undefined;
  /** One of the formats that collecting knows, or `auto`. */
  readonly format?: Format | "auto" | undefined;
}

/** A stage that reads the user's files beside, or instead of, documents. */
export interface ReadsFiles<Settings> {
  /** The files by what they are called in the manifest. */
  readonly sources?: (settings: Settings) => Readonly<Record<string, FilePatterns>>;
}

/** What a stage that makes documents from files works with. */
/** What a stage that makes documents from files works with. */
export interface SourceContext {
  /** What file names in the settings are relative to. */
  readonly cwd: string;
  /** Told of everything that is skipped. */
  readonly onProblem: (problem: Problem) => void;
  /** Told of each file before it is read. */
  readonly onFile: (file: { readonly name: string }) => void;
}

/** A stage that documents come from: the same settings and files give the same documents in the same order. */
export interface SourceDefinition<Settings> extends Definition<Settings>, ReadsFiles<Settings> {
  /** Imports what reads; a definition is read by every command. */
  readonly load: () => Promise<(settings: Settings, context: SourceContext) => AsyncIterable<Document>>;
}

/** Defines a stage that documents come from. */
export function defineSourceStage<Settings>(definition: SourceDefinition<Settings>): SourceDefinition<Settings> {
  return definition;
}
