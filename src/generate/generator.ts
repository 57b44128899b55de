import { setImmediate } from "node:timers/promises";
import type { CausalModel, GenerationCache } from "../models/index.ts";

import { PhiloxStream, type Arena } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizer/index.ts";
import { readPrompt } from "./prefill.ts";
import { sampleToken } from "./sampler.ts";
import type { GenerationSettings } from "./settings.ts";
import { StopWatch } from "./stop-strings.ts";

/** Text that became certain with a token: "" while a character or a possible stop string is not whole. */
export interface GeneratedPiece {
  readonly text: string;
  /** The token; undefined for text that was held back until the end. */
  readonly id?: number;
  /** ln p of the token under the model itself. */
  readonly logprob?: number;
}

/** Why a generation ended: a stop token or string, no room or `max_tokens`, or the caller's signal. */
export type FinishReason = "stop" | "length" | "abort";

export interface GenerationEnd {
  readonly reason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that were still in the cache from the generation before. */
  readonly cachedTokens: number;
}

export interface GenerateOptions {
  /** Ids that end the text, for example the chat template's end of turn. Default: the tokenizer's end token. */
  readonly stopIds?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Philox stream word of generation. */
export const GENERATE_STREAM = 4;

/**
 * Continues token sequences with one model. Keys and values of the last text stay cached: a chat's next turn computes
 * only what is new. One generation at a time.
 *
 * @example
 * const generator = new TextGenerator(model, tokenizer);
 * for await (const { text } of generator.generate(tokenizer.encode("Once"), settings)) process.stdout.write(text);
 */
export class TextGenerator {
  readonly model: CausalModel;
  readonly tokenizer: Tokenizer;
  readonly #arena: Arena;
  readonly #cache: GenerationCache;
  /** The tokens whose keys and values are in the cache. */
  #cached: number[] = [];
  #busy = false;

  constructor(model: CausalModel, tokenizer: Tokenizer) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.#arena = model.device.createArena();
    this.#cache = model.createCache(1, model.config.max_position_embeddings);
  }

  /** Most tokens of prompt and answer together. */
  get contextLength(): number {
    return this.model.config.max_position_embeddings;
  }

  /** Gives cache and working memory back. The model stays. */
  dispose(): void {
    this.#cache.release();
    this.#arena.dispose();
  }

  /**
   * @param prompt token ids, at least one and fewer than {@link contextLength}
   * @throws NuwaError VALUE for an empty or too long prompt, or an id that the model does not have
   */
  async *generate(
    prompt: ArrayLike<number>,
    settings: GenerationSettings,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedPiece, GenerationEnd, undefined> {
    const ids = Array.from(prompt);
    checkPrompt(ids, this.model.config.vocab_size, this.contextLength);
    if (this.#busy) throw new NuwaError("VALUE", "this generator is at work; one generation at a time");
    this.#busy = true;
    try {
      return yield* this.#run(ids, settings, options);
    } finally {
      this.#busy = false;
    }
  }

  async *#run(
    ids: number[],
    settings: GenerationSettings,
    options: GenerateOptions,
  ): AsyncGenerator<GeneratedPiece, GenerationEnd, undefined> {
    const { eosId } = this.tokenizer;
    const stopIds = new Set(options.stopIds ?? (eosId === undefined ? [] : [eosId]));
    const random = new PhiloxStream(settings.seed, [0, 0, GENERATE_STREAM]);
    const decoder = this.tokenizer.streamDecoder({ skipSpecialTokens: true });
    const watch = new StopWatch(settings.stop);
    const most = Math.min(settings.max_tokens, this.contextLength - ids.length);
    const promptTokens = ids.length;
    const cachedTokens = this.#reuse(ids);
    let pending = ids.slice(cachedTokens);
    let completionTokens = 0;
    const end = (reason: FinishReason): GenerationEnd => ({ reason, promptTokens, completionTokens, cachedTokens });

    while (completionTokens < most) {
      // The event loop gets its turn: a server answers, Ctrl-C is heard.
      await setImmediate();
      if (options.signal?.aborted === true) return end("abort");
      const logits = this.#advance(pending);
      const { id, logprob } = sampleToken(logits, settings, () => random.uniform(), ids);
      completionTokens++;
      if (stopIds.has(id)) {
        const text = decoder.flush() + watch.flush();
        if (text !== "") yield { text };
        return end("stop");
      }
      ids.push(id);
      pending = [id];
      const { text, stopped } = watch.push(decoder.push(id));
      yield { text, id, logprob };
      if (stopped) return end("stop");
    }
    const last = watch.push(decoder.flush());
    const text = last.stopped ? last.text : last.text + watch.flush();
    if (text !== "") yield { text };
    return end("length");
  }

  /** Keeps what the cache and the prompt have in common; at least one token is left to be fed. */
  #reuse(ids: readonly number[]): number {
    let common = 0;
    while (common < ids.length - 1 && common < this.#cached.length && this.#cached[common] === ids[common]) common++;
    this.#cached.length = this.#cache.truncate(common);
    return this.#cached.length;
  }

  /** Feeds tokens; the logits (V) after the last. */
  #advance(tokens: readonly number[]): Float32Array | Float64Array {
    const logits = readPrompt(this.model, this.#arena, tokens, this.#cache);
    this.#cached.push(...tokens);
    return logits;
  }
}

/** @throws NuwaError VALUE for an empty or too long prompt, or an id that the model does not have */
export function checkPrompt(ids: readonly number[], vocabulary: number, contextLength: number): void {
  if (ids.length === 0) throw new NuwaError("VALUE", "expected a prompt of at least one token, got none");
  if (ids.length >= contextLength) {
    throw new NuwaError(
      "VALUE",
      `the prompt has ${ids.length} tokens; the model's context of ${contextLength} must also hold the answer`,
      { hint: "shorten the prompt" },
    );
  }
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong !== undefined) {
    throw new NuwaError("VALUE", `token ${wrong} is not in the model's vocabulary of ${vocabulary}`, {
      hint: "is this the tokenizer that the model was trained with?",
    });
  }
}

/** Runs a generation to its end: the whole text and how it ended. */
export async function generateText(
  generator: TextGenerator,
  prompt: ArrayLike<number>,
  settings: GenerationSettings,
  options: GenerateOptions = {},
): Promise<GenerationEnd & { readonly text: string }> {
  const pieces = generator.generate(prompt, settings, options);
  let text = "";
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) return { ...next.value, text };
    text += next.value.text;
  }
}
