import type { JsonValue } from "../text/document.ts";

/** A parsed template: literal text and the paths of fields, in turn. */
export interface Template {
  readonly source: string;
  readonly parts: readonly (string | { readonly path: string })[];
  /** The paths, in order of appearance. */
  readonly paths: readonly string[];
}

/**
 * Parses `"{title}\n{author.name}: {lines}"`. A path is field names and array positions joined by dots;
 * braces that hold no path (`{`, `{}`, `{ x y }`) are literal text.
 */
export function parseTemplate(source: string): Template {
  const parts: (string | { path: string })[] = [];
  let end = 0;
  for (const match of source.matchAll(/\{([\p{L}\p{N}_$-]+(?:\.[\p{L}\p{N}_$-]+)*)\}/gu)) {
    if (match.index > end) parts.push(source.slice(end, match.index));
    parts.push({ path: match[1] ?? "" });
    end = match.index + match[0].length;
  }
  if (end < source.length) parts.push(source.slice(end));
  const paths = parts.flatMap((part) => (typeof part === "string" ? [] : [part.path]));
  return { source, parts, paths };
}

/**
 * The value at a dotted path, or undefined where the path leads nowhere. A field that has the whole path for its name
 * goes first; own properties only.
 */
export function valueAt(record: JsonValue | undefined, path: string): JsonValue | undefined {
  if (isRecord(record) && Object.hasOwn(record, path)) return record[path];
  let value = record;
  for (const name of path.split(".")) {
    if (Array.isArray(value)) value = value[Number(name)];
    else if (isRecord(value) && Object.hasOwn(value, name)) value = value[name];
    else return undefined;
  }
  return value;
}

export function isRecord(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as text: arrays are joined by line breaks; objects, null and nothing have no text. */
export function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (!Array.isArray(value)) return undefined;
  const items = value.map(textOf);
  return items.includes(undefined) ? undefined : items.join("\n");
}

/**
 * Fills a template from a record.
 * @returns the text, or `missing`: the first path that the record has no text for, or an empty one
 */
export function fillTemplate(template: Template, record: JsonValue): { text: string } | { missing: string } {
  let text = "";
  for (const part of template.parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = textOf(valueAt(record, part.path));
    if (value === undefined || value === "") return { missing: part.path };
    text += value;
  }
  return { text };
}
