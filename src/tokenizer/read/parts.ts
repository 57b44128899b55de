import { z } from "zod";
import type { AddedToken } from "../steps/added-tokens.ts";
import { malformed, unsupported } from "../steps/json-faults.ts";
import { END_OF_TEXT, PAD } from "../special-tokens.ts";

/** Which control tokens begin, end and pad a text; tokenizer_config.json names them. */
export interface TokenRoles {
  readonly bos?: string | undefined;
  readonly eos?: string | undefined;
  readonly pad?: string | undefined;
}

/** Ids beyond this are no vocabulary that a model could have, and arrays by id would not fit in memory. */
export const tokenId = z.int().min(0).max(16_777_215);
const flag = z.boolean().nullish();

export const addedTokenSchema = z.strictObject({
  id: tokenId,
  content: z.string().min(1),
  special: z.boolean().default(false),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
});

// Vocabularies are read by hand below: a schema would copy every entry, and an entry named "__proto__" is lawful.
export const vocabularyObject = z.custom<Record<string, unknown>>(
  (value) => isObject(value),
  "expected an object of token: id",
);

export const fileSchema = z.object({
  added_tokens: z.array(addedTokenSchema).nullish(),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  decoder: z.unknown(),
  post_processor: z.unknown(),
  model: z.looseObject({ type: z.string().optional() }),
});

export type TokenizerFile = z.infer<typeof fileSchema>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `model.merges[3]`: a path as one writes it. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

/** @throws NuwaError FILE naming the part of the file that is not as the schema wants it */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown, where: string, prefix = ""): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const part = pathText([...(prefix === "" ? [] : [prefix]), ...(issue?.path ?? [])]) || "the file";
  throw malformed(where, part, issue?.message ?? "is not as expected");
}

/** Token and id, checked. */
export function readVocabulary(vocab: Record<string, unknown>, where: string): Map<string, number> {
  const ids = new Map<string, number>();
  const earlier = new Set<unknown>();
  for (const [token, value] of Object.entries(vocab)) {
    const name = `model.vocab[${JSON.stringify(token)}]`;
    if (!tokenId.safeParse(value).success) {
      throw malformed(where, name, `expected an id, got ${JSON.stringify(value)}`);
    }
    if (earlier.has(value)) throw malformed(where, name, `id ${String(value)} stands twice`);
    earlier.add(value);
    ids.set(token, Number(value));
  }
  return ids;
}

export function readAddedTokens(tokens: readonly z.infer<typeof addedTokenSchema>[]): AddedToken[] {
  return tokens.map((token) => ({
    id: token.id,
    content: token.content,
    special: token.special,
    ...(token.single_word === true ? { singleWord: true } : {}),
    ...(token.lstrip === true ? { leftStrip: true } : {}),
    ...(token.rstrip === true ? { rightStrip: true } : {}),
    ...(token.normalized === true ? { normalized: true } : {}),
  }));
}

/**
 * Hugging Face's library numbers added tokens itself: as in the model's vocabulary, else on from its size.
 *
 * @throws NuwaError FILE for a token with another id than the library gives it
 */
export function checkAddedIds(
  tokens: readonly AddedToken[],
  ids: ReadonlyMap<string, number>,
  vocabSize: number,
  where: string,
): void {
  const known = new Map<string, number>();
  let highest = -1;
  tokens.forEach(({ content, id }, index) => {
    const next = highest >= vocabSize ? highest + 1 : vocabSize;
    const expected = known.get(content) ?? ids.get(content) ?? next;
    if (id !== expected) {
      const message = `expected ${expected} for ${JSON.stringify(content)}, as the library numbers added tokens, got ${id}`;
      throw unsupported(where, `added_tokens[${index}].id`, message);
    }
    known.set(content, id);
    highest = Math.max(highest, id);
  });
}

/** The ids of the tokens that play a part; a token that the vocabulary lacks plays none. */
export function roleIds(
  roles: TokenRoles,
  find: (token: string) => number | undefined,
): { bosId: number | undefined; eosId: number | undefined; padId: number | undefined } {
  return {
    bosId: find(roles.bos ?? END_OF_TEXT),
    eosId: find(roles.eos ?? END_OF_TEXT),
    padId: find(roles.pad ?? PAD),
  };
}

/** The types of the steps of a normalizer, pre-tokenizer, decoder or post-processor, Sequences opened. */
export function stepTypes(json: unknown): string[] {
  if (!isObject(json)) return [];
  const type = json["type"];
  if (type !== "Sequence") return typeof type === "string" ? [type] : [];
  const list = json["normalizers"] ?? json["pretokenizers"] ?? json["decoders"] ?? json["processors"];
  return Array.isArray(list) ? list.flatMap(stepTypes) : [];
}
