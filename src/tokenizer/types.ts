import type { JsonValue } from "../text/index.ts";

/** What a `tokenizer.json` holds. */
export type JsonObject = { [key: string]: JsonValue };

/** What {@link Tokenizer.encode} does about control tokens. */
export interface EncodeOptions {
  /**
   * Puts the control tokens around the text that the tokenizer's post-processor names (`[CLS] … [SEP]`). Default false;
   * a tokenizer without a post-processor adds nothing.
   */
  readonly addSpecialTokens?: boolean;
  /**
   * Whether `<|end|>` and the like in `text` become control tokens. False unless asked for: text from users and
   * from documents must not be able to end a turn or start one. Then such text is encoded as the characters it is.
   */
  readonly allowSpecial?: boolean;
  /** The text goes on from another: what the tokenizer does only at the beginning of a text is left out. Default false. */
  readonly isContinuation?: boolean;
}

/** What {@link Tokenizer.decode} leaves out. */
export interface DecodeOptions {
  /** Leaves control tokens out of the text. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** Decodes token by token. Bytes of a character that is not whole yet are held back. */
export interface StreamDecoder {
  /** The text that `id` completes; "" while a character is not whole. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for a character that was never completed, else "". Ready for another text then. */
  flush(): string;
}

/** Two texts as one row of ids, and for each id which text it counts to (BERT's token types). */
export interface EncodedPair {
  readonly ids: Uint32Array;
  readonly typeIds: Uint8Array;
}

/** Text to token ids and back. */
export interface Tokenizer {
  readonly kind: "bpe" | "wordpiece" | "unigram" | "wordlevel" | "char";
  /** Rows that an embedding table needs: the highest id plus one. */
  readonly vocabSize: number;
  /** Control tokens, by their text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly bosId?: number;
  readonly eosId?: number;
  readonly padId?: number;
  /** Stands for what the vocabulary cannot write; byte-level tokenizers have none. */
  readonly unknownId?: number;
  /**
   * The ids of `text`. Lone surrogates count as U+FFFD.
   * @throws NuwaError DATA for a character that a character tokenizer does not know
   */
  encode(text: string, options?: EncodeOptions): Uint32Array;
  /** Two texts, as BERT reads them: one after another, or with the control tokens of the post-processor. */
  encodePair?(first: string, second: string, options?: EncodeOptions): EncodedPair;
  /**
   * The text of `ids`; bytes that are not UTF-8 become U+FFFD.
   * @throws NuwaError VALUE for an id that is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  streamDecoder(options?: DecodeOptions): StreamDecoder;
  /** `token` as written in tokenizer.json (for byte-level BPE in its alphabet: " the" is "Ġthe"). */
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** The bytes that a token stands for; of a control token, the bytes of its name. Not to be changed. */
  tokenBytes(id: number): Uint8Array;
  /** A `tokenizer.json` that Hugging Face `tokenizers` reads with equal ids. */
  toJSON(): JsonObject;
}
