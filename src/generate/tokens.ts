import { setImmediate } from "node:timers/promises";
import { PhiloxStream, type Tensor, type TokenDraw } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Decoder } from "./decoder.ts";
import { notFinite, sampleToken, type SampledToken, type SamplingSettings } from "./sampler.ts";

/** Why a text ended: a stop token or string, no room or `max_tokens`, or the caller's signal. */
export type FinishReason = "stop" | "length" | "abort";

/** Philox stream word of generation. */
const GENERATE_STREAM = 4;

/** A text to continue. */
export interface TokenRequest {
  readonly ids: ArrayLike<number>;
  readonly settings: SamplingSettings & { readonly max_tokens: number; readonly seed: number };
  /** Ids that end the text. Default none. */
  readonly stopIds?: Iterable<number>;
  /** Asked after each token: whether the text ends with it, as with the last of a stop string. Default never. */
  readonly endsWith?: (id: number) => boolean;
  /** The Philox stream of its random numbers under `settings.seed`. Default: generation's own. */
  readonly stream?: readonly [number, number, number];
}

/** A token of one of the texts. */
export interface GeneratedToken {
  /** Which request, by its index. */
  readonly request: number;
  /** Undefined when the text ended at a stop token, or was aborted. */
  readonly id?: number;
  /** ln p of the token under the model itself. */
  readonly logprob?: number;
  /** Present with a text's last. */
  readonly reason?: FinishReason;
}

/** What ends the generation of tokens, and whether earlier work is used again. */
export interface GenerateTokensOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether a text begins with what its row still holds of it. Default false: every text is read anew. */
  readonly reuse?: boolean;
}

/** A text that is being written. */
interface Continuation {
  readonly request: number;
  readonly settings: SamplingSettings;
  readonly stopIds: ReadonlySet<number>;
  readonly endsWith: (id: number) => boolean;
  readonly random: PhiloxStream;
  /** Prompt and answer. */
  readonly ids: number[];
  /** Tokens that are still to come at most. */
  left: number;
}

/**
 * The one way to the next token: continues texts in the rows of a decoder, token by token. A text that ends leaves its
 * row to the next request. Each text comes out the same, whatever the number of rows and its neighbours.
 *
 * @throws NuwaError VALUE for an empty or too long prompt, or an id that the model does not have
 * @example for await (const { request, id } of generateTokens(decoder, requests)) if (id !== undefined) texts[request].push(id);
 */
export async function* generateTokens(
  decoder: Decoder,
  requests: readonly TokenRequest[],
  { signal, reuse = false }: GenerateTokensOptions = {},
): AsyncGenerator<GeneratedToken, void, undefined> {
  for (const { ids } of requests) checkPrompt(ids, decoder.model.config.vocab_size, decoder.capacity);
  const waiting = requests.map((request, index) => begin(request, index, decoder.capacity)).values();
  const rows: (Continuation | undefined)[] = Array.from({ length: decoder.rows });
  for (let isFirst = true; isFirst || rows.some((text) => text !== undefined); isFirst = false) {
    // The event loop gets its turn: a server answers, Ctrl-C is heard.
    await setImmediate();
    if (signal?.aborted === true) {
      for (const text of rows) if (text !== undefined) yield { request: text.request, reason: "abort" };
      return;
    }
    const tokens = isFirst ? [] : await drawTokens(decoder, decoder.step(rows.map((text) => text?.ids.at(-1))), rows);
    for (let row = 0; row < rows.length; row++) {
      let text = rows[row];
      let token = tokens[row];
      // A free row takes requests until one of them goes on.
      for (;;) {
        if (text === undefined) {
          text = waiting.next().value;
          if (text === undefined) break;
          if (!reuse) decoder.keep(row, []);
          [token] = await drawTokens(decoder, decoder.prefill(row, text.ids), [text]);
        }
        if (token === undefined) break;
        const generated = take(text, token);
        yield generated;
        if (generated.reason === undefined) break;
        text = undefined;
      }
      rows[row] = text;
    }
  }
}

const never = () => false;

function begin(
  { ids, settings, stopIds = [], endsWith = never, stream }: TokenRequest,
  request: number,
  capacity: number,
): Continuation {
  return {
    request,
    settings,
    stopIds: new Set(stopIds),
    endsWith,
    random: new PhiloxStream(settings.seed, stream ?? [0, 0, GENERATE_STREAM]),
    ids: Array.from(ids),
    left: Math.min(settings.max_tokens, capacity - ids.length),
  };
}

/**
 * Each row's next token. Logits are read here and nowhere before; where the device draws, they are not read at all.
 *
 * @param logits (B, V)
 * @param rows (B); undefined where no text is written
 */
async function drawTokens(
  decoder: Decoder,
  logits: Tensor,
  rows: readonly (Continuation | undefined)[],
): Promise<(SampledToken | undefined)[]> {
  if (decoder.sampling === "device") {
    const drawn = await decoder.draw(
      logits,
      rows.map((text) => (text === undefined ? undefined : drawOf(text))),
    );
    return rows.map((text, row) => {
      const token = drawn[row];
      if (text !== undefined && (token === undefined || token.id < 0)) throw notFinite();
      return text === undefined ? undefined : token;
    });
  }
  const [, V = 0] = logits.shape;
  const values = await logits.read();
  return rows.map((text, row) => {
    if (text === undefined) return undefined;
    const { settings, random, ids } = text;
    return sampleToken(values.subarray(row * V, (row + 1) * V), settings, () => random.uniform(), ids);
  });
}

/** What the device needs to draw a text's next token. */
function drawOf({ settings, random, ids }: Continuation): TokenDraw {
  const { temperature, top_k: topK, top_p: topP, min_p: minP, repetition_penalty: repetitionPenalty } = settings;
  const uniform = temperature === 0 ? 0 : random.uniform();
  return { temperature, topK, topP, minP, repetitionPenalty, uniform, history: ids };
}

/** Adds a token to its text, and says whether the text ends with it. */
function take(text: Continuation, { id, logprob }: SampledToken): GeneratedToken {
  const { request, stopIds, ids } = text;
  if (stopIds.has(id)) return { request, reason: "stop" };
  ids.push(id);
  text.left--;
  if (text.endsWith(id)) return { request, id, logprob, reason: "stop" };
  return text.left > 0 ? { request, id, logprob } : { request, id, logprob, reason: "length" };
}

function checkPrompt(ids: ArrayLike<number>, vocabulary: number, contextLength: number): void {
  if (ids.length === 0) throw new NuwaError("VALUE", "expected a prompt of at least one token, got none");
  if (ids.length >= contextLength) {
    throw new NuwaError(
      "VALUE",
      `the prompt has ${ids.length} tokens; the model's context of ${contextLength} must also hold the answer`,
      { hint: "shorten the prompt" },
    );
  }
  const wrong = Array.from(ids).find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong !== undefined) {
    throw new NuwaError("VALUE", `token ${wrong} is not in the model's vocabulary of ${vocabulary}`, {
      hint: "is this the tokenizer that the model was trained with?",
    });
  }
}
