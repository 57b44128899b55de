import { z } from "zod";
import { didYouMean } from "../../text/index.ts";
import type { AddedToken } from "../steps/added-tokens.ts";
import { CharacterTokenizer } from "../models/character-tokenizer.ts";
import { unsupported } from "../steps/json-faults.ts";
import { readBpe } from "./bpe.ts";
import {
  fileSchema,
  parsePart,
  readAddedTokens,
  readVocabulary,
  refuseOptions,
  roleIds,
  stepTypes,
  vocabularyObject,
  type TokenRoles,
  type TokenizerFile,
} from "./parts.ts";
import { readUnigram, readWordPiece } from "./pipeline.ts";
import type { JsonObject, Tokenizer } from "../types.ts";

export type { TokenRoles } from "./parts.ts";

const wordLevelSchema = z.object({ vocab: vocabularyObject, unk_token: z.string().nullish() });

/**
 * A tokenizer from the contents of a tokenizer.json: BPE over bytes or characters, WordPiece, Unigram, or characters
 * (WordLevel over single characters).
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE naming the part that is malformed or that is not supported
 */
export function readTokenizerJson(json: unknown, where: string, roles: TokenRoles = {}): Tokenizer {
  const file = parsePart(fileSchema, json, where);
  const added = readAddedTokens(file.added_tokens ?? []);
  // fileSchema has seen that it is an object, and what JSON.parse gives is JSON.
  const source = json as JsonObject;
  // Older files leave the type out; then the model's other fields tell.
  const { model } = file;
  const type =
    model.type ??
    ("merges" in model
      ? "BPE"
      : "continuing_subword_prefix" in model
        ? "WordPiece"
        : "unk_id" in model
          ? "Unigram"
          : "");
  switch (type) {
    case "BPE":
      return readBpe(file, added, roles, source, where);
    case "WordPiece":
      return readWordPiece(file, added, roles, source, where);
    case "Unigram":
      return readUnigram(file, added, roles, source, where);
    case "WordLevel":
      return readCharacters(file, added, roles, source, where);
    default: {
      const known = ["BPE", "WordPiece", "Unigram", "WordLevel"];
      throw unsupported(where, "model.type", `${JSON.stringify(type)}; ${didYouMean(type, known)}`);
    }
  }
}

/** A `WordLevel` model over single characters. */
function readCharacters(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const model = parsePart(wordLevelSchema, file.model, where, "model");
  refuseOptions(added, where);
  const ids = readVocabulary(model.vocab, where);
  if (file.normalizer !== null && file.normalizer !== undefined) throw unsupported(where, "normalizer", "only null");
  const decoders = stepTypes(file.decoder);
  if (decoders.length === 0 || !decoders.every((type) => type === "Fuse")) {
    throw unsupported(where, "decoder", `expected Fuse, got ${JSON.stringify(decoders.join(", ") || "none")}`);
  }
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
