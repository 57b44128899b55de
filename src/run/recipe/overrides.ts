import * as YAML from "yaml";
import { NuwaError } from "../../text/index.ts";

/** One `a.b=c`, split and typed. */
export interface Override {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  /** Who asked for it, for messages: `--set` or `NUWA_SET`. */
  readonly origin: string;
}

/**
 * Parses `pretrain.steps=200`. The value is read as YAML, so numbers, `true`, `[a, b]`, `{k: v}` and quoted text mean
 * what they mean in the recipe file. List items are named by number: `collect.sources.0.path=x`.
 *
 * @throws NuwaError USAGE without a key or `=`, or when the value is not YAML.
 */
export function parseOverride(assignment: string, origin: string): Override {
  const equals = assignment.indexOf("=");
  const key = equals === -1 ? "" : assignment.slice(0, equals).trim();
  if (!/^[^.\s]+(\.[^.\s]+)*$/.test(key)) {
    throw new NuwaError("USAGE", `expected key=value, got "${assignment}"`, {
      where: origin,
      hint: `for example ${origin === "--set" ? "--set pretrain.steps=200" : "NUWA_SET=pretrain.steps=200"}`,
    });
  }
  return { path: pathOf(key, origin), value: parseValue(assignment.slice(equals + 1), key, origin), origin };
}

/** A dotted key's parts; list items are numbers. @throws NuwaError USAGE for a key that no recipe can have */
export function pathOf(key: string, origin: string): readonly (string | number)[] {
  const path = key
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".")
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  for (const part of path) {
    if (part === "__proto__" || part === "constructor" || part === "prototype") {
      throw new NuwaError("USAGE", `no key "${key}"`, { where: origin });
    }
  }
  return path;
}

function parseValue(text: string, key: string, origin: string): unknown {
  try {
    return YAML.parse(text, { maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    throw new NuwaError("USAGE", `expected a YAML value for "${key}", got ${JSON.stringify(text)}`, {
      where: origin,
      hint: "quote text that has special characters",
      cause,
    });
  }
}

/** A copy of `value` with the overrides applied in order; mappings on the way are made where there are none. */
export function applyOverrides(
  value: Record<string, unknown>,
  overrides: readonly Override[],
): Record<string, unknown> {
  const root = structuredClone(value);
  for (const { path, value: leaf } of overrides) {
    let at: Record<string | number, unknown> = root;
    for (const [depth, key] of path.entries()) {
      if (depth === path.length - 1) {
        at[key] = leaf;
      } else {
        const next = at[key];
        if (typeof next === "object" && next !== null) {
          at = next as Record<string | number, unknown>;
        } else {
          const made: Record<string | number, unknown> = {};
          at[key] = made;
          at = made;
        }
      }
    }
  }
  return root;
}
