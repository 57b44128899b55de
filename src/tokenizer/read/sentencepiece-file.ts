import { NuwaError } from "../../text/index.ts";
import { readFields, type ProtobufField } from "./protobuf.ts";

/** What a piece is, by sentencepiece_model.proto's numbers. */
export const PieceType = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface SentencePiece {
  readonly piece: string;
  readonly score: number;
  readonly type: number;
}

/** What a SentencePiece `.model` file says, as far as it bears on encoding and decoding. */
export interface SentencePieceFile {
  readonly pieces: readonly SentencePiece[];
  readonly model: "unigram" | "bpe" | "word" | "char";
  readonly byteFallback: boolean;
  readonly unknownId: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  /** What an unknown piece is decoded to. */
  readonly unknownSurface: string;
  readonly charsmap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
  readonly whitespaceAsSuffix: boolean;
}

/**
 * Reads a `.model` file, field by field as in sentencepiece_model.proto.
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE for a file that is cut short, has no pieces, or has a model of an unknown type
 */
export function readSentencePieceFile(bytes: Uint8Array, where: string): SentencePieceFile {
  const fault = (message: string): NuwaError =>
    new NuwaError("FILE", `malformed SentencePiece model: ${message}`, { where });
  const message = (field: ProtobufField, name: string): Uint8Array => {
    if (field.value instanceof Uint8Array) return field.value;
    throw fault(`${name} is a number`);
  };
  const text = (field: ProtobufField, name: string): string => {
    try {
      return utf8.decode(message(field, name));
    } catch (cause) {
      if (cause instanceof NuwaError) throw cause;
      throw fault(`${name} is not UTF-8`);
    }
  };
  const integer = (field: ProtobufField, name: string): number => {
    // Negative numbers (an id of -1: there is none) are written as 64 bits.
    if (typeof field.value === "bigint") return Number(BigInt.asIntN(64, field.value));
    throw fault(`${name} is no whole number`);
  };
  const pieces: SentencePiece[] = [];
  let modelType = 1;
  let byteFallback = false;
  const ids = { unknown: 0, bos: 1, eos: 2, pad: -1 };
  let unknownSurface = " \u2047 ";
  let charsmap: Uint8Array = new Uint8Array(0);
  let addDummyPrefix = true;
  let removeExtraWhitespaces = true;
  let escapeWhitespaces = true;
  let whitespaceAsSuffix = false;
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) {
      let piece = "";
      let score = 0;
      let type: number = PieceType.normal;
      for (const inner of readFields(message(field, "pieces"), where)) {
        if (inner.number === 1) piece = text(inner, `piece ${pieces.length}`);
        else if (inner.number === 2) score = typeof inner.value === "number" ? inner.value : Number.NaN;
        else if (inner.number === 3) type = integer(inner, "type");
      }
      if (piece === "") throw fault(`piece ${pieces.length} is empty`);
      if (!Number.isFinite(score)) throw fault(`the score of piece ${pieces.length} is no number`);
      if (type < 1 || type > 6) throw fault(`piece ${pieces.length} is of type ${type}`);
      pieces.push({ piece, score, type });
    } else if (field.number === 2) {
      for (const inner of readFields(message(field, "trainer_spec"), where)) {
        if (inner.number === 3) modelType = integer(inner, "model_type");
        else if (inner.number === 24) whitespaceAsSuffix = integer(inner, "treat_whitespace_as_suffix") !== 0;
        else if (inner.number === 35) byteFallback = integer(inner, "byte_fallback") !== 0;
        else if (inner.number === 40) ids.unknown = integer(inner, "unk_id");
        else if (inner.number === 41) ids.bos = integer(inner, "bos_id");
        else if (inner.number === 42) ids.eos = integer(inner, "eos_id");
        else if (inner.number === 43) ids.pad = integer(inner, "pad_id");
        else if (inner.number === 44) unknownSurface = text(inner, "unk_surface");
      }
    } else if (field.number === 3) {
      for (const inner of readFields(message(field, "normalizer_spec"), where)) {
        if (inner.number === 2) charsmap = message(inner, "precompiled_charsmap");
        else if (inner.number === 3) addDummyPrefix = integer(inner, "add_dummy_prefix") !== 0;
        else if (inner.number === 4) removeExtraWhitespaces = integer(inner, "remove_extra_whitespaces") !== 0;
        else if (inner.number === 5) escapeWhitespaces = integer(inner, "escape_whitespaces") !== 0;
      }
    }
  }
  if (pieces.length === 0) throw fault("it has no pieces");
  const model = modelTypes[modelType - 1];
  if (model === undefined) {
    const expected = modelTypes.join(", ");
    throw new NuwaError("FILE", `expected a SentencePiece model of type ${expected}, got number ${modelType}`, {
      where,
    });
  }
  const unknownId = pieces.findIndex(({ type }) => type === PieceType.unknown);
  if (unknownId < 0) throw fault("it has no unknown piece");
  return {
    pieces,
    model,
    byteFallback,
    unknownId,
    bosId: ids.bos,
    eosId: ids.eos,
    padId: ids.pad,
    unknownSurface,
    charsmap,
    addDummyPrefix,
    removeExtraWhitespaces,
    escapeWhitespaces,
    whitespaceAsSuffix,
  };
}

/** By sentencepiece_model.proto's numbers, from 1 on. */
const modelTypes = ["unigram", "bpe", "word", "char"] as const;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
