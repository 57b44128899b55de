import type { CausalModel } from "../models/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizer/index.ts";
import { Decoder, type DecoderOptions } from "./decoder.ts";
import type { GenerationSettings } from "./settings.ts";
import { StopWatch } from "./stop-strings.ts";
import { generateTokens, type FinishReason } from "./tokens.ts";

/** Text that became certain with a token: "" while a character or a possible stop string is not whole. */
export interface GeneratedPiece {
  readonly text: string;
  /** The token; undefined for text that was held back until the end. */
  readonly id?: number;
  /** ln p of the token under the model itself. */
  readonly logprob?: number;
}

/** How a generation ended, and how many tokens it took. */
export interface GenerationEnd {
  readonly reason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that were still in the cache from the generation before. */
  readonly cachedTokens: number;
}

/** What ends a generation beside its settings. */
export interface GenerateOptions {
  /** Ids that end the text, for example the chat template's end of turn. Default: the tokenizer's end token. */
  readonly stopIds?: readonly number[];
  readonly signal?: AbortSignal;
}

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
  readonly #decoder: Decoder;
  #busy = false;

  /** @param options.sampling where tokens are drawn; see {@link DecoderOptions} */
  constructor(model: CausalModel, tokenizer: Tokenizer, options: Pick<DecoderOptions, "sampling"> = {}) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.#decoder = new Decoder(model, options);
  }

  /** Most tokens of prompt and answer together. */
  get contextLength(): number {
    return this.model.config.max_position_embeddings;
  }

  /** Gives cache and working memory back. The model stays. */
  dispose(): void {
    this.#decoder.dispose();
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
    if (this.#busy) throw new NuwaError("VALUE", "this generator is at work; one generation at a time");
    this.#busy = true;
    try {
      return yield* this.#run(Array.from(prompt), settings, options);
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
    const stopIds = options.stopIds ?? (eosId === undefined ? [] : [eosId]);
    const decoder = this.tokenizer.streamDecoder({ skipSpecialTokens: true });
    const watch = new StopWatch(settings.stop);
    const promptTokens = ids.length;
    const cachedTokens = this.#decoder.keep(0, ids);
    let completionTokens = 0;
    const end = (reason: FinishReason): GenerationEnd => ({ reason, promptTokens, completionTokens, cachedTokens });

    const tokens = generateTokens(this.#decoder, [{ ids, settings, stopIds }], { signal: options.signal, reuse: true });
    for await (const { id, logprob, reason } of tokens) {
      if (reason === "abort") break;
      completionTokens++;
      if (id !== undefined) {
        const { text, stopped } = watch.push(decoder.push(id));
        yield { text, id, ...(logprob === undefined ? {} : { logprob }) };
        if (stopped) return end("stop");
      }
      if (reason === undefined) continue;
      const last = watch.push(decoder.flush());
      const text = last.stopped ? last.text : last.text + watch.flush();
      if (text !== "") yield { text };
      return end(reason);
    }
    return end("abort");
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
