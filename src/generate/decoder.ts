import type { CausalModel, GenerationCache } from "../models/index.ts";
import { type Arena, sampleTokens, Tape, Tensor, type TokenDraw } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";

/** Prompt tokens read at one time: enough to run products at full speed, few enough for a small working memory. */
export const PREFILL_TOKENS = 512;

/** Sizes of a {@link Decoder}, and where its memory comes from. */
export interface DecoderOptions {
  /** Texts at one time. Default 1. */
  readonly rows?: number;
  /** Maximum number of tokens of a prompt and its answer; defaults to the model's context. */
  readonly capacity?: number;
  /** Working memory to share, which {@link Decoder.dispose} leaves alone. Default: one of its own. */
  readonly arena?: Arena;
  /**
   * Where tokens are drawn: on the host from all logits, or on the device, so that one number for each text crosses to
   * the host. The tokens are the same. Default host.
   */
  readonly sampling?: "host" | "device";
}

/**
 * A model with a cache for B texts: prompts in, logits out. Logits stay on the device; they are valid until the next
 * call. Everything that writes text (one or several, for a user or while training) goes through here.
 *
 * @example
 * const decoder = new Decoder(model, { rows: 2 });
 * decoder.prefill(0, [5, 9, 1]); // logits (1, V)
 * decoder.prefill(1, [7]);
 * decoder.step([3, 4]); // logits (2, V)
 * decoder.dispose();
 */
export class Decoder {
  readonly model: CausalModel;
  /** B */
  readonly rows: number;
  readonly capacity: number;
  readonly sampling: "host" | "device";
  readonly #arena: Arena;
  readonly #ownsArena: boolean;
  readonly #cache: GenerationCache;
  /** The tokens of each row whose keys and values are in the cache. */
  readonly #cached: number[][];

  /** @throws NuwaError VALUE for less than one row */
  constructor(model: CausalModel, options: DecoderOptions = {}) {
    const { max_position_embeddings: context } = model.config;
    const { rows = 1, capacity = context, arena, sampling = "host" } = options;
    if (!Number.isInteger(rows) || rows < 1) throw new NuwaError("VALUE", `expected at least one row, got ${rows}`);
    this.model = model;
    this.rows = rows;
    this.sampling = sampling;
    this.capacity = Math.min(capacity, context);
    this.#ownsArena = arena === undefined;
    this.#arena = arena ?? model.device.createArena();
    this.#cache = model.createCache(rows, this.capacity);
    this.#cached = Array.from({ length: rows }, () => []);
  }

  /** Gives cache and working memory back. The model stays. */
  dispose(): void {
    this.#cache.release();
    if (this.#ownsArena) this.#arena.dispose();
  }

  /**
   * Keeps of a row what it has in common with `ids`, the last of which always has to be read.
   * @returns the number of tokens kept
   */
  keep(row: number, ids: readonly number[]): number {
    const cached = this.#row(row);
    let common = 0;
    while (common < ids.length - 1 && common < cached.length && cached[common] === ids[common]) common++;
    if (common < cached.length) cached.length = this.#cache.row(row).truncate(common);
    return cached.length;
  }

  /**
   * Reads a text into a row, in pieces; of what the row holds, the text's beginning is {@link keep kept}.
   * @returns logits (1, V) after its last token
   */
  prefill(row: number, ids: readonly number[]): Tensor {
    this.keep(row, ids);
    const cached = this.#row(row);
    const cache = this.#cache.row(row);
    for (;;) {
      const piece = ids.slice(cached.length, cached.length + PREFILL_TOKENS);
      const { tape, hidden } = this.#read(piece, 1, cache);
      cached.push(...piece);
      if (cached.length >= ids.length) return this.#lastLogits(tape, hidden);
    }
  }

  /**
   * Reads one more token of every row; a row without one is empty afterwards.
   * @returns logits (B, V), of which those of rows without a token mean nothing
   */
  step(tokens: readonly (number | undefined)[]): Tensor {
    const ids = this.#cached.map((_, row) => tokens[row] ?? 0);
    const { tape, hidden } = this.#read(ids, this.rows, this.#cache);
    for (const [row, cached] of this.#cached.entries()) {
      const token = tokens[row];
      if (token !== undefined) cached.push(token);
      else {
        cached.length = 0;
        this.#cache.row(row).reset();
      }
    }
    return this.#lastLogits(tape, hidden);
  }

  /**
   * Draws a token from each row of logits on the device.
   * @param logits (B, V) as {@link prefill} and {@link step} gave them
   * @returns (B); an id of −1 where no logit is a finite number
   */
  async draw(logits: Tensor, draws: readonly (TokenDraw | undefined)[]): Promise<{ id: number; logprob: number }[]> {
    const tape = this.#tape();
    const drawn = sampleTokens(tape, logits, draws);
    const [ids, logprobs] = await Promise.all([drawn.ids.read(), drawn.logprobs.read()]);
    return draws.map((_, row) => ({ id: ids[row] ?? -1, logprob: logprobs[row] ?? Number.NaN }));
  }

  #row(row: number): number[] {
    const cached = this.#cached[row];
    if (cached === undefined) throw new NuwaError("VALUE", `expected a row below ${this.rows}, got ${row}`);
    return cached;
  }

  /** ids (B · T) -> hidden (B, T, C) */
  #read(ids: readonly number[], B: number, cache: GenerationCache): { tape: Tape; hidden: Tensor } {
    const { model } = this;
    this.#arena.reset();
    const tape = this.#tape();
    return { tape, hidden: model.hidden(tape, tape.constant(ids, [B, ids.length / B], "int32"), { cache }) };
  }

  #tape(): Tape {
    return new Tape({ device: this.model.device, arena: this.#arena, recording: false, training: false });
  }

  /** hidden (B, T, C) with B or T equal to 1 -> logits (B, V) after each text's last time step */
  #lastLogits(tape: Tape, hidden: Tensor): Tensor {
    const [B = 0, T = 0, C = 0] = hidden.shape;
    return this.model.logits(tape, new Tensor(hidden.device, hidden.storage.slice((T - 1) * C, B * C), [B, C]));
  }
}
