import type { AddedTokens, SegmentVisitor } from "../steps/added-tokens.ts";
import { codePointAt, toWellFormed, unitsOf } from "../steps/character-classes.ts";
import { Merger } from "./merger.ts";
import { PieceCache } from "./piece-cache.ts";
import { forEachPiece, type PreTokenizerStep } from "../steps/pieces.ts";
import { postProcess, postProcessPair, type PostProcessor } from "../steps/post-processor.ts";
import type { DecodeOptions, EncodedPair, EncodeOptions, JsonObject, StreamDecoder, Tokenizer } from "../types.ts";
import type { Vocabulary } from "../steps/vocabulary.ts";

export interface BpeParts {
  readonly vocabulary: Vocabulary;
  /** The id of each byte alone. */
  readonly byteIds: Int32Array;
  /** Left, right, result, by rank. */
  readonly merges: readonly (readonly [number, number, number])[];
  readonly added: AddedTokens;
  readonly steps: readonly PreTokenizerStep[];
  /** A piece that is a token is that token, whatever the merges say: `ignore_merges`, as in LLaMA 3. */
  readonly wholePieces?: ReadonlyMap<string, number> | undefined;
  readonly postProcessor?: PostProcessor | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly padId?: number | undefined;
  /** The tokenizer.json it came from, or that says the same. */
  readonly json: JsonObject;
}

/** Byte-level byte pair encoding (Sennrich et al. 2016; bytes as in Radford et al. 2019): any text, no unknown token. */
export class BpeTokenizer implements Tokenizer {
  readonly kind = "bpe";
  declare readonly bosId?: number;
  declare readonly eosId?: number;
  declare readonly padId?: number;
  readonly #parts: BpeParts;
  readonly #merger: Merger;
  readonly #cache = new PieceCache();
  #symbols = new Int32Array(256);
  #out = new Uint32Array(1024);
  #length = 0;
  #isContinuation = false;

  constructor(parts: BpeParts) {
    this.#parts = parts;
    this.#merger = new Merger(parts.merges, parts.byteIds);
    if (parts.bosId !== undefined) this.bosId = parts.bosId;
    if (parts.eosId !== undefined) this.eosId = parts.eosId;
    if (parts.padId !== undefined) this.padId = parts.padId;
  }

  get vocabSize(): number {
    return this.#parts.vocabulary.size;
  }

  get specialTokens(): ReadonlyMap<string, number> {
    return this.#parts.vocabulary.specialTokens;
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    return postProcess(this.#parts.postProcessor, this.#encodePlain(text, options), options);
  }

  encodePair(first: string, second: string, options: EncodeOptions = {}): EncodedPair {
    const texts = { A: this.#encodePlain(first, options), B: this.#encodePlain(second, options) };
    return postProcessPair(this.#parts.postProcessor, texts, options);
  }

  #encodePlain(text: string, options: EncodeOptions): Uint32Array {
    this.#length = 0;
    this.#isContinuation = options.isContinuation === true;
    this.#parts.added.split(toWellFormed(text), options.allowSpecial === true, this.#visitor);
    return this.#out.slice(0, this.#length);
  }

  readonly #visitor: SegmentVisitor = {
    token: (id) => {
      this.#reserve(1);
      this.#out[this.#length++] = id;
    },
    text: (text, isFirst) => forEachPiece(this.#parts.steps, text, this.#addPiece, isFirst && !this.#isContinuation),
  };

  readonly #addPiece = (text: string, start: number, end: number): void => {
    const cached = this.#cache.find(text, start, end);
    if (cached >= 0) {
      const count = this.#cache.count(cached);
      this.#reserve(count);
      this.#cache.copy(cached, count, this.#out, this.#length);
      this.#length += count;
      return;
    }
    const count = this.#encodePiece(text.slice(start, end));
    this.#reserve(count);
    for (let i = 0; i < count; i++) this.#out[this.#length + i] = this.#symbols[i] ?? 0;
    this.#length += count;
    this.#cache.add(text, start, end, this.#symbols, count);
  };

  /** Leaves the ids in `#symbols`; returns how many there are. */
  #encodePiece(text: string): number {
    const whole = this.#parts.wholePieces?.get(text);
    if (whole !== undefined) {
      this.#symbols[0] = whole;
      return 1;
    }
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    if (this.#symbols.length < text.length * 3) this.#symbols = new Int32Array(text.length * 3);
    return this.#merger.merge(this.#symbols, bytesToIds(text, this.#parts.byteIds, this.#symbols));
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#out.length) return;
    const grown = new Uint32Array(Math.max(this.#out.length * 2, this.#length + count));
    grown.set(this.#out.subarray(0, this.#length));
    this.#out = grown;
  }

  decode(ids: ArrayLike<number>, options?: DecodeOptions): string {
    return this.#parts.vocabulary.decode(ids, options);
  }

  streamDecoder(options?: DecodeOptions): StreamDecoder {
    return this.#parts.vocabulary.streamDecoder(options);
  }

  tokenToId(token: string): number | undefined {
    return this.#parts.vocabulary.tokenToId(token);
  }

  idToToken(id: number): string | undefined {
    return this.#parts.vocabulary.idToToken(id);
  }

  tokenBytes(id: number): Uint8Array {
    return this.#parts.vocabulary.tokenBytes(id);
  }

  toJSON(): JsonObject {
    return this.#parts.json;
  }
}

/** Writes the id of each UTF-8 byte of `text` to `out`; returns how many. `text` is well formed. */
export function bytesToIds(text: string, byteIds: Int32Array, out: Int32Array): number {
  let count = 0;
  for (let i = 0; i < text.length; ) {
    const codePoint = codePointAt(text, i);
    i += unitsOf(codePoint);
    if (codePoint < 0x80) {
      out[count++] = byteIds[codePoint] ?? 0;
      continue;
    }
    if (codePoint < 0x800) {
      out[count++] = byteIds[0xc0 | (codePoint >> 6)] ?? 0;
    } else {
      if (codePoint < 0x10000) {
        out[count++] = byteIds[0xe0 | (codePoint >> 12)] ?? 0;
      } else {
        out[count++] = byteIds[0xf0 | (codePoint >> 18)] ?? 0;
        out[count++] = byteIds[0x80 | ((codePoint >> 12) & 0x3f)] ?? 0;
      }
      out[count++] = byteIds[0x80 | ((codePoint >> 6) & 0x3f)] ?? 0;
    }
    out[count++] = byteIds[0x80 | (codePoint & 0x3f)] ?? 0;
  }
  return count;
}
