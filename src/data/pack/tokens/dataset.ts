import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { PhiloxStream } from "../../../tensor/philox.ts";
import { NuwaError } from "../../../text/index.ts";
import type { Tokenizer } from "../../../tokenizer/index.ts";
import { bytesPerToken, readPackMeta, tokenizerHash, type PackMeta, type SplitMeta, type SplitName } from "./meta.ts";
import { littleEndian, readFully, tokenArray } from "./token-io.ts";

/** B windows of T tokens, row by row, and for each token the one that follows it. Both (B, T). */
export interface TokenBatch {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** A stretch of at most T tokens, with the token that follows each. */
export interface TokenWindow {
  /** Place of its first input in the split. */
  readonly start: number;
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** Keeps the random numbers of batches apart from those that the same seed gives elsewhere. */
const BATCH_STREAM = 0x62617463;

/** One split of packed tokens, read from its file by position: memory does not grow with the corpus. */
export class TokenDataset {
  readonly meta: SplitMeta;
  readonly vocabSize: number;
  /** Id of the token after each document, where there is one. */
  readonly separator: number | undefined;
  readonly #width: 2 | 4;
  readonly #file: string;
  readonly #tokens: number;
  readonly #starts: number;

  private constructor(folder: string, split: SplitName, meta: PackMeta, splitMeta: SplitMeta) {
    this.meta = splitMeta;
    this.vocabSize = meta.vocab_size;
    this.separator = meta.separator ?? undefined;
    this.#width = bytesPerToken(meta.dtype);
    this.#file = join(folder, `${split}.bin`);
    this.#tokens = openChecked(this.#file, splitMeta.tokens * this.#width);
    try {
      this.#starts = openChecked(join(folder, `${split}.idx`), splitMeta.documents * 8);
    } catch (cause) {
      closeSync(this.#tokens);
      throw cause;
    }
  }

  /**
   * Opens a split of the folder that `packDocuments` wrote.
   *
   * @param expected what the tokens are to be used with: a model's vocabulary size, or the tokenizer itself
   * @throws NuwaError FILE when files are missing or cut short, DATA when they were made with another vocabulary
   * @example const train = await TokenDataset.open("runs/sample/tokens", "train", { vocabSize: 8192 });
   */
  static async open(
    folder: string,
    split: SplitName,
    expected: { readonly vocabSize?: number; readonly tokenizer?: Tokenizer } = {},
  ): Promise<TokenDataset> {
    const meta = await readPackMeta(folder);
    const hint = "pack the documents again with this tokenizer";
    const vocabSize = expected.vocabSize ?? expected.tokenizer?.vocabSize;
    if (vocabSize !== undefined && vocabSize !== meta.vocab_size) {
      const message = `packed for a vocabulary of ${meta.vocab_size}, but ${vocabSize} is expected`;
      throw new NuwaError("DATA", message, { where: folder, hint });
    }
    if (expected.tokenizer !== undefined && tokenizerHash(expected.tokenizer) !== meta.tokenizer) {
      throw new NuwaError("DATA", "packed with another tokenizer of the same size", { where: folder, hint });
    }
    const splitMeta = meta.splits[split];
    if (splitMeta === undefined) {
      throw new NuwaError("DATA", `no text was held out: there is no "${split}" split`, {
        where: folder,
        hint: "set val_share above 0 and pack again",
      });
    }
    return new TokenDataset(folder, split, meta, splitMeta);
  }

  /** Tokens. */
  get length(): number {
    return this.meta.tokens;
  }

  /**
   * `count` tokens from `start`.
   *
   * @throws NuwaError VALUE outside the split
   */
  read(start: number, count: number): Int32Array {
    if (!Number.isSafeInteger(start) || start < 0 || count < 0 || start + count > this.length) {
      throw new NuwaError("VALUE", `expected tokens within 0 to ${this.length}, got ${start} to ${start + count}`, {
        where: this.#file,
      });
    }
    const tokens = tokenArray(this.#width, count);
    readFully(this.#tokens, new Uint8Array(tokens.buffer), start * this.#width, this.#file);
    littleEndian(tokens);
    return Int32Array.from(tokens);
  }

  /** Where document `index` starts and how many tokens it has, separator included. */
  document(index: number): { readonly start: number; readonly length: number } {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.meta.documents) {
      throw new NuwaError("VALUE", `expected a document from 0 to ${this.meta.documents - 1}, got ${index}`);
    }
    const isLast = index === this.meta.documents - 1;
    const starts = new BigUint64Array(isLast ? 1 : 2);
    readFully(this.#starts, new Uint8Array(starts.buffer), index * 8, this.#file);
    littleEndian(starts);
    const start = Number(starts[0] ?? 0n);
    return { start, length: (isLast ? this.length : Number(starts[1] ?? 0n)) - start };
  }

  /**
   * Fails unless there are enough tokens for one window of `context` inputs and its targets.
   *
   * @throws NuwaError DATA with both numbers
   */
  requireContext(context: number): void {
    if (this.length > context) return;
    throw new NuwaError("DATA", `the corpus has ${this.length} tokens, fewer than the ${context + 1} of one context`, {
      where: this.#file,
      hint: `give more text, or a context below ${Math.max(this.length, 2)}`,
    });
  }

  /**
   * Windows at random places, each place equally likely: a pure function of its arguments, so that a run resumes
   * exactly. Row r of micro-batch m is row m·B + r of the step, so 2 × 16 rows are the same as 1 × 32.
   *
   * @throws NuwaError DATA when the split is shorter than T + 1 tokens
   */
  batch(step: number, microBatch: number, B: number, T: number, seed: number): TokenBatch {
    this.requireContext(T);
    const random = new PhiloxStream(seed, [step, 0, BATCH_STREAM]);
    const inputs = new Int32Array(B * T);
    const targets = new Int32Array(B * T);
    for (let row = 0; row < B; row++) {
      // One uniform number takes two words of the stream.
      random.position = (microBatch * B + row) * 2;
      const window = this.read(random.below(this.length - T), T + 1);
      inputs.set(window.subarray(0, T), row * T);
      targets.set(window.subarray(1), row * T);
    }
    return { inputs, targets };
  }

  /** Windows side by side: every token but the first is a target once. The last window may be shorter. */
  *windows(T: number): Generator<TokenWindow> {
    for (let start = 0; start + 1 < this.length; start += T) {
      const tokens = this.read(start, Math.min(T, this.length - 1 - start) + 1);
      yield { start, inputs: tokens.slice(0, -1), targets: tokens.slice(1) };
    }
  }

  close(): void {
    closeSync(this.#tokens);
    closeSync(this.#starts);
  }
}

/** Opens a file that must have exactly `bytes` bytes. */
function openChecked(file: string, bytes: number): number {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (cause) {
    throw new NuwaError("FILE", "packed tokens are missing", { where: file, hint: "pack them again", cause });
  }
  const { size } = fstatSync(descriptor);
  if (size === bytes) return descriptor;
  closeSync(descriptor);
  const what = size < bytes ? "cut short" : "longer than it should be";
  throw new NuwaError("FILE", `${what}: expected ${bytes} bytes, got ${size}`, { where: file, hint: "pack it again" });
}
