import { NuwaError } from "../../text/index.ts";
import type { AddedToken } from "./added-tokens.ts";
import { makeStreamDecoder, utf8Decoder } from "./stream-decoder.ts";
import type { DecodeOptions, StreamDecoder } from "../types.ts";

export interface VocabularyEntry {
  readonly id: number;
  /** As written in tokenizer.json. */
  readonly token: string;
  readonly bytes: Uint8Array;
  readonly special: boolean;
}

/** Added tokens by their content; those that are searched for in normalized text are decoded to it. */
export function addedEntries(added: readonly AddedToken[], normalize?: (text: string) => string): VocabularyEntry[] {
  const entry = ({ id, special }: AddedToken, token: string): VocabularyEntry => {
    return { id, token, bytes: Buffer.from(token), special };
  };
  return added.flatMap((token) => {
    const plain = entry(token, token.content);
    const changed = token.normalized === true ? (normalize?.(token.content) ?? "") : "";
    return changed === "" ? [plain] : [plain, entry(token, changed)];
  });
}

/** Ids, their names and their bytes: what decoding needs, and what every kind of tokenizer has. */
export class Vocabulary {
  /** The highest id plus one. */
  readonly size: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly #tokens: (string | undefined)[] = [];
  readonly #ids = new Map<string, number>();
  readonly #special = new Set<number>();
  readonly #starts: Int32Array;
  readonly #bytes: Uint8Array;

  /** Later entries win over earlier ones of the same id. */
  constructor(entries: readonly VocabularyEntry[]) {
    const specials = new Map<string, number>();
    const byId: (Uint8Array | undefined)[] = [];
    let total = 0;
    for (const { id, token, bytes, special } of entries) {
      this.#tokens[id] = token;
      this.#ids.set(token, id);
      total += bytes.length - (byId[id]?.length ?? 0);
      byId[id] = bytes;
      if (special) {
        specials.set(token, id);
        this.#special.add(id);
      }
    }
    this.size = this.#tokens.length;
    this.specialTokens = specials;
    this.#bytes = new Uint8Array(total);
    this.#starts = new Int32Array(this.size + 1);
    let end = 0;
    for (let id = 0; id < this.size; id++) {
      const bytes = byId[id];
      if (bytes !== undefined) {
        this.#bytes.set(bytes, end);
        end += bytes.length;
      }
      this.#starts[id + 1] = end;
    }
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  /** @throws NuwaError VALUE for an id that is not in the vocabulary */
  token(id: number): string {
    const token = this.#tokens[id];
    if (token !== undefined) return token;
    throw new NuwaError("VALUE", `expected a token id from 0 to ${this.size - 1}, got ${id}`);
  }

  /** @throws NuwaError VALUE for an id that is not in the vocabulary */
  tokenBytes(id: number): Uint8Array {
    this.token(id);
    return this.#bytes.subarray(this.#starts[id], this.#starts[id + 1]);
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const skip = options.skipSpecialTokens === true;
    const parts: Uint8Array[] = [];
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] ?? -1;
      const bytes = this.tokenBytes(id);
      if (!skip || !this.#special.has(id)) parts.push(bytes);
    }
    return utf8Decoder().decode(Buffer.concat(parts));
  }

  streamDecoder(options: DecodeOptions = {}): StreamDecoder {
    const skip = options.skipSpecialTokens === true;
    return makeStreamDecoder((id) => {
      const bytes = this.tokenBytes(id);
      return skip && this.#special.has(id) ? undefined : bytes;
    });
  }
}
