import { z } from "zod";
import type { AddedToken } from "../steps/added-tokens.ts";
import { readDecoder, type Decoder, type TokenStyle } from "../steps/decoders.ts";
import { malformed } from "../steps/json-faults.ts";
import { readNormalizer, type Normalizer } from "../steps/normalizers.ts";
import { CharacterTokenizer } from "../models/character-tokenizer.ts";
import { byteFallbackIds } from "../steps/byte-fallback.ts";
import { PipelineTokenizer } from "../models/pipeline-tokenizer.ts";
import { chunkScanner } from "../steps/chunks.ts";
import type { PieceScanner, PreTokenizerStep } from "../steps/pieces.ts";
import { readPostProcessor, type PostProcessor } from "../steps/post-processor.ts";
import { readPreTokenizer } from "../steps/pre-tokenizer-json.ts";
import { chunkRules } from "./chunk-rules.ts";
import {
  checkAddedIds,
  isObject,
  parsePart,
  readVocabulary,
  roleIds,
  stepTypes,
  vocabularyObject,
  type TokenRoles,
  type TokenizerFile,
} from "./parts.ts";
import type { JsonObject, Tokenizer } from "../types.ts";
import { UnigramModel } from "../models/unigram-model.ts";
import { WordLevelModel } from "../models/word-level-model.ts";
import { WordPieceModel } from "../models/wordpiece-model.ts";

/** What all kinds share. */
export interface CommonParts {
  readonly ids: ReadonlyMap<string, number>;
  readonly style: TokenStyle;
  readonly added: readonly AddedToken[];
  readonly normalize: Normalizer | undefined;
  readonly steps: readonly PreTokenizerStep[];
  readonly chunks: PieceScanner | undefined;
  readonly continueNormalize: Normalizer | undefined;
  readonly decoder: Decoder;
  readonly postProcessor: PostProcessor | undefined;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
}

/** Normalizer, pre-tokenizer, decoder, post-processor and roles of a file. */
export function readPipelineParts(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  where: string,
  ids: ReadonlyMap<string, number>,
  style: TokenStyle,
  cutBeforeRuns?: string,
): CommonParts {
  const find = (token: string): number | undefined =>
    added.find(({ content }) => content === token)?.id ?? ids.get(token);
  const normalize = readNormalizer(file.normalizer, where);
  const rules = chunkRules({
    normalizer: file.normalizer,
    preTokenizer: file.pre_tokenizer,
    added,
    normalize,
    cutBeforeRuns,
  });
  return {
    ids,
    style: {
      ...style,
      blank: blankMark(file),
    },
    added,
    normalize,
    chunks: rules === undefined ? undefined : chunkScanner(rules),
    continueNormalize: readNormalizer(file.normalizer, where, "Prepend"),
    steps: readPreTokenizer(file.pre_tokenizer, where, false).steps,
    decoder: readDecoder(file.decoder, where),
    postProcessor: readPostProcessor(file.post_processor, where),
    ...roleIds(roles, find),
  };
}

/** What stands for a blank in the tokens of a file. */
export function blankMark(file: TokenizerFile): string | undefined {
  return metaspaceOf(file.pre_tokenizer) ?? metaspaceOf(file.decoder) ?? blankOf(file.normalizer);
}

/** The mark that a Metaspace step puts for a blank. */
function metaspaceOf(json: unknown): string | undefined {
  if (!isObject(json)) return undefined;
  if (json["type"] === "Metaspace") return typeof json["replacement"] === "string" ? json["replacement"] : "▁";
  const list = json["pretokenizers"] ?? json["decoders"];
  if (!Array.isArray(list)) return undefined;
  return list.map(metaspaceOf).find((mark) => mark !== undefined);
}

/** The mark that a Replace step of the normalizer puts for a blank. */
function blankOf(json: unknown): string | undefined {
  if (!isObject(json)) return undefined;
  const pattern = json["pattern"];
  if (json["type"] === "Replace" && isObject(pattern) && pattern["String"] === " ") {
    return typeof json["content"] === "string" && json["content"] !== "" ? json["content"] : undefined;
  }
  const list = json["normalizers"];
  if (!Array.isArray(list)) return undefined;
  return list.map(blankOf).find((mark) => mark !== undefined);
}

const wordPieceSchema = z.strictObject({
  type: z.string().optional(),
  vocab: vocabularyObject,
  unk_token: z.string().default("[UNK]"),
  continuing_subword_prefix: z.string().default("##"),
  max_input_chars_per_word: z.int().min(0).max(1_000_000).default(100),
});

/** A `WordPiece` model, as BERT has it. */
export function readWordPiece(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const model = parsePart(wordPieceSchema, file.model, where, "model");
  const ids = readVocabulary(model.vocab, where);
  checkAddedIds(added, ids, ids.size, where);
  const unknownId = ids.get(model.unk_token);
  if (unknownId === undefined) {
    throw malformed(where, "model.unk_token", `${JSON.stringify(model.unk_token)} is not in model.vocab`);
  }
  const prefix = model.continuing_subword_prefix;
  const style = { byteLevel: false, byteFallback: false, prefix };
  const bertRoles = {
    bos: roles.bos ?? "[CLS]",
    eos: roles.eos ?? "[SEP]",
    pad: roles.pad ?? "[PAD]",
  };
  return new PipelineTokenizer({
    ...readPipelineParts(file, added, bertRoles, where, ids, style),
    kind: "wordpiece",
    json,
    unknownId,
    model: new WordPieceModel(withoutSpecial(ids, added), prefix, unknownId, model.max_input_chars_per_word),
  });
}

/** Text must not become a control token: those are found by AddedTokens alone, where the caller allows it. */
export function withoutSpecial(
  ids: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
): ReadonlyMap<string, number> {
  const special = specialContents(added);
  return special.size === 0 ? ids : new Map([...ids].filter(([token]) => !special.has(token)));
}

function specialContents(added: readonly AddedToken[]): ReadonlySet<string> {
  return new Set(added.filter((token) => token.special).map((token) => token.content));
}

const unigramSchema = z.strictObject({
  type: z.string().optional(),
  unk_id: z.int().min(0).nullish(),
  vocab: z.array(z.tuple([z.string(), z.number()])),
  byte_fallback: z.boolean().nullish(),
});

/** A `Unigram` model, as XLNet, T5 and ALBERT have it. */
export function readUnigram(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const model = parsePart(unigramSchema, file.model, where, "model");
  const unknownId = model.unk_id ?? undefined;
  if (model.vocab.length === 0) throw malformed(where, "model.vocab", "expected entries, got none");
  if (unknownId !== undefined && unknownId >= model.vocab.length) {
    throw malformed(where, "model.unk_id", `expected less than ${model.vocab.length}, got ${unknownId}`);
  }
  const ids = new Map<string, number>();
  // Of a token that stands twice the last counts, as in the original.
  model.vocab.forEach(([token], id) => ids.set(token, id));
  checkAddedIds(added, ids, model.vocab.length, where);
  const fallback = model.byte_fallback === true;
  const special = specialContents(added);
  const common = { bos: roles.bos ?? "<s>", eos: roles.eos ?? "</s>", pad: roles.pad ?? "<pad>" };
  return new PipelineTokenizer({
    ...readPipelineParts(file, added, common, where, ids, {
      byteLevel: false,
      byteFallback: fallback,
    }),
    kind: "unigram",
    json,
    unknownId,
    model: new UnigramModel({
      tokens: model.vocab.map(([token]) => token),
      scores: model.vocab.map(([token, score]) => (special.has(token) ? undefined : score)),
      leastScore: model.vocab.reduce((least, [, score]) => Math.min(least, score), Infinity),
      unknownId,
      byteIds: fallback ? byteFallbackIds(ids) : undefined,
      precision: "float64",
    }),
  });
}

const wordLevelSchema = z.strictObject({
  type: z.string().optional(),
  vocab: vocabularyObject,
  unk_token: z.string().nullish(),
});

/** A `WordLevel` model: a token a word, or a token a character, for which there is a tokenizer of its own. */
export function readWordLevel(
  file: TokenizerFile,
  added: readonly AddedToken[],
  roles: TokenRoles,
  json: JsonObject,
  where: string,
): Tokenizer {
  const model = parsePart(wordLevelSchema, file.model, where, "model");
  const ids = readVocabulary(model.vocab, where);
  checkAddedIds(added, ids, ids.size, where);
  const parts = readPipelineParts(file, added, roles, where, ids, {
    byteLevel: false,
    byteFallback: false,
  });
  const find = (token: string): number | undefined =>
    added.find(({ content }) => content === token)?.id ?? ids.get(token);
  if (isByCharacter(file, added, ids)) {
    const addedContents = new Set(added.map((token) => token.content));
    const characters = new Map([...ids].filter(([token]) => !addedContents.has(token)));
    const unknownId = find(model.unk_token ?? "");
    return new CharacterTokenizer({ characters, added, unknownId, json, ...roleIds(roles, find) });
  }
  const unknownId = ids.get(model.unk_token ?? "");
  return new PipelineTokenizer({
    ...parts,
    kind: "wordlevel",
    json,
    unknownId,
    model: new WordLevelModel(withoutSpecial(ids, added), unknownId),
  });
}

/** Whether a file says no more than that every character is a token. */
function isByCharacter(file: TokenizerFile, added: readonly AddedToken[], ids: ReadonlyMap<string, number>): boolean {
  const split = characterSplit.safeParse(file.pre_tokenizer);
  const plain = added.every((token) => !(token.singleWord || token.leftStrip || token.rightStrip || token.normalized));
  const contents = new Set(added.map((token) => token.content));
  const single = [...ids.keys()].every((token) => [...token].length === 1 || contents.has(token));
  const fuses = stepTypes(file.decoder).join() === "Fuse";
  return split.success && plain && single && fuses && file.normalizer == null && file.post_processor == null;
}

const characterSplit = z.object({
  type: z.literal("Split"),
  pattern: z.object({ Regex: z.enum(["[\\s\\S]", "(?m:.)", "\\O"]) }),
  behavior: z.literal("Isolated"),
  invert: z.literal(false),
});
