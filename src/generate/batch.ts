import type { CausalModel } from "../models/index.ts";
import { Decoder, type DecoderOptions } from "./decoder.ts";
import { generateTokens, type GeneratedToken, type TokenRequest } from "./tokens.ts";

/**
 * Continues several texts at once: each weight is read once a step for all of them, so that two to sixteen texts take
 * little longer than one. A text that ends leaves its row to the next request. Each text comes out token for token as
 * {@link TextGenerator} writes it alone.
 *
 * @example
 * const batch = new BatchGenerator(model, { rows: 8 });
 * for await (const { request, id } of batch.generate(requests)) if (id !== undefined) texts[request].push(id);
 * batch.dispose();
 */
export class BatchGenerator {
  readonly #decoder: Decoder;

  /** @param options.rows maximum number of texts at one time */
  constructor(model: CausalModel, options: DecoderOptions) {
    this.#decoder = new Decoder(model, options);
  }

  /** Gives cache and working memory back. The model stays. */
  dispose(): void {
    this.#decoder.dispose();
  }

  /** @throws NuwaError VALUE for an empty or too long prompt, or an id that the model does not have */
  generate(
    requests: readonly TokenRequest[],
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GeneratedToken, void, undefined> {
    return generateTokens(this.#decoder, requests, options);
  }
}

/** Runs requests to their ends: the new ids of each. */
export async function generateBatch(generator: BatchGenerator, requests: readonly TokenRequest[]): Promise<number[][]> {
  const texts = requests.map((): number[] => []);
  for await (const { request, id } of generator.generate(requests)) if (id !== undefined) texts[request]?.push(id);
  return texts;
}
