import { z } from "zod";
import { unsupported } from "./json-faults.ts";

/** A `pattern` as tokenizer.json writes it: a text taken literally, or a regular expression of Oniguruma's. */
export const patternSchema = z.union([z.strictObject({ String: z.string() }), z.strictObject({ Regex: z.string() })]);
export type PatternJson = z.infer<typeof patternSchema>;

/** One code point. */
export const oneCharacter = z.string().refine((text) => [...text].length === 1, "expected one character");

/** A regular expression for a text taken literally. */
export function textRegex(text: string): RegExp {
  return new RegExp(escapeRegex(text), "gu");
}

/** `text` with every character that a regular expression (flag `u`) gives a meaning escaped. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/**
 * The steps of a normalizer, pre-tokenizer or decoder, Sequences opened. Options that are not known are refused: a newer
 * version of the format may give them a meaning.
 *
 * @param options.list under which name a Sequence keeps its steps
 * @throws NuwaError FILE naming the step or the option that is not supported
 */
export function readSteps<T>(
  json: unknown,
  options: { readonly schema: z.ZodType<T>; readonly list: string; readonly where: string; readonly part: string },
): { readonly step: T; readonly part: string }[] {
  const { schema, list, where, part } = options;
  if (json === null || json === undefined) return [];
  const sequence = z.object({ type: z.literal("Sequence"), [list]: z.array(z.unknown()) }).safeParse(json);
  if (sequence.success) {
    const steps = z.array(z.unknown()).parse(sequence.data[list]);
    return steps.flatMap((one, index) => readSteps(one, { ...options, part: `${part}.${list}[${index}]` }));
  }
  const step = schema.safeParse(json);
  if (step.success) return [{ step: step.data, part }];
  const issue = step.error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? part : `${part}.${issue.path.join(".")}`;
  const type = z.object({ type: z.string() }).safeParse(json);
  const name = type.success && issue?.path[0] === "type" ? `: ${type.data.type}` : "";
  throw unsupported(where, path, `${issue?.message ?? "not a step that can be read"}${name}`);
}
