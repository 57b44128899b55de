import { CharacterBpeModel } from "../models/character-bpe-model.ts";
import { Charsmap } from "../steps/charsmap.ts";
import { chunkScanner, plainCharacters } from "../steps/chunks.ts";
import type { Decoder } from "../steps/decoders.ts";
import { byteFallbackIds, byteOfToken, fallBack } from "../steps/byte-fallback.ts";
import type { PieceModel } from "../models/piece-model.ts";
import { PipelineTokenizer } from "../models/pipeline-tokenizer.ts";
import { cutsAt } from "./bpe.ts";
import { sentencePieceJson } from "./sentencepiece-json.ts";
import { PieceType, readSentencePieceFile, type SentencePieceFile } from "./sentencepiece-file.ts";
import type { PieceScanner } from "../steps/pieces.ts";
import type { Tokenizer } from "../types.ts";
import { UnigramModel } from "../models/unigram-model.ts";

/** Stands for a blank. */
const MARK = "\u2581";

/**
 * A tokenizer from a SentencePiece `.model` file, with the ids that SentencePiece gives. `toJSON` gives the nearest
 * tokenizer.json, whose ids are equal but for rare characters that Hugging Face normalizes in its own way, and beside
 * pieces that the user defined, where Hugging Face cuts the text before it is normalized.
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE for a malformed file
 */
export function readSentencePiece(bytes: Uint8Array, where: string): Tokenizer {
  const file = readSentencePieceFile(bytes, where);
  const ids = new Map<string, number>();
  file.pieces.forEach(({ piece }, id) => ids.set(piece, id));
  const role = (id: number): number | undefined => (id >= 0 && id < file.pieces.length ? id : undefined);
  const control = file.pieces.flatMap(({ piece, type }, id) =>
    type === PieceType.control ? [{ id, content: piece, special: true }] : [],
  );
  const merging = file.model === "bpe" ? bpeMerges(file) : undefined;
  const userDefined = file.pieces.filter(({ type }) => type === PieceType.userDefined).map(({ piece }) => piece);
  const charsmap = file.charsmap.length === 0 ? undefined : new Charsmap(file.charsmap, where);
  const cutBeforeRuns =
    merging !== undefined && userDefined.length === 0 && !file.whitespaceAsSuffix && ids.has(MARK) && cutsAt(MARK, ids)
      ? MARK
      : undefined;
  const normalize = sentencePieceNormalizer(file, charsmap, longestFirst(userDefined), true);
  const continueNormalize = sentencePieceNormalizer(file, charsmap, longestFirst(userDefined), false);
  const chunks = userDefined.length === 0 && cutsAtBlanks(file, charsmap) ? chunkScanner(ONLY_BLANKS) : undefined;
  // BPE is cut with its text. Unigram adds up scores over the whole text, so only its normalizer is.
  const isCut = chunks !== undefined && cutBeforeRuns !== undefined;
  return new PipelineTokenizer({
    kind: file.model === "word" ? "wordlevel" : file.model,
    ids,
    style: { byteLevel: false, byteFallback: file.byteFallback, blank: MARK },
    added: control,
    steps: [],
    normalize: chunks === undefined || isCut ? normalize : byChunks(normalize, continueNormalize, chunks),
    ...(isCut ? { chunks, continueNormalize } : {}),
    model: makeModel(file, merging, longestFirst(userDefined)),
    cutBeforeRuns,
    decoder: sentencePieceDecoder(file, ids),
    unknownId: file.unknownId,
    bosId: role(file.bosId),
    eosId: role(file.eosId),
    padId: role(file.padId),
    json: sentencePieceJson(file, merging?.merges ?? []),
  });
}

function longestFirst(words: readonly string[]): RegExp | undefined {
  if (words.length === 0) return undefined;
  const sorted = words.toSorted((a, b) => b.length - a.length);
  return new RegExp(sorted.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "uy");
}

const BLANK = 0x20;
const ONLY_BLANKS = { hanApart: false, punctuationApart: false };

/** Whether a blank after a plain character begins something new for the normalizer. */
function cutsAtBlanks(file: SentencePieceFile, charsmap: Charsmap | undefined): boolean {
  if (file.whitespaceAsSuffix || !file.escapeWhitespaces) return false;
  if (charsmap === undefined) return true;
  return plainCharacters().every((character) => {
    const { text, units } = charsmap.prefix(`${character} `, 0);
    return units === 1 && text !== "" && !/^\p{White_Space}|\p{White_Space}$/u.test(text);
  });
}

/** The same as `first` on the whole, word by word; words are kept. */
function byChunks(
  first: (text: string) => string,
  next: (text: string) => string,
  scan: PieceScanner,
): (text: string) => string {
  const kept = new Map<string, string>();
  return (text) => {
    let end = text === "" ? 0 : scan(text, 0);
    let result = first(text.slice(0, end));
    for (let start = end; start < text.length; start = end) {
      end = scan(text, start);
      const chunk = text.slice(start, end);
      let changed = kept.get(chunk);
      if (changed === undefined) {
        changed = next(chunk);
        if (kept.size >= MOST_KEPT) kept.clear();
        if (chunk.length <= LONGEST_KEPT) kept.set(chunk, changed);
      }
      result += changed;
    }
    return result;
  };
}

const LONGEST_KEPT = 48;
const MOST_KEPT = 1 << 16;

/**
 * Normalizer::Normalize of sentencepiece's normalizer.cc.
 *
 * @param isFirst whether the text begins where the whole text begins
 */
function sentencePieceNormalizer(
  file: SentencePieceFile,
  charsmap: Charsmap | undefined,
  userDefined: RegExp | undefined,
  isFirst: boolean,
): (text: string) => string {
  const blank = file.escapeWhitespaces ? MARK : " ";
  const isUnchanged = (unit: number): boolean => unit !== BLANK && charsmap?.isUnchanged(unit) !== false;
  const next = (text: string, at: number): { text: string; units: number } => {
    if (userDefined !== undefined) {
      userDefined.lastIndex = at;
      const match = userDefined.exec(text);
      if (match !== null) return { text: match[0], units: match[0].length };
    }
    if (charsmap !== undefined) return charsmap.prefix(text, at);
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    return { text: character, units: character.length };
  };
  return (text) => {
    let at = 0;
    if (file.removeExtraWhitespaces && isFirst) {
      while (at < text.length) {
        const { text: part, units } = next(text, at);
        if (part !== " ") break;
        at += units;
      }
    }
    if (at >= text.length) return "";
    let result = isFirst && !file.whitespaceAsSuffix && file.addDummyPrefix ? blank : "";
    let afterBlank = isFirst && file.removeExtraWhitespaces;
    while (at < text.length) {
      let end = at;
      while (userDefined === undefined && end < text.length && isUnchanged(text.charCodeAt(end))) end++;
      if (end > at) {
        result += text.slice(at, end);
        at = end;
        afterBlank = false;
        continue;
      }
      const { text: part, units } = next(text, at);
      at += units;
      const kept = afterBlank ? part.replace(/^ +/, "") : part;
      if (kept !== "") {
        result += file.escapeWhitespaces ? kept.replaceAll(" ", MARK) : kept;
        afterBlank = kept.endsWith(" ");
      }
      if (!file.removeExtraWhitespaces) afterBlank = false;
    }
    if (file.removeExtraWhitespaces) while (result.endsWith(blank)) result = result.slice(0, -blank.length);
    return file.whitespaceAsSuffix && file.addDummyPrefix ? result + blank : result;
  };
}

function makeModel(file: SentencePieceFile, merging: Merging | undefined, userDefined: RegExp | undefined): PieceModel {
  if (merging !== undefined) return bpeModel(file, merging, userDefined);
  if (file.model === "unigram") return unigramModel(file);
  const ids = new Map(
    file.pieces.flatMap(({ piece, type }, id) => {
      const isText = type === PieceType.normal || type === PieceType.userDefined || type === PieceType.unused;
      return isText ? [[piece, id] as const] : [];
    }),
  );
  const { unknownId } = file;
  const bytes = byteIds(file);
  // User-defined pieces are kept whole among characters, not among words.
  const split =
    file.model === "word" ? /\u2581?[^\u2581]*/gu : new RegExp(`${userDefined?.source ?? "(?!)"}|[\\s\\S]`, "gu");
  return {
    encode(text) {
      const out: number[] = [];
      let wasUnknown = false;
      for (const [piece] of text.matchAll(split)) {
        if (piece === "") continue;
        const id = ids.get(piece);
        const fallback = id === undefined && bytes !== undefined ? fallBack(piece, bytes) : undefined;
        if (id !== undefined) out.push(id);
        else if (fallback !== undefined) out.push(...fallback);
        // Neighbouring unknown pieces are one.
        else if (!wasUnknown) out.push(unknownId);
        wasUnknown = id === undefined && fallback === undefined;
      }
      return out;
    },
  };
}

function unigramModel(file: SentencePieceFile): PieceModel {
  let least = Infinity;
  let most = -Infinity;
  for (const { score, type } of file.pieces) {
    if (type !== PieceType.normal) continue;
    least = Math.min(least, score);
    most = Math.max(most, score);
  }
  const scores = file.pieces.map(({ piece, score, type }) => {
    if (type === PieceType.normal) return score;
    // A piece that the user asked for beats every other cut of the same text.
    if (type === PieceType.userDefined) return Math.fround(Buffer.byteLength(piece) * most - 0.1);
    return undefined;
  });
  return new UnigramModel({
    tokens: file.pieces.map(({ piece }) => piece),
    scores,
    unknownId: file.unknownId,
    byteIds: byteIds(file),
    precision: "float32",
    cutBefore: isWordStart(file) ? MARK : undefined,
    leastScore: least === Infinity ? 0 : least,
  });
}

/** Whether the mark of a blank is a token, and none has it after anything else, or after itself. */
function isWordStart(file: SentencePieceFile): boolean {
  let isToken = false;
  for (const { piece, type } of file.pieces) {
    if (piece.includes(MARK, 1)) return false;
    if (piece === MARK && type === PieceType.normal) isToken = true;
  }
  return isToken;
}

function byteIds(file: SentencePieceFile): readonly (number | undefined)[] | undefined {
  if (!file.byteFallback) return undefined;
  return byteFallbackIds(
    new Map(file.pieces.flatMap(({ piece, type }, id) => (type === PieceType.byte ? [[piece, id] as const] : []))),
  );
}

interface Merging {
  /** Every way to make a piece of two others, the best score first. Ids from the number of pieces on are of characters. */
  readonly merges: readonly (readonly [number, number, number])[];
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * SentencePiece merges any two neighbours that together are a piece, the highest score first. Characters that only
 * occur inside of pieces get ids of their own beyond the vocabulary.
 */
function bpeMerges(file: SentencePieceFile): Merging {
  const ids = new Map<string, number>();
  file.pieces.forEach(({ piece, type }, id) => {
    if (type === PieceType.normal || type === PieceType.unused) ids.set(piece, id);
  });
  const pieces = [...ids].map(([piece, id]) => ({ piece, id, score: file.pieces[id]?.score ?? 0 }));
  let fresh = file.pieces.length;
  for (const { piece } of pieces) for (const character of piece) if (!ids.has(character)) ids.set(character, fresh++);
  const ranked = pieces.toSorted((a, b) => b.score - a.score || a.id - b.id);
  const merges: (readonly [number, number, number])[] = [];
  for (const { piece, id } of ranked) {
    for (let at = 1; at < piece.length; at++) {
      const left = ids.get(piece.slice(0, at));
      const right = ids.get(piece.slice(at));
      if (left !== undefined && right !== undefined) merges.push([left, right, id]);
    }
  }
  return { merges, ids };
}

/** Pieces that the user defined stand apart before merging begins; unused ones are taken apart after it. */
function bpeModel(file: SentencePieceFile, merging: Merging, userDefined: RegExp | undefined): PieceModel {
  const splits = new Map<number, readonly [number, number]>();
  for (const [left, right, id] of merging.merges) {
    if (file.pieces[id]?.type === PieceType.unused && !splits.has(id)) splits.set(id, [left, right]);
  }
  const inner = new CharacterBpeModel({
    ids: merging.ids,
    merges: merging.merges,
    prefix: "",
    suffix: "",
    unknownId: file.unknownId,
    fuseUnknown: true,
    byteIds: byteIds(file),
    wholePieces: false,
    firstPseudoId: file.pieces.length,
  });
  const open = (id: number, out: number[]): void => {
    const parts = splits.get(id);
    if (parts === undefined) out.push(id);
    else for (const part of parts) open(part, out);
  };
  const merge = (text: string): number[] => {
    const ids = inner.encode(text);
    if (splits.size === 0) return ids;
    const out: number[] = [];
    for (const id of ids) open(id, out);
    return out;
  };
  if (userDefined === undefined) return { encode: merge };
  const fixed = new Map(file.pieces.map(({ piece }, id) => [piece, id]));
  return {
    encode(piece) {
      const out: number[] = [];
      let start = 0;
      for (let at = 0; at < piece.length; ) {
        userDefined.lastIndex = at;
        const match = userDefined.exec(piece);
        if (match === null) {
          at++;
          continue;
        }
        if (at > start) out.push(...merge(piece.slice(start, at)));
        out.push(fixed.get(match[0]) ?? file.unknownId);
        at += match[0].length;
        start = at;
      }
      if (start < piece.length) out.push(...merge(piece.slice(start)));
      return out;
    },
  };
}

/**
 * SentencePieceProcessor::Decode: marks to blanks, the first blank left out, runs of bytes to characters. A blank at the
 * end stays, also where words carry their blank as a suffix.
 */
function sentencePieceDecoder(file: SentencePieceFile, ids: ReadonlyMap<string, number>): Decoder {
  const typeOf = (token: string): number => file.pieces[ids.get(token) ?? -1]?.type ?? PieceType.normal;
  const wholeBlank = file.addDummyPrefix || file.removeExtraWhitespaces;
  return (tokens) => {
    const parts: string[] = [];
    let bytes: number[] = [];
    const endBytes = (): void => {
      if (bytes.length > 0) parts.push(Buffer.from(bytes).toString("utf8"));
      bytes = [];
    };
    let first = true;
    for (const token of tokens) {
      const type = typeOf(token);
      const byte = type === PieceType.byte ? byteOfToken(token) : undefined;
      if (byte !== undefined) {
        bytes.push(byte);
        first = false;
        continue;
      }
      endBytes();
      if (type === PieceType.control) parts.push(token);
      else if (type === PieceType.unknown) parts.push(file.unknownSurface);
      else {
        const kept = first && wholeBlank && token.startsWith(MARK) ? token.slice(1) : token;
        parts.push(kept.replaceAll(MARK, " "));
        // With extra blanks removed, a text cannot begin with one: all of them go, else only the one put there.
        if (!(file.removeExtraWhitespaces && parts.join("") === "")) first = false;
        continue;
      }
      first = false;
    }
    endBytes();
    return parts;
  };
}
