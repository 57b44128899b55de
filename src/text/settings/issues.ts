import * as z from "zod";
import { didYouMean } from "../nearest.ts";
import { allKeyPaths, childOf, keysOf, schemaAt } from "./schema-walk.ts";

type Schema = z.core.$ZodType;
type Path = readonly (string | number)[];

/** One mistake in a file of settings, before it is known on which line it stands. */
export interface Mistake {
  readonly path: Path;
  /** What was expected and what came. */
  readonly message: string;
  readonly hint?: string | undefined;
  /** The line of the key counts, not that of its value. */
  readonly atKey: boolean;
}

/** `pretrain.model.layers`, `collect.sources[2]`. */
export function dotted(path: Path): string {
  let out = "";
  for (const part of path) out += typeof part === "number" ? `[${part}]` : out === "" ? part : `.${part}`;
  return out;
}

/** A value as a person would write it in the file, cut short. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "nothing";
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  if (Array.isArray(value)) return `the list ${short}`;
  return typeof value === "object" ? `the mapping ${short}` : short;
}

/**
 * Checks the values of a recipe, a task or other settings against a schema.
 *
 * Keys that the schema does not know are looked for here and not in zod, because a nested schema that forgets to be
 * strict would otherwise swallow a misspelt key without a word.
 *
 * @returns the parsed value with defaults filled in, or every mistake there is.
 */
export function check<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly mistakes: Mistake[] } {
  const mistakes = unknownKeys(schema, value, [], schema);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const hasUnknown = new Set(mistakes.map((mistake) => dotted(mistake.path)));
    for (const issue of parsed.error.issues) {
      for (const mistake of explain(issue, value)) {
        if (!hasUnknown.has(dotted(mistake.path))) mistakes.push(mistake);
      }
    }
  }
  if (mistakes.length > 0 || !parsed.success) return { ok: false, mistakes };
  return { ok: true, value: parsed.data };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownKeys(schema: Schema, value: unknown, path: Path, root: Schema): Mistake[] {
  const mistakes: Mistake[] = [];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const child = childOf(schema, index);
      if (child !== undefined) mistakes.push(...unknownKeys(child, item, [...path, index], root));
    }
  } else if (isMapping(value)) {
    const known = keysOf(schema, value);
    for (const [key, item] of Object.entries(value)) {
      const child = childOf(schema, key, value);
      if (child !== undefined) {
        mistakes.push(...unknownKeys(child, item, [...path, key], root));
      } else if (known !== undefined) {
        mistakes.push({
          path: [...path, key],
          message: `unknown key "${dotted([...path, key])}"`,
          hint: hintForKey([...path, key], known, root),
          atKey: true,
        });
      }
    }
  }
  return mistakes;
}

/** The nearest key at this level; else the place of a key of that very name elsewhere; else all that are allowed. */
function hintForKey(keyPath: Path, known: Map<string, Schema>, root: Schema): string {
  const key = String(keyPath.at(-1));
  const here = didYouMean(key, known.keys());
  if (here.startsWith("did you mean")) return here;
  // A key may belong to another member of a union at this very place.
  const others = allKeyPaths(root).filter((path) => path !== dotted(keyPath));
  const elsewhere = others.filter((path) => path === key || path.endsWith(`.${key}`));
  if (elsewhere.length > 0 && elsewhere.length <= 3) return `did you mean "${elsewhere.join('" or "')}"?`;
  return here;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (Array.isArray(at)) at = typeof key === "number" ? at[key] : undefined;
    else if (isMapping(at)) at = at[String(key)];
    else return undefined;
  }
  return at;
}

function plainPath(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === "number" ? part : String(part)));
}

function expectation(path: Path, expected: string, came: unknown): string {
  if (came === undefined) return `"${dotted(path)}" is missing: expected ${expected}`;
  return `expected ${expected} for "${dotted(path)}", got ${show(came)}`;
}

function explain(issue: z.core.$ZodIssue, root: unknown): Mistake[] {
  const path = plainPath(issue.path);
  const came = valueAt(root, path);
  const mistake = (expected: string, hint?: string): Mistake[] => [
    { path, message: expectation(path, expected, came), hint, atKey: false },
  ];
  switch (issue.code) {
    case "invalid_type":
      return mistake(typeName(issue.expected));
    case "too_small":
      return mistake(bound(issue.origin, issue.inclusive === false ? "above" : "at least", issue.minimum));
    case "too_big":
      return mistake(bound(issue.origin, issue.inclusive === false ? "below" : "at most", issue.maximum));
    case "not_multiple_of":
      return mistake(`a multiple of ${issue.divisor}`);
    case "invalid_value": {
      const values = issue.values.map((value) => String(value));
      const expected = values.length === 1 ? show(issue.values[0]) : `one of ${values.join(", ")}`;
      const near = typeof came === "string" ? didYouMean(came, values) : undefined;
      return mistake(expected, near?.startsWith("did you mean") ? near : undefined);
    }
    case "invalid_format":
      if (issue.message.startsWith("expected "))
        return [{ path, message: `${issue.message} for "${dotted(path)}", got ${show(came)}`, atKey: false }];
      return mistake(issue.format === "regex" ? `text like ${issue.pattern}` : `text in the form of a ${issue.format}`);
    case "unrecognized_keys":
      return []; // found by unknownKeys, with a hint
    case "invalid_union":
      return explainUnion(issue, path, came, root);
    case "custom":
      return [{ path, message: `${dotted(path)}: ${issue.message}`, atKey: false }];
    default:
      return [{ path, message: `${dotted(path)}: ${issue.message}`, atKey: false }];
  }
}

function explainUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, came: unknown, root: unknown): Mistake[] {
  if ("options" in issue && Array.isArray(issue.options) && issue.options.length > 0) {
    const values = issue.options.filter((option) => option !== undefined).map(String);
    const near = typeof came === "string" ? didYouMean(came, values) : undefined;
    const message = expectation(path, `one of ${values.join(", ")}`, came);
    return [{ path, message, hint: near?.startsWith("did you mean") ? near : undefined, atKey: false }];
  }
  // The member that got deepest into the value is the one that was meant.
  const branches = issue.errors.map((errors) => errors.map((error) => ({ ...error, path: [...path, ...error.path] })));
  const deepest = branches
    .filter((errors) => errors.length > 0 && errors.every((error) => error.path.length > path.length))
    .toSorted((a, b) => a.length - b.length)[0];
  if (deepest !== undefined) return deepest.flatMap((error) => explain(error as z.core.$ZodIssue, root));
  const allowed = new Set<string>();
  for (const errors of branches) {
    for (const error of errors) {
      if (error.code === "invalid_type") allowed.add(typeName(error.expected));
      else if (error.code === "invalid_value") for (const value of error.values) allowed.add(show(value));
      else if (error.code === "too_small")
        allowed.add(bound(error.origin, error.inclusive === false ? "above" : "at least", error.minimum));
      else if (error.code === "too_big")
        allowed.add(bound(error.origin, error.inclusive === false ? "below" : "at most", error.maximum));
    }
  }
  const expected = allowed.size === 0 ? "another value" : [...allowed].join(" or ");
  return [{ path, message: expectation(path, expected, came), atKey: false }];
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    string: "text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a mapping of keys to values",
    record: "a mapping of keys to values",
    null: "nothing",
    nan: "not a number",
  };
  return names[expected] ?? expected;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  switch (origin) {
    case "number":
    case "int":
    case "bigint":
      return `a number ${relation} ${limit}`;
    case "string":
      return limit === 1 && relation === "at least"
        ? "text that is not empty"
        : `text of ${relation} ${limit} characters`;
    case "array":
    case "set":
      return limit === 1 && relation === "at least"
        ? "a list that is not empty"
        : `a list of ${relation} ${limit} items`;
    default:
      return `${relation} ${limit}`;
  }
}

/** Whether a dotted path names a key of the schema: for `--set`. */
export function isKnownPath(schema: Schema, path: Path): boolean {
  return schemaAt(schema, path) !== undefined;
}
