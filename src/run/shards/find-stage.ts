import { isDataStage, type DataStage } from "../../data/data-stage.ts";
import { NuwaError } from "../../text/index.ts";
import type { StageReference } from "./tasks.ts";

/**
 * A stage by the module that exports it: a worker knows no list of stages, so that a plugin's are found as the built-in
 * ones are. A module exports stages by any names, or in `stages` of its default export.
 *
 * @throws NuwaError FILE when the module has no such stage
 */
export async function findStage({ name, module }: StageReference): Promise<DataStage> {
  const exported: unknown = await import(module);
  const values: unknown[] = typeof exported === "object" && exported !== null ? Object.values(exported) : [];
  const listed = values.flatMap((value): unknown[] =>
    typeof value === "object" && value !== null && "stages" in value && Array.isArray(value.stages)
      ? value.stages
      : [value],
  );
  const found = listed.find((value): value is DataStage => isDataStage(value) && value.name === name);
  if (found !== undefined) return found;
  throw new NuwaError("FILE", `this module exports no stage "${name}"`, {
    where: module,
    hint: "export const myStage = defineStage({ module: import.meta.url, … })",
  });
}
