import * as YAML from "yaml";
import * as z from "zod";
import { describe, schemaAt } from "../../text/settings/schema-walk.ts";

/**
 * A resolved recipe as YAML, with what each key means as a comment on its line: what `--print-recipe` shows and what
 * lies in the run directory. Parsing it again gives the same recipe.
 */
export function printRecipe(schema: z.ZodType, recipe: object): string {
  const document = new YAML.Document(dropUndefined(recipe));
  comment(document.contents, { schema, recipe }, [], true);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function dropUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropUndefined);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, dropUndefined(item)]));
}

interface Root {
  readonly schema: z.ZodType;
  readonly recipe: object;
}

function comment(node: unknown, root: Root, path: readonly (string | number)[], top: boolean): void {
  if (YAML.isSeq(node)) {
    // Short lists of plain values read better on one line.
    if (node.items.every((item) => YAML.isScalar(item)) && node.toString().length < 80) node.flow = true;
    for (const [index, item] of node.items.entries()) comment(item, root, [...path, index], false);
    return;
  }
  if (!YAML.isMap(node)) return;
  for (const [index, pair] of node.items.entries()) {
    if (!YAML.isScalar(pair.key)) continue;
    const keyPath = [...path, String(pair.key.value)];
    comment(pair.value, root, keyPath, false);
    const schema = schemaAt(root.schema, keyPath, root.recipe);
    const text = schema === undefined ? undefined : describe(schema);
    if (top && index > 0) pair.key.spaceBefore = YAML.isMap(pair.value);
    if (text === undefined) continue;
    const line = text.replaceAll(/\s+/g, " ").trim();
    const inline = YAML.isScalar(pair.value) && !String(pair.value.value).includes("\n");
    if (inline && YAML.isScalar(pair.value)) pair.value.comment = ` ${line}`;
    else pair.key.commentBefore = ` ${line}`;
  }
}
