import { setImmediate } from "node:timers/promises";
import type { BitsPerByte, CausalModel } from "../models/index.ts";
import { BatchGenerator, StopWatch } from "../generate/index.ts";
import { embedding, reshape, Tape, type Arena, type Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import {
  defaultChatTemplate,
  renderChat,
  stopIds,
  type ChatMessage,
  type RenderOptions,
  type StreamDecoder,
  type Tokenizer,
} from "../tokenizer/index.ts";
import type {
  ContinuationRequest,
  ContinuationScore,
  GenerationRequest,
  LanguageModel,
  TextScore,
} from "./language-model.ts";

/** Tokens to feed, and what the last of them should predict. */
interface Window {
  readonly input: readonly number[];
  /** Targets of the last `targets.length` positions. */
  readonly targets: readonly number[];
}

interface WindowScore {
  readonly logLikelihood: number;
  readonly isGreedy: boolean;
}

/** Most elements of a logits chunk. */
const logitsChunk = 4 * 1024 * 1024;

/** Maximum number of answers written at one time: more gain little. */
const mostRows = 16;

/** An answer as its tokens come, until a stop string is complete. */
class Answer {
  readonly #decoder: StreamDecoder;
  readonly #watch: StopWatch;
  #text = "";
  #isWhole = false;

  constructor(tokenizer: Tokenizer, stop: readonly string[]) {
    this.#decoder = tokenizer.streamDecoder({ skipSpecialTokens: true });
    this.#watch = new StopWatch(stop);
  }

  /** Adds a token; whether a stop string is complete with it. */
  push(id: number): boolean {
    return this.#add(this.#decoder.push(id));
  }

  /** The whole text, when no more tokens come. */
  finish(): string {
    if (this.#isWhole || this.#add(this.#decoder.flush())) return this.#text;
    return this.#text + this.#watch.flush();
  }

  #add(piece: string): boolean {
    const { text, stopped } = this.#watch.push(piece);
    this.#text += text;
    this.#isWhole = stopped;
    return stopped;
  }
}

/** How a {@link LocalLanguageModel} is named, batched and prompted. */
export interface LocalModelOptions {
  readonly name: string;
  /** Tokens of padded input to a batch, and of texts that are written at one time. More is faster, and takes more memory. Default 4,096. */
  readonly tokensPerBatch?: number;
  /** The model's chat template; the default one where it has none. */
  readonly chatTemplate?: string;
  /**
   * Every text begins with the tokenizer's start token, as models such as LLaMA were trained. Default false; an empty
   * context begins with it always.
   */
  readonly addBosToken?: boolean;
}

/**
 * A model of ours under the harness's interface. Text is encoded once per request; equal inputs (the single-letter
 * choices of MMLU) are computed once; windows of like length share a batch.
 */
export class LocalLanguageModel implements LanguageModel, BitsPerByte {
  readonly name: string;
  readonly maxLength: number;
  readonly #model: CausalModel;
  readonly #tokenizer: Tokenizer;
  readonly #arena: Arena;
  readonly #tokensPerBatch: number;
  readonly #startToken: number;
  readonly #bosToken: number | undefined;
  readonly #chatTemplate: string;

  /** @throws NuwaError CHECKPOINT when the tokenizer has neither a start nor an end token, which empty contexts need */
  constructor(model: CausalModel, tokenizer: Tokenizer, options: LocalModelOptions) {
    const startToken = tokenizer.bosId ?? tokenizer.eosId;
    if (startToken === undefined) {
      throw new NuwaError(
        "CHECKPOINT",
        "the tokenizer has no start or end token, which evaluation begins a text with",
        {
          where: options.name,
        },
      );
    }
    this.name = options.name;
    this.maxLength = model.config.max_position_embeddings;
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#arena = model.device.createArena();
    this.#tokensPerBatch = options.tokensPerBatch ?? 4096;
    this.#startToken = startToken;
    this.#chatTemplate = options.chatTemplate ?? defaultChatTemplate;
    this.#bosToken = options.addBosToken === true ? tokenizer.bosId : undefined;
    if (options.addBosToken === true && tokenizer.bosId === undefined) {
      throw new NuwaError("CHECKPOINT", "the tokenizer has no start token to add", {
        where: options.name,
        hint: "leave --add-bos-token out",
      });
    }
  }

  /** Gives the working memory back. The model stays. */
  dispose(): void {
    this.#arena.dispose();
  }

  renderChat(messages: readonly ChatMessage[]): string {
    const { bosId, eosId } = this.#tokenizer;
    const token = (id: number | undefined) => (id === undefined ? "" : (this.#tokenizer.idToToken(id) ?? ""));
    const options: RenderOptions = {
      addGenerationPrompt: true,
      specialTokens: { bos_token: token(bosId), eos_token: token(eosId) },
    };
    return renderChat(this.#chatTemplate, messages, options);
  }

  async generate(requests: readonly GenerationRequest[], onDone?: (done: number) => void): Promise<string[]> {
    if (requests.length === 0) return [];
    const chatStops = requests.some(({ isChat }) => isChat) ? stopIds(this.#tokenizer, this.#chatTemplate) : [];
    const { eosId } = this.#tokenizer;
    const answers = requests.map(({ settings }) => new Answer(this.#tokenizer, settings.stop));
    const tokenRequests = requests.map(({ context, settings, isChat = false }, i) => {
      // Room for the answer, but never more than half of a model with a small context.
      const room = Math.min(settings.max_tokens, Math.floor(this.maxLength / 2));
      const ids = this.#encode(context, isChat);
      return {
        ids: (ids.length === 0 ? [this.#startToken] : ids).slice(-(this.maxLength - room)),
        settings: { ...settings, max_tokens: room },
        stopIds: isChat ? chatStops : eosId === undefined ? [] : [eosId],
        endsWith: (id: number) => answers[i]?.push(id) ?? false,
      };
    });
    const capacity = Math.max(...tokenRequests.map(({ ids, settings }) => ids.length + settings.max_tokens));
    const rows = Math.min(requests.length, mostRows, Math.max(1, Math.floor(this.#tokensPerBatch / capacity)));
    const batch = new BatchGenerator(this.#model, { rows, capacity });
    try {
      let done = 0;
      for await (const { reason } of batch.generate(tokenRequests)) if (reason !== undefined) onDone?.(++done);
    } finally {
      batch.dispose();
    }
    return answers.map((answer) => answer.finish());
  }

  /** Ids of a text, with the start token where that was asked for and is not there yet. */
  #encode(text: string, isChat: boolean): number[] {
    const ids = [...this.#tokenizer.encode(text, { allowSpecial: isChat })];
    return this.#bosToken === undefined || ids[0] === this.#bosToken ? ids : [this.#bosToken, ...ids];
  }

  async scoreContinuations(
    requests: readonly ContinuationRequest[],
    onDone?: (done: number) => void,
  ): Promise<ContinuationScore[]> {
    const windows = requests.map((request) => this.#continuationWindow(request));
    const scores = await this.#scoreWindows(windows, onDone);
    return scores.map((score, i) => ({ ...score, tokens: windows[i]?.targets.length ?? 0 }));
  }

  async scoreText(text: string): Promise<TextScore> {
    const tokens = this.#encode(text, false);
    const scores = await this.#scoreWindows(rollingWindows(tokens, this.#startToken, this.maxLength));
    return { logLikelihood: scores.reduce((sum, score) => sum + score.logLikelihood, 0), tokens: tokens.length };
  }

  async nats(text: string): Promise<number> {
    return -(await this.scoreText(text)).logLikelihood;
  }

  /** The harness's cut between context and continuation: white space at the context's end belongs to the latter. */
  #continuationWindow({ context, continuation, isChat = false }: ContinuationRequest): Window {
    const trimmed = context.trimEnd();
    const isEmpty = trimmed === "";
    // An empty context is the start token alone, which is not added twice.
    const whole = isEmpty
      ? [...this.#tokenizer.encode(context + continuation)]
      : this.#encode(context + continuation, isChat);
    const contextTokens = isEmpty ? 0 : this.#encode(trimmed, isChat).length;
    const all = contextTokens === 0 ? [this.#startToken, ...whole] : whole;
    const targets = all.slice(Math.max(1, contextTokens));
    const kept = all.slice(-(this.maxLength + 1));
    return { input: kept.slice(0, -1), targets: targets.slice(-(kept.length - 1)) };
  }

  async #scoreWindows(windows: readonly Window[], onDone?: (done: number) => void): Promise<WindowScore[]> {
    const scores: WindowScore[] = windows.map(() => ({ logLikelihood: 0, isGreedy: true }));
    const order = windows.map((_, i) => i).filter((i) => (windows[i]?.targets.length ?? 0) > 0);
    const length = (i: number) => windows[i]?.input.length ?? 0;
    // Longest first: a batch that is too large for memory shows at once. Equal inputs come to stand together.
    const keys = windows.map((window) => window.input.join(","));
    order.sort((a, b) => length(b) - length(a) || ((keys[a] ?? "") < (keys[b] ?? "") ? -1 : 1) || a - b);
    let done = windows.length - order.length;
    for (let start = 0; start < order.length; ) {
      const width = length(order[start] ?? 0);
      const rowsAllowed = Math.max(1, Math.floor(this.#tokensPerBatch / width));
      const batch: number[] = [];
      const inputs: (readonly number[])[] = [];
      const rowOf: number[] = [];
      for (let i = start; i < order.length; i++) {
        const window = order[i] ?? 0;
        const isNew = i === start || keys[window] !== keys[order[i - 1] ?? 0];
        if (isNew && inputs.length === rowsAllowed) break;
        if (isNew) inputs.push(windows[window]?.input ?? []);
        batch.push(window);
        rowOf.push(inputs.length - 1);
      }
      const wanted = batch.flatMap((window, i) => {
        const { input, targets } = windows[window] ?? { input: [], targets: [] };
        const first = (rowOf[i] ?? 0) * width + input.length - targets.length;
        return targets.map((target, t) => ({ window, position: first + t, target }));
      });
      await this.#scoreBatch(inputs, width, wanted, scores);
      start += batch.length;
      done += batch.length;
      onDone?.(done);
      await setImmediate();
    }
    return scores;
  }

  /** One forward pass; logits are made only where a target stands. */
  async #scoreBatch(
    inputs: readonly (readonly number[])[],
    width: number,
    wanted: readonly { window: number; position: number; target: number }[],
    scores: WindowScore[],
  ): Promise<void> {
    const { device } = this.#model;
    const tape = new Tape({ device, arena: this.#arena, recording: false, training: false });
    // Padding stands on the right, where a causal model cannot see it from any position that is scored.
    const padded = new Int32Array(inputs.length * width);
    for (const [row, input] of inputs.entries()) padded.set(input, row * width);
    const tokens = tape.constant(padded, [inputs.length, width], "int32");
    const hidden = this.#model.hidden(tape, tokens); // (B, T, C)
    const channels = hidden.shape.at(-1) ?? 0;
    const rows = reshape(tape, hidden, [inputs.length * width, channels]); // (B·T, C)
    const chunk = Math.max(1, Math.floor(logitsChunk / this.#model.config.vocab_size));
    for (let from = 0; from < wanted.length; from += chunk) {
      const part = wanted.slice(from, from + chunk);
      const { losses, greedy } = await this.#scoreRows(tape, rows, part);
      for (const [i, { window, target }] of part.entries()) {
        const before = scores[window] ?? { logLikelihood: 0, isGreedy: true };
        scores[window] = {
          logLikelihood: before.logLikelihood - (losses[i] ?? Number.NaN),
          isGreedy: before.isGreedy && greedy[i] === target,
        };
      }
    }
    this.#arena.reset();
  }

  async #scoreRows(tape: Tape, rows: Tensor, part: readonly { position: number; target: number }[]) {
    const { device } = tape;
    const n = part.length;
    const vocabulary = this.#model.config.vocab_size;
    const at = tape.constant(
      Int32Array.from(part, ({ position }) => position),
      [1, n],
      "int32",
    );
    const picked = reshape(tape, embedding(tape, rows, at), [n, rows.shape[1] ?? 0]); // (N, C)
    const logits = this.#model.logits(tape, picked); // (N, V)
    const targets = tape.constant(
      Int32Array.from(part, ({ target }) => target),
      [n],
      "int32",
    );
    const best = tape.empty([n], "int32");
    device.argmax(best.storage, logits.storage, n, vocabulary);
    const losses = tape.empty([n]);
    device.crossEntropy(losses.storage, logits.storage, targets.storage, null, {
      rows: n,
      vocabulary,
      gradientScale: null,
    });
    const [nats, ids] = await Promise.all([losses.read(), best.read()]);
    tape.free(logits);
    tape.free(picked);
    return { losses: nats, greedy: ids };
  }
}

/**
 * Cuts a text into windows of at most `maxLength` tokens so that each token is scored once, with as much before it as
 * the model can look at; the first window begins with the start token.
 */
export function rollingWindows(tokens: readonly number[], startToken: number, maxLength: number): Window[] {
  if (tokens.length === 0) return [];
  const first = Math.min(maxLength, tokens.length);
  const windows: Window[] = [{ input: [startToken, ...tokens.slice(0, first - 1)], targets: tokens.slice(0, first) }];
  for (let scored = first; scored < tokens.length; ) {
    const end = Math.min(tokens.length, scored + maxLength);
    windows.push({ input: tokens.slice(end - 1 - maxLength, end - 1), targets: tokens.slice(scored, end) });
    scored = end;
  }
  return windows;
}
