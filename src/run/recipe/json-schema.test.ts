import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import * as YAML from "yaml";
import * as z from "zod";
import { builtInStages } from "../stages/list.ts";
import { recipeJsonSchema } from "./json-schema.ts";

const root = path.join(import.meta.dirname, "../../..");
const recipes = readdirSync(path.join(root, "recipes")).filter((name) => name.endsWith(".yaml"));
/** Ajv is a validator that knows nothing of zod. */
const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(recipeJsonSchema());
const mistakes = (recipe: unknown): string[] =>
  validate(recipe) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
const written = (): unknown => JSON.parse(readFileSync(path.join(root, "dist/recipe.schema.json"), "utf8"));

test("the built file is what the code gives", () => {
  expect(written()).toEqual(JSON.parse(JSON.stringify(recipeJsonSchema())));
});

describe.each(recipes)("%s", (name) => {
  const text = readFileSync(path.join(root, "recipes", name), "utf8");
  test("fits the schema", () => {
    expect(mistakes(YAML.parse(text))).toEqual([]);
  });
  test("names the schema for editors in its first line", () => {
    const [, file = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
    expect(path.join(root, "recipes", file)).toBe(path.join(root, "dist/recipe.schema.json"));
  });
});

test("every stage has a section, and every key says what it means", () => {
  const { properties } = z.object({ properties: z.record(z.string(), z.unknown()) }).parse(recipeJsonSchema());
  for (const { name } of builtInStages) expect(properties).toHaveProperty(name);
  const node = z.looseObject({
    description: z.string().optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
  });
  const silent: string[] = [];
  const walk = (at: string, value: unknown): void => {
    const { description, properties: below } = node.parse(value);
    if (description === undefined && below === undefined) silent.push(at);
    for (const [key, next] of Object.entries(below ?? {})) walk(`${at}.${key}`, next);
  };
  for (const [key, value] of Object.entries(properties)) walk(key, value);
  expect(silent).toEqual([]);
});

test.each<[string, unknown, RegExp]>([
  ["a misspelt key", { clean: { emojis: "words" } }, /^\/clean must NOT have additional properties$/],
  ["a value of another type", { pretrain: { steps: "many" } }, /^\/pretrain\/steps must be integer$/],
  ["a value out of range", { pack: { val_share: 2 } }, /^\/pack\/val_share must be <= 0\.5$/],
  ["a word that is none of the choices", { device: "gpu" }, /^\/device /],
])("%s is found", (_, recipe, expected) => {
  expect(mistakes(recipe)).toEqual([expect.stringMatching(expected)]);
});

test("a section may be left out, switched off, or taken with its defaults", () => {
  expect(mistakes({ clean: null, filter: false, dedup: true, extract: {} })).toEqual([]);
});
