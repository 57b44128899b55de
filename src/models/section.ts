import * as z from "zod";
import { didYouMean, NuwaError } from "../text/index.ts";
import type { Family } from "./family.ts";
import type { Architecture } from "./model.ts";
import { DEFAULT_FAMILY, families as builtIn } from "./registry.ts";

/** A recipe's `model:`: a family or a preset of one, and settings in the family's own keys. */
export interface ModelSection {
  readonly family?: string | undefined;
  readonly preset?: string | undefined;
  readonly [key: string]: unknown;
}

/** What a training run knows of its model beside the recipe's `model:`. */
export interface RunShape {
  /** The tokenizer's size. */
  readonly vocabulary: number;
  /** Longest text, in tokens. */
  readonly context: number;
  /** Of embeddings and of what layers add; default 0. */
  readonly dropout?: number | undefined;
}

/** A collection of families, by name. */
export interface Families extends Iterable<Family> {
  get(name: string, where?: string): Family;
}

/**
 * The schema of a recipe's `model:`, over the families there are: which keys it takes depends on `family`, or on the
 * family of `preset`. What a preset says is filled in, and keys beside it go before it.
 */
export function modelSectionSchema(families: Families = builtIn): z.ZodType<ModelSection> {
  const presets = [...families].flatMap((family) => Object.keys(family.presets));
  // The default family first: a reader of the schema that has no value to go by shows its keys.
  const ordered = [...families].toSorted(
    (a, b) => Number(b.name === DEFAULT_FAMILY) - Number(a.name === DEFAULT_FAMILY),
  );
  const options = ordered.map((family) => {
    const name = z.literal(family.name).describe("Family of models; see `nuwa models`.");
    return z.strictObject({
      family: family.name === DEFAULT_FAMILY ? name.optional() : name,
      preset: z.enum(presets).optional().describe("A published model's shape; see `nuwa models`."),
      ...recipeSchema(family).shape,
    });
  });
  const [first, ...others] = options;
  if (first === undefined) throw new NuwaError("VALUE", "expected at least one model family");
  const union = z
    .discriminatedUnion("family", [first, ...others])
    .superRefine(({ family = DEFAULT_FAMILY, preset }, context) => {
      const owner = [...families].find((one) => preset !== undefined && preset in one.presets)?.name ?? family;
      if (owner === family) return;
      const message = `"${preset}" is a preset of the family "${owner}", not of "${family}"`;
      context.addIssue({ code: "custom", path: ["preset"], message });
    });
  return z.preprocess((value) => expandPreset(value, families), union);
}

/** A family's settings without what a recipe gives otherwise. */
function recipeSchema({ configSchema, keys }: Family): z.ZodObject {
  const { vocabulary, context, dropout } = keys;
  const otherwise = new Set([vocabulary, context, dropout]);
  return z.strictObject(Object.fromEntries(Object.entries(configSchema.shape).filter(([key]) => !otherwise.has(key))));
}

/** `{ preset: "gpt2-medium", n_head: 8 }` -> all that the preset says of a recipe's keys, and n_head 8. */
function expandPreset(value: unknown, families: Families): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const written: Readonly<Record<string, unknown>> = { ...value };
  for (const family of families) {
    const preset = family.presets[String(written["preset"])];
    if (preset === undefined || (written["family"] ?? family.name) !== family.name) continue;
    const { shape } = recipeSchema(family);
    const known = Object.entries(preset.settings).filter(([key]) => key in shape);
    return { family: family.name, ...Object.fromEntries(known), ...written };
  }
  return written;
}

/**
 * The architecture that a recipe's `model:` asks for.
 *
 * @throws NuwaError VALUE naming the key, what was expected and what came
 * @example architectureOfSection({ family: "llama", hidden_size: 256 }, { vocabulary: 6144, context: 256 });
 */
export function architectureOfSection(
  section: ModelSection,
  run: RunShape,
  options: { readonly families?: Families; readonly where?: string } = {},
): Architecture {
  const { families = builtIn, where } = options;
  const { family: name = DEFAULT_FAMILY, preset: _preset, ...settings } = section;
  const family = families.get(name, where);
  const { vocabulary, context } = family.keys;
  const whole = { ...settings, [vocabulary]: run.vocabulary, [context]: run.context };
  return family.resolve(whole, where).withDropout({ hidden: run.dropout });
}

/**
 * An architecture from settings in a family's own keys, vocabulary and context among them.
 *
 * @throws NuwaError VALUE naming the key, what was expected and what came
 * @example resolveArchitecture({ family: "gpt2", vocab_size: 512, n_layer: 2 });
 */
export function resolveArchitecture(
  settings: Readonly<Record<string, unknown>> & { readonly family?: string | undefined },
  options: { readonly families?: Families; readonly where?: string } = {},
): Architecture {
  const { families = builtIn, where } = options;
  const { family = DEFAULT_FAMILY, ...own } = settings;
  return families.get(family, where).resolve(own, where);
}

/**
 * A published model's architecture, by its preset's name.
 *
 * @throws NuwaError VALUE with the nearest name when no family has it
 * @example architectureOfPreset("gpt2").config.vocab_size; // 50257
 */
export function architectureOfPreset(name: string, families: Families = builtIn): Architecture {
  for (const family of families) {
    const preset = family.presets[name];
    if (preset !== undefined) return family.resolve(preset.settings);
  }
  const names = [...families].flatMap((family) => Object.keys(family.presets));
  throw new NuwaError("VALUE", `unknown preset "${name}"`, { hint: didYouMean(name, names) });
}
