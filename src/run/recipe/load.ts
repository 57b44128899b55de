import { readFileSync } from "node:fs";
import * as path from "node:path";
import type * as z from "zod";
import { NuwaError, didYouMean } from "../../text/index.ts";
import { check, dotted, type Mistake } from "../../text/settings/issues.ts";
import { throwAll, YamlSource } from "../../text/settings/yaml-source.ts";
import { applyOverrides, parseOverride, type Override } from "./overrides.ts";
import { allKeyPaths, childOf, keysOf, schemaAt } from "../../text/settings/schema-walk.ts";

type Path = readonly (string | number)[];

export interface LoadOptions {
  /** `a.b=c` from the command line (`--set`), in order. */
  readonly set?: readonly string[];
  /** The environment: `NUWA_SET` holds assignments separated by `;` or line ends. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Applied last: a variant's own keys. */
  readonly overrides?: readonly Override[];
  /** What to look up all keys with; `--print-recipe`, if not told otherwise. */
  readonly printedBy?: string;
  /** Last touch before the check: the name from the file, values that sections inherit. */
  readonly prepare?: (value: Record<string, unknown>) => Record<string, unknown>;
}

/**
 * Reads a recipe file, applies overrides, checks everything against the schema and fills in defaults.
 * An override from the command line wins over one from the environment, and both win over the file.
 *
 * @throws NuwaError FILE when it cannot be read, VALUE with `file:line` for each mistake in it.
 * @example const recipe = loadRecipe(recipeSchema, "recipes/sample.yaml", { set: ["pretrain.steps=100"] });
 */
export function loadRecipe<T>(schema: z.ZodType<T>, file: string, options: LoadOptions = {}): T {
  return parseRecipe(schema, file, readRecipeText(file), options);
}

function readRecipeText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT") {
      throw new NuwaError("FILE", "no such recipe file", {
        where: file,
        hint: "see recipes/ for ones to begin with",
        cause,
      });
    }
    if (code === "EISDIR") {
      throw new NuwaError("FILE", "expected a recipe file, got a folder", { where: file, cause });
    }
    throw new NuwaError("FILE", `cannot be read: ${(cause as Error).message}`, { where: file, cause });
  }
}

/** Windows editors begin a file with a byte order mark and some tools with none; neither is the user's mistake. */
function sourceOf(file: string, text: string): YamlSource {
  return new YamlSource(file, text.replace(/^\uFEFF/, ""));
}

/** A recipe's values as they are in the file, with overrides of one key alone; nothing is checked. */
export function readOneKey(file: string, key: string, set: readonly string[]): unknown {
  const overrides = set
    .map((assignment) => parseOverride(assignment, "--set"))
    .filter(({ path: [top] }) => top === key);
  return applyOverrides(sourceOf(file, readRecipeText(file)).value(), overrides)[key];
}

/** As {@link loadRecipe}, from text already in memory. */
export function parseRecipe<T>(schema: z.ZodType<T>, file: string, text: string, options: LoadOptions = {}): T {
  const source = sourceOf(file, text);
  const fromEnvironment = (options.env?.["NUWA_SET"] ?? "").split(/[;\n]/).filter((part) => part.trim() !== "");
  const overrides: Override[] = [
    ...fromEnvironment.map((assignment) => parseOverride(assignment, "NUWA_SET")),
    ...(options.set ?? []).map((assignment) => parseOverride(assignment, "--set")),
    ...(options.overrides ?? []),
  ];
  for (const override of overrides) {
    if (schemaAt(schema, override.path) === undefined) {
      throw new NuwaError("USAGE", `no key "${dotted(override.path)}"`, {
        where: override.origin,
        hint: didYouMeanPath(schema, override.path) ?? `see ${options.printedBy ?? "--print-recipe"} for all keys`,
      });
    }
  }
  const value = applyOverrides(source.value(), overrides);
  const result = check(schema, (options.prepare ?? ((same) => same))(normaliseSections(schema, value)));
  if (result.ok) return result.value;
  // A value that sections take from the top level is one mistake, not one in each of them.
  const top = new Set(result.mistakes.filter(({ path: at }) => at.length === 1).map(({ path: at }) => String(at[0])));
  const own = (at: Path): boolean => schemaAt(schema, at) === undefined || valueIn(value, at) !== undefined;
  const mistakes = result.mistakes.filter(({ path: at }) => at.length === 1 || !top.has(String(at.at(-1))) || own(at));
  throwAll(
    mistakes.map((mistake) => ({ where: placeOf(mistake, source, overrides), ...mistake })),
    file,
  );
  throw new NuwaError("VALUE", "the recipe does not fit its schema", { where: file });
}

function valueIn(value: unknown, keyPath: Path): unknown {
  let at: unknown = value;
  for (const key of keyPath) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  return at;
}

function placeOf(mistake: Mistake, source: YamlSource, overrides: readonly Override[]): string {
  const at = dotted(mistake.path);
  for (const override of overrides.toReversed()) {
    const set = dotted(override.path);
    if (at === set || at.startsWith(`${set}.`) || at.startsWith(`${set}[`)) return `${override.origin} ${set}`;
  }
  return source.where(mistake.path, mistake.atKey);
}

/** The dotted paths are compared whole, so that `pretrain.layers` finds `pretrain.model.num_hidden_layers`. */
function didYouMeanPath(schema: z.ZodType, keyPath: Path): string | undefined {
  const all = allKeyPaths(schema);
  const last = String(keyPath.at(-1));
  const sameName = all.filter((candidate) => candidate.endsWith(`.${last}`));
  if (sameName.length > 0 && sameName.length <= 3) return `did you mean "${sameName.join('" or "')}"?`;
  const hint = didYouMean(dotted(keyPath), all);
  return hint.startsWith("did you mean") ? hint : undefined;
}

/**
 * A stage may be switched off with `false`, and asked for with all defaults by `true` or by its bare key
 * (`filter:` and nothing after it).
 */
function normaliseSections(schema: z.ZodType, value: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, section] of Object.entries(value)) {
    const below = childOf(schema, key);
    const isSection = below !== undefined && keysOf(below) !== undefined;
    if (isSection && section === false) continue;
    out[key] = isSection && (section === null || section === true) ? {} : section;
  }
  return out;
}

/** A recipe's own name when it gives none: its file name without the ending. */
export function nameFromFile(file: string): string {
  return path.basename(file).replace(/\.ya?ml$/i, "");
}
