import type { JsonValue } from "../../../text/document.ts";
import { textOf, valueAt } from "../../template.ts";

export type JsonRecord = { readonly [key: string]: JsonValue };

/** Where the text of a record is looked for when the recipe does not say. */
export const USUAL_TEXT_FIELDS = ["text", "content", "body", "paragraphs"] as const;

/** The text of a record, or why there is none. */
export type Rendered = { readonly text: string } | { readonly missing: string };

/** Turns a record into text. */
export type RecordText = (record: JsonRecord) => Rendered;

/**
 * Prepares a field name or template. `{field}` and `{a.b}` are replaced by the field's text: strings as they are, numbers
 * and booleans in their usual form, lists joined by newlines. `{field?}` may be missing or null; a line of the template
 * that holds nothing but fields, all of them empty, is left out. A brace pair that holds no field name stands for itself.
 *
 * @example recordText("{title}\n{paragraphs}")({ title: "静夜思", paragraphs: ["床前明月光，", "疑是地上霜。"] })
 */
export function recordText(template: string | undefined): RecordText {
  if (template === undefined) return usualText;
  if (!FIELD.test(template)) {
    return (record) => {
      const value = fieldText(record, template);
      return value === undefined ? missing(record, template) : { text: value };
    };
  }
  const lines = template.split("\n");
  return (record) => {
    const rendered: string[] = [];
    for (const line of lines) {
      let absent: string | undefined;
      let fields = 0;
      let filled = 0;
      const text = line.replace(FIELDS, (_, name: string, optional: string) => {
        fields++;
        const value = fieldText(record, name);
        if (value !== undefined && value !== "") filled++;
        if (value === undefined && optional === "") absent ??= name;
        return value ?? "";
      });
      if (absent !== undefined) return missing(record, absent);
      if (fields === 0 || filled > 0 || text.trim() !== "") rendered.push(text);
    }
    return { text: rendered.join("\n") };
  };
}

const FIELD = /\{[\p{L}\p{N}_$@][\p{L}\p{N}_$@ .-]*\??\}/u;
const FIELDS = /\{([\p{L}\p{N}_$@][\p{L}\p{N}_$@ .-]*)(\??)\}/gu;

/** Fills templates in `meta` from the record; a field that is not there leaves an empty string. */
export function recordMeta(meta: JsonRecord, record: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(meta).map(([key, value]) => [
      key,
      typeof value === "string" ? value.replace(FIELDS, (_, name: string) => fieldText(record, name) ?? "") : value,
    ]),
  );
}

function usualText(record: JsonRecord): Rendered {
  for (const name of USUAL_TEXT_FIELDS) {
    const value = fieldText(record, name);
    if (value !== undefined) return { text: value };
  }
  return { missing: `no field ${USUAL_TEXT_FIELDS.join(", ")}; ${fieldsOf(record)}; set "text" to the field to take` };
}

function missing(record: JsonRecord, name: string): Rendered {
  return { missing: `no text in field "${name}"; ${fieldsOf(record)}` };
}

function fieldsOf(record: JsonRecord): string {
  const names = Object.keys(record).slice(0, 12);
  return names.length === 0 ? "the record has no fields" : `it has ${names.join(", ")}`;
}

function fieldText(record: JsonRecord, name: string): string | undefined {
  return textOf(valueAt(record, name));
}
