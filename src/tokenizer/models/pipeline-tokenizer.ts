import { AddedTokens, type AddedToken } from "../steps/added-tokens.ts";
import { toWellFormed } from "../steps/character-classes.ts";
import { bytesOfToken, type Decoder, type TokenStyle } from "../steps/decoders.ts";
import type { Normalizer } from "../steps/normalizers.ts";
import type { PieceModel } from "./piece-model.ts";
import { PieceCache } from "./piece-cache.ts";
import { forEachPiece, type PieceScanner, type PreTokenizerStep } from "../steps/pieces.ts";
import { postProcess, postProcessPair, type PostProcessor } from "../steps/post-processor.ts";
import type { DecodeOptions, EncodedPair, EncodeOptions, JsonObject, StreamDecoder, Tokenizer } from "../types.ts";
import { addedEntries, Vocabulary } from "../steps/vocabulary.ts";

export interface PipelineParts {
  readonly kind: "bpe" | "wordpiece" | "unigram" | "wordlevel" | "char";
  /** Token by id. */
  readonly ids: ReadonlyMap<string, number>;
  readonly style: TokenStyle;
  readonly added: readonly AddedToken[];
  readonly normalize?: Normalizer | undefined;
  readonly steps: readonly PreTokenizerStep[];
  readonly model: PieceModel;
  /** Where no token goes past a blank's mark, a piece may be cut before each run of them without a difference. */
  readonly cutBeforeRuns?: string | undefined;
  /** Where a text may be cut before it is normalized without a difference. */
  readonly chunks?: PieceScanner | undefined;
  /** What normalizes a part that is not the first. */
  readonly continueNormalize?: Normalizer | undefined;
  readonly decoder: Decoder;
  readonly postProcessor?: PostProcessor | undefined;
  readonly unknownId?: number | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly padId?: number | undefined;
  /** The tokenizer.json it came from, or that says the same. */
  readonly json: JsonObject;
}

/** Longer pieces come back too seldom to be kept. */
const LONGEST_KEPT = 48;
const MOST_KEPT = 1 << 16;

/**
 * Normalizer, pre-tokenizer, model, decoder, post-processor one after another, as tokenizer.json names them: WordPiece,
 * Unigram, and byte pair encoding over characters.
 */
export class PipelineTokenizer implements Tokenizer {
  readonly kind: "bpe" | "wordpiece" | "unigram" | "wordlevel" | "char";
  declare readonly bosId?: number;
  declare readonly eosId?: number;
  declare readonly padId?: number;
  declare readonly unknownId?: number;
  readonly #parts: PipelineParts;
  readonly #vocabulary: Vocabulary;
  readonly #added: AddedTokens;
  readonly #kept = new Map<string, readonly number[]>();
  readonly #cache = new PieceCache();
  #out = new Uint32Array(1024);
  #length = 0;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.kind = parts.kind;
    const entries = [...parts.ids].map(([token, id]) => {
      return { id, token, bytes: bytesOfToken(token, parts.style), special: false };
    });
    this.#vocabulary = new Vocabulary([...entries, ...addedEntries(parts.added, parts.normalize)]);
    // Where parts are normalized one by one, the text between added tokens is left as it is.
    this.#added = new AddedTokens(parts.added, parts.chunks === undefined ? parts.normalize : undefined);
    if (parts.bosId !== undefined) this.bosId = parts.bosId;
    if (parts.eosId !== undefined) this.eosId = parts.eosId;
    if (parts.padId !== undefined) this.padId = parts.padId;
    if (parts.unknownId !== undefined) this.unknownId = parts.unknownId;
  }

  get vocabSize(): number {
    return this.#vocabulary.size;
  }

  get specialTokens(): ReadonlyMap<string, number> {
    return this.#vocabulary.specialTokens;
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
    const isContinuation = options.isContinuation === true;
    this.#added.split(toWellFormed(text), options.allowSpecial === true, {
      token: (id) => {
        this.#reserve(1);
        this.#out[this.#length++] = id;
      },
      text: (stretch, isFirst) => this.#encodeStretch(stretch, isFirst && !isContinuation),
    });
    return this.#out.slice(0, this.#length);
  }

  /** Part by part where a text may be cut before it is normalized; of all parts but the first the ids are kept. */
  #encodeStretch(stretch: string, isFirst: boolean): void {
    const { chunks, normalize, continueNormalize } = this.#parts;
    if (chunks === undefined) {
      this.#encodeChunk(stretch, isFirst);
      return;
    }
    let end = chunks(stretch, 0);
    const first = stretch.slice(0, end);
    this.#encodeChunk(normalize === undefined ? first : normalize(first), isFirst);
    for (let start = end; start < stretch.length; start = end) {
      end = chunks(stretch, start);
      const found = this.#cache.find(stretch, start, end);
      if (found >= 0) {
        const count = this.#cache.count(found);
        this.#reserve(count);
        this.#cache.copy(found, count, this.#out, this.#length);
        this.#length += count;
        continue;
      }
      const chunk = stretch.slice(start, end);
      const before = this.#length;
      this.#encodeChunk(continueNormalize === undefined ? chunk : continueNormalize(chunk), false);
      const ids = Int32Array.from(this.#out.subarray(before, this.#length));
      this.#cache.add(stretch, start, end, ids, ids.length);
    }
  }

  #encodeChunk(text: string, isFirst: boolean): void {
    const { steps, cutBeforeRuns } = this.#parts;
    forEachPiece(
      steps,
      text,
      (whole, start, end) => {
        const piece = whole.slice(start, end);
        if (cutBeforeRuns === undefined || piece.length <= LONGEST_KEPT) this.#encodePiece(piece);
        else for (const part of beforeRuns(piece, cutBeforeRuns)) this.#encodePiece(part);
      },
      isFirst,
    );
  }

  #encodePiece(piece: string): void {
    let ids = this.#kept.get(piece);
    if (ids === undefined) {
      ids = this.#parts.model.encode(piece);
      if (piece.length <= LONGEST_KEPT) {
        if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
        this.#kept.set(piece, ids);
      }
    }
    this.#reserve(ids.length);
    for (const id of ids) this.#out[this.#length++] = id;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#out.length) return;
    const grown = new Uint32Array(Math.max(this.#out.length * 2, this.#length + count));
    grown.set(this.#out.subarray(0, this.#length));
    this.#out = grown;
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] ?? -1;
      const special = this.#vocabulary.isSpecial(id);
      if (!(special && options.skipSpecialTokens === true)) tokens.push(this.#vocabulary.token(id));
    }
    return this.#parts.decoder(tokens).join("");
  }

  /** What a token gives depends on those before it, so a few of them are decoded again with each new one. */
  streamDecoder(options: DecodeOptions = {}): StreamDecoder {
    let ids: number[] = [];
    let shown = "";
    return {
      push: (id) => {
        ids.push(id);
        const text = this.decode(ids, options);
        if (text.endsWith("\ufffd")) return "";
        const fresh = text.slice(shown.length);
        shown = text;
        if (ids.length >= 32 && fresh !== "") {
          // Some context stays, so that the next token still knows that it is not the first; a cut inside a character's
          // bytes waits.
          const context = ids.slice(-4);
          const again = this.decode(context, options);
          if (!again.includes("\ufffd")) {
            ids = context;
            shown = again;
          }
        }
        return fresh;
      },
      flush: () => {
        const rest = this.decode(ids, options).slice(shown.length);
        ids = [];
        shown = "";
        return rest;
      },
    };
  }

  tokenToId(token: string): number | undefined {
    return this.#vocabulary.tokenToId(token);
  }

  idToToken(id: number): string | undefined {
    return this.#vocabulary.idToToken(id);
  }

  tokenBytes(id: number): Uint8Array {
    return this.#vocabulary.tokenBytes(id);
  }

  toJSON(): JsonObject {
    return this.#parts.json;
  }
}

/** Cuts before each run of `mark`, so that a run stays whole. */
function beforeRuns(text: string, mark: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + 1)) {
    if (text.charAt(at - 1) === mark) continue;
    pieces.push(text.slice(start, at));
    start = at;
  }
  pieces.push(text.slice(start));
  return pieces;
}
