import { z } from "zod";
import { didYouMean } from "../text/index.ts";
import { AddedTokens, type AddedToken } from "./added-tokens.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { byteCharacters, tokenToBytes } from "./byte-alphabet.ts";
import { CharacterTokenizer } from "./character-tokenizer.ts";
import { malformed, unsupported } from "./json-faults.ts";
import { readPreTokenizer, readNormalizer } from "./read-pre-tokenizer.ts";
import { END_OF_TEXT, PAD } from "./special-tokens.ts";
import type { JsonObject, Tokenizer } from "./types.ts";
import { Vocabulary, type VocabularyEntry } from "./vocabulary.ts";

/** Which control tokens begin, end and pad a text; tokenizer_config.json names them. */
export interface TokenRoles {
  readonly bos?: string | undefined;
  readonly eos?: string | undefined;
  readonly pad?: string | undefined;
}

const id = z.int().min(0).max(0x3fffffff);
const flag = z.boolean().nullish();

const addedTokenSchema = z.object({
  id,
  content: z.string().min(1),
  special: z.boolean().default(false),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
});

// Vocabularies are read by hand below: a schema would copy every entry, and an entry named "__proto__" is lawful.
const vocabulary = z.custom<Record<string, unknown>>((value) => isObject(value), "expected an object of token: id");

const bpeSchema = z.object({
  type: z.literal("BPE"),
  vocab: vocabulary,
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: flag,
  ignore_merges: flag,
});

const wordLevelSchema = z.object({ type: z.literal("WordLevel"), vocab: vocabulary, unk_token: z.string().nullish() });

const fileSchema = z.object({
  added_tokens: z.array(addedTokenSchema).nullish(),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  decoder: z.unknown(),
  model: z.looseObject({ type: z.string().optional() }),
});

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `model.merges[3]`: a path as one writes it. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

function parse<T>(schema: z.ZodType<T>, value: unknown, where: string, prefix = ""): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const part = pathText([...(prefix === "" ? [] : [prefix]), ...(issue?.path ?? [])]) || "the file";
  throw malformed(where, part, issue?.message ?? "is not as expected");
}

/** Token and id, checked. */
function readVocabulary(vocab: Record<string, unknown>, where: string): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [token, value] of Object.entries(vocab)) {
    if (!id.safeParse(value).success) {
      throw malformed(where, `model.vocab[${JSON.stringify(token)}]`, `expected an id, got ${JSON.stringify(value)}`);
    }
    ids.set(token, Number(value));
  }
  return ids;
}

function readAddedTokens(tokens: readonly z.infer<typeof addedTokenSchema>[], where: string): AddedToken[] {
  return tokens.map((token, index) => {
    for (const option of ["single_word", "lstrip", "rstrip"] as const) {
      if (token[option] === true)
        throw unsupported(where, `added_tokens[${index}].${option}`, "only false can be read");
    }
    return { id: token.id, content: token.content, special: token.special };
  });
}

/** The ids of the tokens that play a part; a token that the vocabulary lacks plays none. */
function roleIds(roles: TokenRoles, find: (token: string) => number | undefined) {
  return {
    bosId: find(roles.bos ?? END_OF_TEXT),
    eosId: find(roles.eos ?? END_OF_TEXT),
    padId: find(roles.pad ?? PAD),
  };
}

/**
 * A tokenizer from the contents of a tokenizer.json: byte-level BPE, or characters (WordLevel over single characters).
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE naming the part that is malformed or that is not supported
 */
export function readTokenizerJson(json: unknown, where: string, roles: TokenRoles = {}): Tokenizer {
  const file = parse(fileSchema, json, where);
  const added = readAddedTokens(file.added_tokens ?? [], where);
  // fileSchema has seen that it is an object, and what JSON.parse gives is JSON.
  const source = json as JsonObject;
  // Older files leave the type out; then merges tell.
  const type = file.model.type ?? ("merges" in file.model ? "BPE" : "");
  if (type === "BPE") {
    const model = parse(bpeSchema, { ...file.model, type }, where, "model");
    return readBpe(model, file, added, roles, source, where);
  }
  if (type === "WordLevel") {
    const model = parse(wordLevelSchema, file.model, where, "model");
    return readCharacters(model, file, added, roles, source, where);
  }
  throw unsupported(where, "model.type", `${JSON.stringify(type)}; ${didYouMean(type, ["BPE", "WordLevel"])}`);
}

function readBpe(
  model: z.infer<typeof bpeSchema>,
  file: z.infer<typeof fileSchema>,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  if ((model.dropout ?? 0) > 0) throw unsupported(where, "model.dropout", "only null can be read");
  if (model.byte_fallback === true) throw unsupported(where, "model.byte_fallback", "only false can be read");
  for (const affix of ["continuing_subword_prefix", "end_of_word_suffix"] as const) {
    if ((model[affix] ?? "") !== "") throw unsupported(where, `model.${affix}`, "only null can be read");
  }
  const { scanners, addPrefixSpace } = readPreTokenizer(file.pre_tokenizer, where);
  const normalize = readNormalizer(file.normalizer, where);
  checkDecoder(file.decoder, "ByteLevel", where);
  const ids = readVocabulary(model.vocab, where);
  const byteIds = Int32Array.from(byteCharacters, (character, byte) => {
    const found = ids.get(character);
    if (found === undefined) {
      const name = byte.toString(16).padStart(2, "0");
      throw unsupported(where, "model.vocab", `has no token for byte 0x${name} (${JSON.stringify(character)})`);
    }
    return found;
  });
  const find = (token: string, rank: number): number => {
    const found = ids.get(token);
    if (found !== undefined) return found;
    throw malformed(where, `model.merges[${rank}]`, `${JSON.stringify(token)} is not in model.vocab`);
  };
  const merges = model.merges.map((merge, rank): readonly [number, number, number] => {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = parts;
    if (parts.length !== 2 || left === undefined || right === undefined) {
      throw malformed(where, `model.merges[${rank}]`, `expected two tokens, got ${JSON.stringify(merge)}`);
    }
    return [find(left, rank), find(right, rank), find(left + right, rank)];
  });
  const vocabulary = new Vocabulary([...bpeEntries(ids), ...addedEntries(added)]);
  return new BpeTokenizer({
    vocabulary,
    byteIds,
    merges,
    added: new AddedTokens(added),
    scanners,
    normalize,
    addPrefixSpace,
    wholePieces: model.ignore_merges === true ? piecesByText(ids) : undefined,
    ...roleIds(roles, (token) => vocabulary.specialTokens.get(token) ?? vocabulary.tokenToId(token)),
    json,
  });
}

function* bpeEntries(ids: ReadonlyMap<string, number>): Generator<VocabularyEntry> {
  for (const [token, id] of ids) {
    yield { id, token, bytes: tokenToBytes(token) ?? Buffer.from(token), special: false };
  }
}

function* addedEntries(added: readonly AddedToken[]): Generator<VocabularyEntry> {
  for (const { id, content, special } of added) yield { id, token: content, bytes: Buffer.from(content), special };
}

/** Tokens by their text, where it is whole text: a piece is always that. */
function piecesByText(ids: ReadonlyMap<string, number>): Map<string, number> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces = new Map<string, number>();
  for (const [token, id] of ids) {
    const bytes = tokenToBytes(token);
    if (bytes === undefined) continue;
    try {
      pieces.set(decoder.decode(bytes), id);
    } catch {
      // Part of a character: no piece can equal it.
    }
  }
  return pieces;
}

function readCharacters(
  model: z.infer<typeof wordLevelSchema>,
  file: z.infer<typeof fileSchema>,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const ids = readVocabulary(model.vocab, where);
  if (file.normalizer !== null && file.normalizer !== undefined) throw unsupported(where, "normalizer", "only null");
  checkDecoder(file.decoder, "Fuse", where);
  const addedContents = new Set(added.map((token) => token.content));
  for (const token of ids.keys()) {
    if ([...token].length === 1 || addedContents.has(token)) continue;
    const got = JSON.stringify(token);
    throw unsupported(where, "model.vocab", `WordLevel is read only for single characters, and there is ${got}`);
  }
  const characters = new Map([...ids].filter(([token]) => !addedContents.has(token)));
  const find = (token: string): number | undefined =>
    added.find(({ content }) => content === token)?.id ?? ids.get(token);
  const unknownId = find(model.unk_token ?? "");
  return new CharacterTokenizer({ characters, added, unknownId, json, ...roleIds(roles, find) });
}

/** A decoder must be of `type`, or a Sequence that has it (with Fuse and Strip-free companions). */
function checkDecoder(decoder: unknown, type: string, where: string): void {
  const list = isObject(decoder) && decoder["type"] === "Sequence" ? decoder["decoders"] : [decoder];
  const types = Array.isArray(list) ? list.map((one: unknown) => (isObject(one) ? one["type"] : null)) : [null];
  if (types.includes(type) && types.every((one) => one === type || one === "Fuse")) return;
  throw unsupported(where, "decoder", `expected ${type}, got ${JSON.stringify(types.join(", ") || "none")}`);
}
