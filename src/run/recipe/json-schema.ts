import * as z from "zod";
import { keysOf } from "../../text/settings/schema-walk.ts";
import { builtInStages } from "../stages/list.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import { recipeSchemaOf } from "./schema.ts";

/**
 * The JSON Schema (draft 7, which editors know best) of recipes over a list of stages: every key with its type, bounds,
 * default and meaning. A section may also be `false` (left out), `true` or empty (all defaults), as when a recipe is
 * read. What no JSON Schema can say, such as that heads divide a size, is checked when the recipe is read.
 */
export function recipeJsonSchema(stages: Iterable<RecipeStage> = builtInStages): Record<string, unknown> {
  const list = [...stages];
  const schema = z.toJSONSchema(recipeSchemaOf(list), { io: "input", target: "draft-7", unrepresentable: "any" });
  const properties: Record<string, unknown> = { ...schema.properties };
  for (const { name, schema: section } of list) {
    const described = properties[name];
    if (keysOf(section) === undefined || typeof described !== "object" || described === null) continue;
    properties[name] = { ...described, type: ["object", "boolean", "null"] };
  }
  // A recipe without a name has that of its file.
  const required = schema.required?.filter((key) => key !== "name") ?? [];
  return { ...schema, title: "Nuwa recipe", properties, required };
}
