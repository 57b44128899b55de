import type { JsonValue } from "./document.ts";

/**
 * A plain value as JSON data, a copy. Keys whose value is undefined are left out, as `JSON.stringify` leaves them out.
 *
 * @throws TypeError for what JSON cannot hold: a function, a bigint, a number that is not finite
 * @example toJson({ a: 1, b: undefined }) // { a: 1 }
 */
export function toJson(value: unknown): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item ?? null));
  if (typeof value === "object") return toJsonObject(value);
  throw new TypeError(`expected a value that JSON can hold, got ${typeof value} ${String(value)}`);
}

/** As {@link toJson}, of an object. */
export function toJsonObject(value: object): { [key: string]: JsonValue } {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, toJson(item)]));
}
