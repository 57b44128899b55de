import * as z from "zod";

const regexFilter = z.strictObject({
  function: z.literal("regex"),
  regex_pattern: z
    .string()
    .refine(isPattern, "expected a regular expression")
    .describe("its groups are the answer, or the whole match where it has none"),
  group_select: z.int().default(0).describe("which match is taken; -1 for the last"),
  fallback: z.string().default("[invalid]").describe("the answer where nothing matches"),
});

const plainFilters = ["remove_whitespace", "lowercase", "uppercase", "take_first", "majority_vote"] as const;

/** One step of a filter, under the harness's names. */
export const filterSchema = z.discriminatedUnion("function", [
  regexFilter,
  z.strictObject({ function: z.enum(plainFilters) }),
]);

export type FilterStep = z.output<typeof filterSchema>;

/** Applies the steps in order to the replies to one item; the first of what is left is the answer. */
export function applyFilters(steps: readonly FilterStep[], replies: readonly string[]): readonly string[] {
  return steps.reduce((texts, step) => applyStep(step, texts), replies);
}

function applyStep(step: FilterStep, replies: readonly string[]): readonly string[] {
  switch (step.function) {
    case "regex":
      return replies.map((reply) => extract(step, reply));
    case "remove_whitespace":
      return replies.map((reply) => reply.trim());
    case "lowercase":
      return replies.map((reply) => reply.toLowerCase());
    case "uppercase":
      return replies.map((reply) => reply.toUpperCase());
    case "take_first":
      return replies.slice(0, 1);
    case "majority_vote":
      return [mostFrequent(replies)];
  }
}

/** As the harness: `findall`, one of the matches, of it the first group that is not empty. */
function extract(step: z.output<typeof regexFilter>, reply: string): string {
  const matches = [...reply.matchAll(pythonRegex(step.regex_pattern))];
  const match = matches.at(step.group_select);
  if (match === undefined) return step.fallback;
  const groups = match.slice(1);
  if (groups.length <= 1) return (groups.length === 0 ? match[0] : (groups[0] ?? "")).trim();
  return (groups.find((group) => group !== undefined && group !== "") ?? step.fallback).trim();
}

/** The first of the most frequent. */
function mostFrequent(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ["", 0])[0];
}

/** A pattern of Python's `re`: flags that it begins with, `(?s)`, become flags here. */
export function pythonRegex(pattern: string): RegExp {
  const [, flags = "", rest = pattern] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  return new RegExp(rest, `g${flags}`);
}

function isPattern(pattern: string): boolean {
  try {
    pythonRegex(pattern);
    return true;
  } catch {
    return false;
  }
}
