import { NuwaError, toJson, type JsonValue } from "../../text/index.ts";
import { hashValue } from "../../io/hash.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import type { Recipe } from "../settings/general.ts";
import type { LoadOptions } from "./load.ts";
import { parseOverride, pathOf, type Override } from "./overrides.ts";
import { readRecipe } from "./recipe.ts";
import type { SweepSettings } from "../settings/sweep.ts";

/** One recipe of a sweep. */
export interface Variant {
  /** Its name, and that of its folder. */
  readonly id: string;
  /** What it has otherwise than the sweep's recipe: dotted key to value. */
  readonly overrides: Readonly<Record<string, JsonValue>>;
  readonly recipe: Recipe;
}

export interface VariantOptions extends Pick<LoadOptions, "set" | "env"> {
  /** `key=a,b,c` from the command line (`--vary`): added to the recipe's own grid. */
  readonly vary?: readonly string[];
  readonly stages?: Iterable<RecipeStage>;
}

/**
 * A sweep from its recipe: the recipe itself, and each of its variants, in order: variants as listed, each at every
 * point of the grid, whose last key changes fastest. A variant's own keys win over `--set`, which holds for all.
 *
 * @throws NuwaError USAGE when there is no variant; VALUE for a mistake in one of them, or two of one name
 * @example readVariants("sweep.yaml", { vary: ["pretrain.optimizer.learning_rate=1e-3,3e-3"] }).variants[1].id // "learning_rate-0.003"
 */
export function readVariants(
  file: string,
  { vary = [], ...options }: VariantOptions = {},
): { readonly recipe: Recipe; readonly variants: readonly Variant[] } {
  const recipe = readRecipe(file, { ...options, overrides: vary.map(gridOverride) });
  const listed = recipe.sweep === undefined ? [] : combine(recipe.sweep);
  if (listed.length === 0) {
    throw new NuwaError("USAGE", "this recipe has no variants", {
      where: file,
      hint: 'list them under "sweep:", or give --vary pretrain.optimizer.learning_rate=0.001,0.003',
    });
  }
  const names = shortNames(listed.flatMap(({ overrides }) => Object.keys(overrides)));
  const variants = listed.map(({ id: named, overrides }) => {
    const id = named ?? nameOf(overrides, names);
    const own = Object.entries(overrides).map(([key, value]) => variantOverride(key, value, id));
    const whole: Override[] = [
      { path: ["sweep"], value: false, origin: file },
      { path: ["name"], value: id, origin: file },
    ];
    return { id, overrides, recipe: readRecipe(file, { ...options, overrides: [...whole, ...own] }) };
  });
  const twice = variants.find(({ id }, i) => variants.findIndex((other) => other.id === id) < i);
  if (twice !== undefined) {
    throw new NuwaError("VALUE", `two variants are called "${twice.id}"`, {
      where: `${file}: sweep`,
      hint: "give each an id of its own",
    });
  }
  return { recipe, variants };
}

function gridOverride(assignment: string): Override {
  const equals = assignment.indexOf("=");
  if (equals < 1) {
    throw new NuwaError("USAGE", `expected key=value,value, got "${assignment}"`, {
      where: "--vary",
      hint: "for example --vary pretrain.optimizer.learning_rate=0.001,0.003",
    });
  }
  const key = assignment.slice(0, equals).trim();
  const { value } = parseOverride(`${key}=[${assignment.slice(equals + 1)}]`, "--vary");
  return { path: ["sweep", "vary", key], value, origin: "--vary" };
}

function variantOverride(key: string, value: JsonValue, id: string): Override {
  const origin = `variant "${id}"`;
  const path = pathOf(key, origin);
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  if (path.length === 1 && isMapping) {
    throw new NuwaError("VALUE", `"${key}" is a whole section; expected a key in it`, {
      where: origin,
      hint: `for example ${key}.${Object.keys(value)[0] ?? "steps"}`,
    });
  }
  return { path, value, origin };
}

interface Listed {
  readonly id?: string | undefined;
  readonly overrides: Readonly<Record<string, JsonValue>>;
}

/** Each listed variant at each point of the grid. */
function combine({ variants, vary }: SweepSettings): Listed[] {
  let points: Record<string, JsonValue>[] = [{}];
  for (const [key, values] of Object.entries(vary)) {
    points = points.flatMap((point) => values.map((value) => ({ ...point, [key]: toJson(value) })));
  }
  const hasGrid = Object.keys(vary).length > 0;
  if (variants.length === 0) return hasGrid ? points.map((overrides) => ({ overrides })) : [];
  const listed = variants.map(({ id, set }): Listed => {
    return { id, overrides: Object.fromEntries(Object.entries(set).map(([key, value]) => [key, toJson(value)])) };
  });
  if (!hasGrid) return listed;
  const names = shortNames(Object.keys(vary));
  return listed.flatMap(({ id, overrides }) =>
    points.map((point) => ({
      ...(id === undefined ? {} : { id: `${id}_${nameOf(point, names)}` }),
      overrides: { ...overrides, ...point },
    })),
  );
}

/** Each key's last part, or all of it where two keys end in the same. */
function shortNames(keys: readonly string[]): ReadonlyMap<string, string> {
  const all = [...new Set(keys)];
  const last = (key: string): string => key.split(".").at(-1) ?? key;
  return new Map(
    all.map((key) => [key, all.some((other) => other !== key && last(other) === last(key)) ? key : last(key)]),
  );
}

const LONGEST_NAME = 80;

/** `learning_rate-0.001_batch-8`; of what is too long for a folder's name, the beginning and a hash. */
function nameOf(overrides: Readonly<Record<string, JsonValue>>, names: ReadonlyMap<string, string>): string {
  const parts = Object.entries(overrides).map(([key, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${names.get(key) ?? key}-${text.replaceAll(/^[[{"]+|[\]}"]+$/g, "")}`;
  });
  const name = parts
    .join("_")
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, "-")
    .replaceAll(/^[._-]+|-+$/g, "");
  if (name === "") return "unchanged";
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME)}-${hashValue(overrides).slice(0, 8)}`;
}
