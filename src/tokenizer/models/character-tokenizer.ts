import { NuwaError } from "../../text/index.ts";
import { addedTokenJson, AddedTokens, type AddedToken } from "../steps/added-tokens.ts";
import { toWellFormed } from "../steps/character-classes.ts";
import { UNKNOWN } from "../special-tokens.ts";
import { postProcessPair } from "../steps/post-processor.ts";
import type { DecodeOptions, EncodedPair, EncodeOptions, JsonObject, StreamDecoder, Tokenizer } from "../types.ts";
import { addedEntries, Vocabulary } from "../steps/vocabulary.ts";

export interface CharacterParts {
  readonly characters: ReadonlyMap<string, number>;
  readonly added: readonly AddedToken[];
  /** Stands for every character that is not known. Without it such a character is an error. */
  readonly unknownId?: number | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly padId?: number | undefined;
  readonly json: JsonObject;
}

/** One token a character (Unicode code point), as in char-rnn and nanoGPT's Shakespeare. */
export class CharacterTokenizer implements Tokenizer {
  readonly kind = "char";
  declare readonly bosId?: number;
  declare readonly eosId?: number;
  declare readonly padId?: number;
  readonly #characters: ReadonlyMap<string, number>;
  readonly #added: AddedTokens;
  readonly #unknownId: number | undefined;
  readonly #vocabulary: Vocabulary;
  readonly #json: JsonObject;

  constructor(parts: CharacterParts) {
    this.#characters = parts.characters;
    this.#added = new AddedTokens(parts.added);
    this.#unknownId = parts.unknownId;
    this.#json = parts.json;
    const entries = [...parts.characters].map(([token, id]) => ({ id, token, bytes: Buffer.from(token) }));
    this.#vocabulary = new Vocabulary([
      ...entries.map((entry) => ({ ...entry, special: false })),
      ...addedEntries(parts.added),
    ]);
    if (parts.bosId !== undefined) this.bosId = parts.bosId;
    if (parts.eosId !== undefined) this.eosId = parts.eosId;
    if (parts.padId !== undefined) this.padId = parts.padId;
  }

  get vocabSize(): number {
    return this.#vocabulary.size;
  }

  get specialTokens(): ReadonlyMap<string, number> {
    return this.#vocabulary.specialTokens;
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    const out = new Uint32Array(text.length);
    let length = 0;
    this.#added.split(toWellFormed(text), options.allowSpecial === true, {
      token: (id) => {
        out[length++] = id;
      },
      text: (stretch) => {
        for (const character of stretch) {
          const id = this.#characters.get(character) ?? this.#unknownId;
          if (id === undefined) throw this.#unknown(character);
          out[length++] = id;
        }
      },
    });
    return out.slice(0, length);
  }

  encodePair(first: string, second: string, options: EncodeOptions = {}): EncodedPair {
    return postProcessPair(undefined, { A: this.encode(first, options), B: this.encode(second, options) }, options);
  }

  #unknown(character: string): NuwaError {
    const codePoint = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    const name = `${JSON.stringify(character)} (U+${codePoint})`;
    return new NuwaError("DATA", `${name} is not among the ${this.#characters.size} characters of this tokenizer`, {
      hint: `train the tokenizer on text that has it, or with the special token ${UNKNOWN}`,
    });
  }

  decode(ids: ArrayLike<number>, options?: DecodeOptions): string {
    return this.#vocabulary.decode(ids, options);
  }

  streamDecoder(options?: DecodeOptions): StreamDecoder {
    return this.#vocabulary.streamDecoder(options);
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
    return this.#json;
  }
}

/** A tokenizer.json that cuts a text into single characters and looks each up. */
export function charactersJson(vocab: ReadonlyMap<string, number>, added: readonly AddedToken[]): JsonObject {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added.map(addedTokenJson),
    normalizer: null,
    pre_tokenizer: { type: "Split", pattern: { Regex: "[\\s\\S]" }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder: { type: "Fuse" },
    model: { type: "WordLevel", vocab: Object.fromEntries(vocab), unk_token: UNKNOWN },
  };
}
