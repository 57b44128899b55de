import { z } from "zod";
import { AddedTokens, type AddedToken } from "../steps/added-tokens.ts";
import { BpeTokenizer } from "../models/bpe-tokenizer.ts";
import { byteCharacters, tokenToBytes } from "../steps/byte-alphabet.ts";
import { CharacterBpeModel } from "../models/character-bpe-model.ts";
import { readDecoder } from "../steps/decoders.ts";
import { malformed, unsupported } from "../steps/json-faults.ts";
import { readNormalizer } from "../steps/normalizers.ts";
import { byteFallbackIds } from "../steps/byte-fallback.ts";
import { PipelineTokenizer } from "../models/pipeline-tokenizer.ts";
import type { PreTokenizerStep } from "../steps/pieces.ts";
import { readPostProcessor } from "../steps/post-processor.ts";
import { readPreTokenizer } from "../steps/pre-tokenizer-json.ts";
import { blankMark, readPipelineParts, withoutSpecial } from "./pipeline.ts";
import {
  checkAddedIds,
  parsePart,
  readVocabulary,
  roleIds,
  stepTypes,
  vocabularyObject,
  type TokenRoles,
  type TokenizerFile,
} from "./parts.ts";
import type { JsonObject, Tokenizer } from "../types.ts";
import { addedEntries, Vocabulary, type VocabularyEntry } from "../steps/vocabulary.ts";

const flag = z.boolean().nullish();

const bpeSchema = z.strictObject({
  type: z.string().optional(),
  vocab: vocabularyObject,
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  dropout: z.number().nullish(),
  unk_token: z.string().nullish(),
  fuse_unk: flag,
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: flag,
  ignore_merges: flag,
});
type BpeFile = z.infer<typeof bpeSchema>;

/** A `BPE` model: over bytes where the pre-tokenizer is ByteLevel (GPT-2, LLaMA 3), else over characters (LLaMA 2). */
export function readBpe(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const model = parsePart(bpeSchema, file.model, where, "model");
  if ((model.dropout ?? 0) > 0) throw unsupported(where, "model.dropout", "only null or 0 can be read");
  const ids = readVocabulary(model.vocab, where);
  checkAddedIds(added, ids, ids.size, where);
  const merges = readMerges(model, ids, where);
  const preTokenizer = readPreTokenizer(file.pre_tokenizer, where, true);
  const affixes = (model.continuing_subword_prefix ?? "") !== "" || (model.end_of_word_suffix ?? "") !== "";
  const decodesBytes = ["ByteLevel", "ByteLevel,Fuse"].includes(stepTypes(file.decoder).join(","));
  const hasAllBytes = byteCharacters.every((character) => ids.has(character));
  if (preTokenizer.byteLevel === "last" && !affixes && model.byte_fallback !== true && hasAllBytes && decodesBytes) {
    return readByteLevel(model, ids, merges, preTokenizer.steps, file, added, roles, json, where);
  }
  const byteLevel = preTokenizer.byteLevel !== "no" || stepTypes(file.normalizer).includes("ByteLevel");
  const prefix = model.continuing_subword_prefix ?? "";
  const suffix = model.end_of_word_suffix ?? "";
  const style = { byteLevel, byteFallback: model.byte_fallback === true, prefix, suffix };
  const mark = blankMark(file) ?? "▁";
  const isCutAtMarks = model.ignore_merges !== true && prefix + suffix === "" && ids.has(mark) && cutsAt(mark, ids);
  const cutBeforeRuns = isCutAtMarks ? mark : undefined;
  const parts = readPipelineParts(file, added, roles, where, ids, style, cutBeforeRuns);
  const unknownId = model.unk_token == null ? undefined : ids.get(model.unk_token);
  return new PipelineTokenizer({
    ...parts,
    kind: "bpe",
    json,
    unknownId,
    model: new CharacterBpeModel({
      ids: withoutSpecial(ids, added),
      merges,
      prefix,
      suffix,
      unknownId: unknownId ?? (model.unk_token == null ? undefined : "missing"),
      fuseUnknown: model.fuse_unk === true,
      byteIds: model.byte_fallback === true ? byteFallbackIds(ids) : undefined,
      wholePieces: model.ignore_merges === true,
    }),
    cutBeforeRuns,
  });
}

/** Whether no token has `mark` after anything else, so that none goes past the beginning of a word. */
export function cutsAt(mark: string, ids: ReadonlyMap<string, number>): boolean {
  for (const token of ids.keys()) {
    const at = token.search(new RegExp(`[^${mark}]${mark}`, "u"));
    if (at >= 0) return false;
  }
  return true;
}

function readMerges(model: BpeFile, ids: ReadonlyMap<string, number>, where: string): [number, number, number][] {
  const find = (token: string, rank: number): number => {
    const found = ids.get(token);
    if (found !== undefined) return found;
    throw malformed(where, `model.merges[${rank}]`, `${JSON.stringify(token)} is not in model.vocab`);
  };
  const prefix = model.continuing_subword_prefix ?? "";
  return model.merges.map((merge, rank) => {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = parts;
    if (parts.length !== 2 || left === undefined || right === undefined || left === "" || right === "") {
      throw malformed(where, `model.merges[${rank}]`, `expected two tokens, got ${JSON.stringify(merge)}`);
    }
    if (!right.startsWith(prefix)) {
      throw malformed(where, `model.merges[${rank}]`, `${JSON.stringify(right)} does not begin with ${prefix}`);
    }
    const joined = left + right.slice(prefix.length);
    return [find(left, rank), find(right, rank), find(joined, rank)];
  });
}

function readByteLevel(
  model: BpeFile,
  ids: ReadonlyMap<string, number>,
  merges: readonly (readonly [number, number, number])[],
  steps: readonly PreTokenizerStep[],
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  // Checked, though its bytes are read by the vocabulary.
  readDecoder(file.decoder, where);
  const byteIds = Int32Array.from(byteCharacters, (character) => ids.get(character) ?? 0);
  const normalize = readNormalizer(file.normalizer, where);
  const vocabulary = new Vocabulary([...bpeEntries(ids), ...addedEntries(added, normalize)]);
  return new BpeTokenizer({
    vocabulary,
    byteIds,
    merges,
    added: new AddedTokens(added, normalize),
    steps,
    postProcessor: readPostProcessor(file.post_processor, where),
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
