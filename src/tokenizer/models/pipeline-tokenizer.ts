import { AddedTokens, type AddedToken } from "../steps/added-tokens.ts";
import { toWellFormed } from "../steps/character-classes.ts";
import { cutBefore, type Cutter } from "../steps/cutters.ts";
import { bytesOfToken, type Decoder, type TokenStyle } from "../steps/decoders.ts";
import type { Normalizer } from "../steps/normalizers.ts";
import type { PieceModel } from "./piece-model.ts";
import { applyTemplate, type PostProcessor } from "../steps/post-processor.ts";
import type { DecodeOptions, EncodeOptions, JsonObject, StreamDecoder, Tokenizer } from "../types.ts";
import { Vocabulary } from "../steps/vocabulary.ts";

export interface PipelineParts {
  readonly kind: "bpe" | "wordpiece" | "unigram";
  /** Token by id. */
  readonly ids: ReadonlyMap<string, number>;
  readonly style: TokenStyle;
  readonly added: readonly AddedToken[];
  readonly normalize?: Normalizer | undefined;
  readonly cut?: Cutter | undefined;
  readonly model: PieceModel;
  /** Where no token goes past a blank's mark, a piece may be cut before each run of them without a difference. */
  readonly cutBeforeRuns?: string | undefined;
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
  readonly kind: "bpe" | "wordpiece" | "unigram";
  declare readonly bosId?: number;
  declare readonly eosId?: number;
  declare readonly padId?: number;
  declare readonly unknownId?: number;
  readonly #parts: PipelineParts;
  readonly #vocabulary: Vocabulary;
  readonly #raw: AddedTokens;
  readonly #normalized: AddedTokens | undefined;
  readonly #kept = new Map<string, readonly number[]>();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.kind = parts.kind;
    const entries = [...parts.ids].map(([token, id]) => {
      return { id, token, bytes: bytesOfToken(token, parts.style), special: false };
    });
    this.#vocabulary = new Vocabulary([
      ...entries,
      ...parts.added.map(({ id, content, special }) => ({ id, token: content, bytes: Buffer.from(content), special })),
    ]);
    this.#raw = new AddedTokens(parts.added.filter((token) => token.normalized !== true));
    const normalized = parts.added.filter((token) => token.normalized === true);
    if (normalized.length > 0) {
      // Their own text goes through the normalizer too, or it could not be found.
      const change = parts.normalize ?? ((text: string) => text);
      this.#normalized = new AddedTokens(normalized.map((token) => ({ ...token, content: change(token.content) })));
    }
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
    const plain = this.#encodePlain(text, options.allowSpecial === true);
    const { postProcessor } = this.#parts;
    if (options.addSpecialTokens !== true || postProcessor === undefined) return Uint32Array.from(plain);
    return applyTemplate(postProcessor.single, { A: plain }).ids;
  }

  encodePair(first: string, second: string, options: EncodeOptions = {}): { ids: Uint32Array; typeIds: Uint8Array } {
    const allow = options.allowSpecial === true;
    const texts = { A: this.#encodePlain(first, allow), B: this.#encodePlain(second, allow) };
    const bare = [
      { text: "A", typeId: 0 },
      { text: "B", typeId: 0 },
    ] as const;
    return applyTemplate(options.addSpecialTokens === true ? (this.#parts.postProcessor?.pair ?? bare) : bare, texts);
  }

  #encodePlain(text: string, allowSpecial: boolean): number[] {
    const out: number[] = [];
    const { normalize } = this.#parts;
    let first = true;
    for (const segment of this.#raw.split(toWellFormed(text), allowSpecial)) {
      if ("id" in segment) {
        out.push(segment.id);
      } else {
        const changed = normalize === undefined ? segment.text : normalize(segment.text);
        for (const inner of this.#normalized?.split(changed, allowSpecial) ?? [{ text: changed }]) {
          if ("id" in inner) out.push(inner.id);
          else this.#encodeStretch(inner.text, first, out);
          first = false;
        }
      }
      first = false;
    }
    return out;
  }

  #encodeStretch(text: string, first: boolean, out: number[]): void {
    if (text === "") return;
    const { cut, cutBeforeRuns } = this.#parts;
    const pieces = cut === undefined ? [text] : cut(text, first);
    for (const piece of pieces) {
      if (cutBeforeRuns === undefined || piece.length <= LONGEST_KEPT) this.#encodePiece(piece, out);
      else for (const part of beforeRuns(piece, cutBeforeRuns)) this.#encodePiece(part, out);
    }
  }

  #encodePiece(piece: string, out: number[]): void {
    if (piece === "") return;
    let ids = this.#kept.get(piece);
    if (ids === undefined) {
      ids = this.#parts.model.encode(piece);
      if (piece.length <= LONGEST_KEPT) {
        if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
        this.#kept.set(piece, ids);
      }
    }
    for (const id of ids) out.push(id);
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
  const pieces = cutBefore(text, mark);
  const joined: string[] = [];
  for (const piece of pieces) {
    if (joined.length > 0 && joined.at(-1)?.endsWith(mark) === true) joined[joined.length - 1] += piece;
    else joined.push(piece);
  }
  return joined;
}
