import type { CorpusStage } from "./define-corpus-stage.ts";
import type { MapperStage } from "./define-stage.ts";

/** A data stage of any kind whose work is spread over workers. */
export type DataStage = MapperStage | CorpusStage;

/** Whether a value, a plugin's for example, is a data stage. */
export function isDataStage(value: unknown): value is DataStage {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name, module, schema, load }: Partial<Record<keyof DataStage, unknown>> = value;
  return (
    (kind === "mapper" || kind === "corpus") &&
    typeof name === "string" &&
    typeof module === "string" &&
    typeof schema === "object" &&
    typeof load === "function"
  );
}
