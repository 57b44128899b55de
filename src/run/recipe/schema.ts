import * as z from "zod";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import { generalKeys, type Recipe } from "../settings/general.ts";

/**
 * The schema of recipes over a list of stages: general keys, and a section for each stage, in their order. A stage that
 * is left out, or `false`, is skipped.
 */
export function recipeSchemaOf(stages: Iterable<RecipeStage>): z.ZodType<Recipe> {
  const sections = [...stages].map(({ name, schema, summary }) => [name, schema.optional().describe(summary)] as const);
  return z.strictObject({ ...generalKeys, ...Object.fromEntries(sections) });
}

/**
 * Fills in what sections take from the top level unless they have their own, such as `seed`; works on values before
 * they are checked.
 */
export function inherit(
  stages: Iterable<RecipeStage>,
): (recipe: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  return (recipe) => {
    const out = { ...recipe };
    for (const { name, inherits } of stages) {
      const section = out[name];
      if (typeof section !== "object" || section === null || Array.isArray(section)) continue;
      const filled: Record<string, unknown> = { ...section };
      for (const key of inherits) if (filled[key] === undefined && out[key] !== undefined) filled[key] = out[key];
      out[name] = filled;
    }
    return out;
  };
}
