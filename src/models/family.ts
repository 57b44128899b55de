import type * as z from "zod";
import type { Device } from "../tensor/index.ts";
import { didYouMean, NuwaError } from "../text/index.ts";
import { type CheckpointFormat, type ConfigJson, formatOf, type Layout } from "./checkpoint/layout.ts";
import { type GgufLayout, ggufFormatOf } from "./gguf/layout.ts";
import type { Architecture, CreateOptions, DropoutRates, Model, ModelConfig } from "./model.ts";

/** A published model's shape, by name. */
export interface Preset<Settings = Readonly<Record<string, unknown>>> {
  /** One phrase: who made it, what differs here. */
  readonly description: string;
  readonly settings: Settings;
}

/** What a model is created with, and keeps: its architecture. */
export interface ModelOptions extends CreateOptions {
  readonly architecture: Architecture;
}

/** Which keys of a family's settings are its vocabulary's size, its longest text, and its dropout. */
export interface RecipeKeys<Key extends string = string> {
  readonly vocabulary: Key;
  readonly context: Key;
  readonly dropout?: Key;
}

/** What {@link defineFamily} takes. */
export interface FamilyDefinition<Schema extends z.ZodObject, Config extends ModelConfig> {
  /** In recipes: `model: { family: NAME }`. */
  readonly name: string;
  /** `model_type` of config.json: the family reads the checkpoints that say it. */
  readonly modelType: string;
  /** One sentence without a full stop. */
  readonly description: string;
  /** The settings as a user writes them, in the original implementation's keys. */
  readonly configSchema: Schema;
  /** Keys that a recipe gives otherwise: by its tokenizer, its `context` and, where there is such a key, `dropout`. */
  readonly keys: RecipeKeys<keyof z.output<Schema> & string>;
  /**
   * Fills in what follows from the rest, and checks what no single key shows.
   * @throws NuwaError VALUE
   */
  resolve(settings: z.output<Schema>, where?: string): Config;
  /** The config with other dropout. Without it, the family has none. */
  withDropout?(config: Config, rates: DropoutRates): Config;
  create(config: Config, device: Device, options: ModelOptions): Model;
  /** The first that fits is used to save; the one of the family's own `modelType` must be among them. */
  readonly layouts: readonly Layout<Config>[];
  /** How llama.cpp names and orders such models. */
  readonly ggufLayouts?: readonly GgufLayout<Config>[];
  readonly presets?: Readonly<Record<string, Preset<z.input<Schema>>>>;
}

/** A family of models, as a registry holds it. */
export interface Family {
  readonly name: string;
  readonly modelType: string;
  readonly description: string;
  readonly configSchema: z.ZodObject;
  readonly keys: RecipeKeys;
  readonly presets: Readonly<Record<string, Preset>>;
  /**
   * @param settings in the family's own keys
   * @param where what a message names as the place: a file, a recipe's key
   * @throws NuwaError VALUE naming the key, what was expected and what came
   */
  resolve(settings: unknown, where?: string): Architecture;
  /** From a config.json of the family's type. @throws NuwaError CHECKPOINT or VALUE for what we cannot run */
  read(json: ConfigJson, where: string): { readonly architecture: Architecture; readonly format: CheckpointFormat };
}

/**
 * Defines a family of models. With one line in the registry, or in a plugin's `families`, recipes take it by name,
 * checkpoints of it are written and read, and its memory and operations are known before it is trained.
 *
 * @example
 * export const llama = defineFamily({
 *   name: "llama",
 *   modelType: "llama",
 *   description: "LLaMA",
 *   configSchema: z.strictObject({ vocab_size: z.int(), max_position_embeddings: z.int(), … }),
 *   keys: { vocabulary: "vocab_size", context: "max_position_embeddings" },
 *   resolve: (settings) => settings,
 *   create: (config, device, options) => new Llama(config, device, options),
 *   layouts: [llamaLayout],
 * });
 */
export function defineFamily<Schema extends z.ZodObject, Config extends ModelConfig>(
  definition: FamilyDefinition<Schema, Config>,
): Family {
  const { name, modelType, description, configSchema, keys, layouts, ggufLayouts = [], presets = {} } = definition;
  const own = layouts.find((layout) => layout.modelType === modelType);
  if (own === undefined) throw new NuwaError("VALUE", `the family "${name}" has no layout of its type "${modelType}"`);

  const architectureOf = (config: Config): Architecture => {
    const architecture: Architecture = {
      family: name,
      config,
      create: (device, options = {}) => definition.create(config, device, { ...options, architecture }),
      withDropout: (rates) => {
        if (definition.withDropout !== undefined) return architectureOf(definition.withDropout(config, rates));
        if (Object.values(rates).every((rate) => rate === undefined || rate === 0)) return architecture;
        throw new NuwaError("VALUE", `models of the family "${name}" have no dropout`, { hint: "set dropout to 0" });
      },
      formats: layouts.filter((layout) => layout.fits(config)).map((layout) => formatOf(layout, config)),
      ggufFormats: ggufLayouts.filter((layout) => layout.fits(config)).map((layout) => ggufFormatOf(layout, config)),
    };
    return architecture;
  };

  return {
    name,
    modelType,
    description,
    configSchema,
    keys,
    presets,
    resolve: (settings, where) => {
      const parsed = configSchema.safeParse(settings);
      if (!parsed.success) throw configError(parsed.error, configSchema, where);
      return architectureOf(definition.resolve(parsed.data, where));
    },
    read: (json, where) => {
      const config = own.fromJson(json, where);
      return { architecture: architectureOf(config), format: formatOf(own, config) };
    },
  };
}

/** Whether a plugin's value was made by {@link defineFamily}. */
export function isFamily(value: unknown): value is Family {
  return (
    typeof value === "object" &&
    value !== null &&
    ["name", "modelType", "description"].every((key) => typeof Reflect.get(value, key) === "string") &&
    ["resolve", "read"].every((key) => typeof Reflect.get(value, key) === "function")
  );
}

/** The first fault of a config, with the nearest key to one that is unknown. */
export function configError(error: z.ZodError, schema: z.ZodObject, where: string | undefined): NuwaError {
  const [issue] = error.issues;
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const hint = didYouMean(key, Object.keys(schema.shape));
    return new NuwaError("VALUE", `unknown key "${key}" in a model's config`, { where, hint, cause: error });
  }
  const path = issue?.path.join(".") ?? "";
  return new NuwaError("VALUE", `model config, ${path}: ${issue?.message ?? error.message}`, { where, cause: error });
}
