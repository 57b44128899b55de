import { recipeJsonSchema, readRecipe, sectionOf, type Recipe } from "nuwa/run";
import { NuwaError, Registry } from "nuwa/text";
import * as z from "zod";
import { type Equal, expectType } from "./expect.ts";

const recipe = readRecipe("recipes/sample.yaml", { set: ["seed=2"] });
expectType<Equal<typeof recipe, Recipe>>(true);
expectType<Equal<typeof recipe.seed, number>>(true);
// @ts-expect-error overrides are assignments, as on the command line
readRecipe("recipes/sample.yaml", { set: { seed: 2 } });
// A section has the type of its stage's schema, and may be left out.
const section = sectionOf(recipe, { name: "shout", schema: z.object({ marks: z.number() }) });
expectType<Equal<typeof section, { marks: number } | undefined>>(true);
// @ts-expect-error possibly undefined
void section.marks;
expectType<Equal<ReturnType<typeof recipeJsonSchema>, Record<string, unknown>>>(true);

const registry = new Registry("animal", [{ name: "cat", legs: 4 }]);
expectType<Equal<ReturnType<typeof registry.get>, { name: string; legs: number }>>(true);
// @ts-expect-error a definition has a name
new Registry("animal", [{ legs: 4 }]);
throw new NuwaError("VALUE", "expected a cat, got a dog", { where: "recipe.yaml:3", hint: "did you mean cat?" });
// @ts-expect-error no such code
throw new NuwaError("OOPS", "expected a cat");
