import { setImmediate } from "node:timers/promises";
import type { CausalModel, GenerationCache } from "../models/index.ts";
import { PhiloxStream, Tape, type Arena } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import { checkPrompt, GENERATE_STREAM, type FinishReason } from "./generator.ts";
import { lastLogits, readPrompt } from "./prefill.ts";
import { sampleToken } from "./sampler.ts";
import type { GenerationSettings } from "./settings.ts";

export interface BatchPrompt {
  readonly ids: ArrayLike<number>;
  readonly settings: GenerationSettings;
  /** Ids that end the text. Default none. */
  readonly stopIds?: readonly number[];
}

/** A token of one of the texts. */
export interface BatchToken {
  /** Which prompt, by its place in the list. */
  readonly prompt: number;
  /** Undefined when the text ended at a stop token. */
  readonly id?: number;
  readonly logprob?: number;
  /** Given with a text's last. */
  readonly reason?: FinishReason;
}

/** A text being written in one of the rows. */
interface Running {
  readonly prompt: number;
  readonly settings: GenerationSettings;
  readonly stops: ReadonlySet<number>;
  readonly random: PhiloxStream;
  readonly ids: number[];
  readonly most: number;
  written: number;
}

/**
 * Continues several texts at once: each weight is read once a step for all of them, so that two to sixteen texts take
 * little longer than one. A text that ends leaves its place to the next prompt. Each text comes out token for token as
 * {@link TextGenerator} writes it alone.
 *
 * @example
 * const batch = new BatchGenerator(model, { rows: 8 });
 * for await (const { prompt, id } of batch.generate(prompts)) if (id !== undefined) texts[prompt].push(id);
 * batch.dispose();
 */
export class BatchGenerator {
  readonly #model: CausalModel;
  readonly #arena: Arena;
  readonly #cache: GenerationCache;

  /** @param options.rows texts at one time; `capacity` most tokens of a prompt and its answer, by default the model's */
  constructor(model: CausalModel, options: { readonly rows: number; readonly capacity?: number }) {
    const { max_position_embeddings: longest } = model.config;
    const { rows, capacity = longest } = options;
    if (!Number.isInteger(rows) || rows < 1) throw new NuwaError("VALUE", `expected at least one row, got ${rows}`);
    this.#model = model;
    this.#arena = model.device.createArena();
    this.#cache = model.createCache(rows, Math.min(capacity, longest));
  }

  /** Gives cache and working memory back. The model stays. */
  dispose(): void {
    this.#cache.release();
    this.#arena.dispose();
  }

  /** @throws NuwaError VALUE for an empty or too long prompt, or an id that the model does not have */
  async *generate(
    prompts: readonly BatchPrompt[],
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<BatchToken, void, undefined> {
    const { batch: B, capacity } = this.#cache;
    const { vocab_size: V } = this.#model.config;
    for (const { ids } of prompts) checkPrompt(Array.from(ids), V, capacity);
    const rows: (Running | undefined)[] = Array.from({ length: B });
    let next = 0;
    this.#cache.reset();
    while (next < prompts.length || rows.some((row) => row !== undefined)) {
      // The event loop gets its turn: a server answers, Ctrl-C is heard.
      await setImmediate();
      if (options.signal?.aborted === true) {
        for (const row of rows) if (row !== undefined) yield { prompt: row.prompt, reason: "abort" };
        return;
      }
      const going = rows.map((row) => row !== undefined);
      const logits = going.includes(true) ? this.#step(rows) : undefined;
      for (let b = 0; b < B; b++) {
        let row = rows[b];
        let own = going[b] === true ? logits?.subarray(b * V, (b + 1) * V) : undefined;
        // A free place takes prompts until one of them goes on.
        while (row !== undefined || next < prompts.length) {
          if (row === undefined || own === undefined) {
            row = this.#begin(prompts, next++);
            const cache = this.#cache.row(b);
            cache.reset();
            own = readPrompt(this.#model, this.#arena, row.ids, cache);
          }
          const token = choose(row, own);
          yield token;
          if (token.reason === undefined) break;
          row = undefined;
        }
        rows[b] = row;
        if (row === undefined) this.#cache.row(b).reset();
      }
    }
  }

  #begin(prompts: readonly BatchPrompt[], prompt: number): Running {
    const given = prompts[prompt];
    if (given === undefined) throw new NuwaError("VALUE", `there is no prompt ${prompt}`);
    const { settings, stopIds = [] } = given;
    const ids = Array.from(given.ids);
    const most = Math.min(settings.max_tokens, this.#cache.capacity - ids.length);
    const random = new PhiloxStream(settings.seed, [0, 0, GENERATE_STREAM]);
    return { prompt, settings, stops: new Set(stopIds), random, ids, most, written: 0 };
  }

  /** Feeds the newest token of every text; a free row is fed token 0, which nobody reads. Logits (B · V). */
  #step(rows: readonly (Running | undefined)[]): Float32Array | Float64Array {
    const model = this.#model;
    const { batch: B } = this.#cache;
    try {
      const tape = new Tape({ device: model.device, arena: this.#arena, recording: false, training: false });
      const tokens = rows.map((row) => row?.ids.at(-1) ?? 0);
      const hidden = model.hidden(tape, tape.constant(tokens, [B, 1], "int32"), { cache: this.#cache }); // (B, 1, C)
      return lastLogits(model, tape, hidden); // (B, V)
    } finally {
      this.#arena.reset();
    }
  }
}

/** Draws a text's next token, and says whether the text ends with it. */
function choose(row: Running, logits: ArrayLike<number>): BatchToken {
  const { prompt, settings, ids } = row;
  const { id, logprob } = sampleToken(logits, settings, () => row.random.uniform(), ids);
  row.written++;
  if (row.stops.has(id)) return { prompt, reason: "stop" };
  ids.push(id);
  return row.written === row.most ? { prompt, id, logprob, reason: "length" } : { prompt, id, logprob };
}

/** Runs prompts to their ends: the new ids of each. */
export async function generateBatch(generator: BatchGenerator, prompts: readonly BatchPrompt[]): Promise<number[][]> {
  const texts = prompts.map((): number[] => []);
  for await (const { prompt, id } of generator.generate(prompts)) if (id !== undefined) texts[prompt]?.push(id);
  return texts;
}
