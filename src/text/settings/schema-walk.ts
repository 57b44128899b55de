import * as z from "zod";

type Schema = z.core.$ZodType;

/** The schema below wrappers that only change what may be left out: default, optional, nullable, … */
export function unwrap(schema: Schema): Schema {
  let inner = schema;
  for (;;) {
    if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodReadonly ||
      inner instanceof z.ZodCatch ||
      inner instanceof z.ZodNonOptional
    ) {
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPipe) {
      // A preprocess is a transform piped into the schema that says what is allowed; a transform is the other way round.
      inner = inner.def.in instanceof z.ZodTransform ? inner.def.out : inner.def.in;
    } else if (inner instanceof z.ZodLazy) {
      inner = inner.def.getter();
    } else {
      return inner;
    }
  }
}

/** The first description found from the outside in: `.describe()` may stand before or after `.default()`. */
export function describe(schema: Schema): string | undefined {
  let inner: Schema = schema;
  for (;;) {
    const found = inner instanceof z.ZodType ? inner.description : undefined;
    if (found !== undefined) return found;
    const next = oneLevelDown(inner);
    if (next === undefined) return undefined;
    inner = next;
  }
}

function oneLevelDown(schema: Schema): Schema | undefined {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch ||
    schema instanceof z.ZodNonOptional
  ) {
    return schema.def.innerType;
  }
  if (schema instanceof z.ZodPipe) return schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in;
  return undefined;
}

/** What a preprocess makes of a value, which is what the schemas below it see. */
function preprocessed(schema: Schema, value: unknown): unknown {
  let input = value;
  for (let inner: Schema | undefined = schema; inner !== undefined; inner = oneLevelDown(inner)) {
    if (!(inner instanceof z.ZodPipe) || !(inner.def.in instanceof z.ZodTransform)) continue;
    const result = inner.def.in.safeParse(input);
    if (result.success) input = result.data;
  }
  return input;
}

/** The members of a union that a value may mean: all of them where its discriminator, or the value, does not tell. */
function membersFor(schema: Schema, union: z.ZodUnion, value: unknown): readonly Schema[] {
  const { options } = union.def;
  const input = preprocessed(schema, value);
  if (!(union instanceof z.ZodDiscriminatedUnion) || typeof input !== "object" || input === null) return options;
  const { discriminator } = union.def;
  const meant = options.filter((option) => {
    const literal = keysOf(option)?.get(discriminator);
    return literal !== undefined && z.safeParse(literal, Reflect.get(input, discriminator)).success;
  });
  return meant.length === 0 ? options : meant;
}

/**
 * The schemas of an object's keys, or undefined when the schema is not an object with fixed keys.
 * A union of objects gives the keys of all of its members; one with a free-form member gives undefined.
 *
 * @param value of a discriminated union only the members that this value may mean
 */
export function keysOf(schema: Schema, value?: unknown): Map<string, Schema> | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const catchall = inner.def.catchall;
    if (catchall !== undefined && !(catchall instanceof z.ZodNever)) return undefined;
    return new Map(Object.entries(inner.def.shape));
  }
  if (inner instanceof z.ZodUnion) {
    const all = new Map<string, Schema>();
    for (const option of membersFor(schema, inner, value)) {
      const below = unwrap(option);
      if (below instanceof z.ZodRecord || below instanceof z.ZodAny || below instanceof z.ZodUnknown) return undefined;
      for (const [key, value] of keysOf(option) ?? []) if (!all.has(key)) all.set(key, value);
    }
    return all.size === 0 ? undefined : all;
  }
  return undefined;
}

/** The schema of one key or index below `schema`, if it can be told. @param value as for {@link keysOf} */
export function childOf(schema: Schema, key: string | number, value?: unknown): Schema | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return typeof key === "number" ? inner.def.element : undefined;
  if (inner instanceof z.ZodTuple) return typeof key === "number" ? inner.def.items[key] : undefined;
  if (inner instanceof z.ZodRecord) return inner.def.valueType;
  if (inner instanceof z.ZodUnion && typeof key === "number") {
    for (const option of inner.def.options) {
      const found = childOf(option, key);
      if (found !== undefined) return found;
    }
  }
  return keysOf(schema, value)?.get(String(key));
}

/** The schema at the end of a path, if it can be told. @param value as for {@link keysOf} */
export function schemaAt(schema: Schema, path: readonly (string | number)[], value?: unknown): Schema | undefined {
  let at: Schema | undefined = schema;
  let below = value;
  for (const key of path) {
    if (at === undefined) return undefined;
    at = childOf(at, key, below);
    below = typeof below === "object" && below !== null ? Reflect.get(below, key) : undefined;
  }
  return at;
}

/** Every key path of a recipe schema, dotted: what `--set` can name. */
export function allKeyPaths(schema: Schema, prefix = "", depth = 6): string[] {
  if (depth === 0) return [];
  const paths: string[] = [];
  for (const [key, value] of keysOf(schema) ?? []) {
    paths.push(prefix + key, ...allKeyPaths(value, `${prefix}${key}.`, depth - 1));
  }
  return paths;
}
