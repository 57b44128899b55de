import { randomInt, randomUUID } from "node:crypto";
import {
  generationSettings,
  type GenerateOptions,
  type GenerationEnd,
  type GenerationSettings,
  type LoadedGenerator,
} from "../generate/index.ts";
import { encodePrompt, stopIds, type ChatMessage } from "../tokenizer/index.ts";
import { ApiError } from "./api-error.ts";
import type { Turns } from "./queue.ts";
import type { ChatRequest, CompletionRequest } from "./requests.ts";

/** What a request asks the model to do: prompts, each to be continued once. */
export interface Work {
  readonly prompts: readonly Uint32Array[];
  readonly settings: GenerationSettings;
  readonly stopIds?: readonly number[];
}

/** Settings of a request over the server's defaults; `room` is what the context leaves for the answer. */
function settingsOf(
  request: ChatRequest | CompletionRequest,
  defaults: GenerationSettings,
  room: number,
): GenerationSettings {
  const asked =
    "max_completion_tokens" in request ? (request.max_completion_tokens ?? request.max_tokens) : request.max_tokens;
  const stop = typeof request.stop === "string" ? [request.stop] : (request.stop ?? []);
  return generationSettings.parse({
    temperature: request.temperature ?? defaults.temperature,
    top_p: request.top_p ?? defaults.top_p,
    top_k: Math.max(0, request.top_k ?? defaults.top_k),
    min_p: request.min_p ?? defaults.min_p,
    repetition_penalty: request.repetition_penalty ?? defaults.repetition_penalty,
    seed: request.seed === undefined || request.seed === null ? randomInt(2 ** 47) : Math.abs(request.seed),
    max_tokens: Math.max(1, Math.min(asked ?? room, room)),
    stop: stop.filter((text) => text !== ""),
  });
}

function requireRoom(ids: Uint32Array, context: number, param: string): void {
  if (ids.length < context) return;
  throw new ApiError(
    400,
    `This model's maximum context length is ${context} tokens, and the prompt has ${ids.length}; shorten it so that an answer fits.`,
    { param, code: "context_length_exceeded" },
  );
}

/** @throws ApiError 400 for a prompt that does not fit; NuwaError VALUE for messages in a wrong order */
export function chatWork(loaded: LoadedGenerator, request: ChatRequest, defaults: GenerationSettings): Work {
  const messages: ChatMessage[] = request.messages.map(({ role, content }) => ({
    role: role === "developer" ? "system" : role,
    content,
  }));
  if (messages.at(-1)?.role !== "user") {
    throw new ApiError(400, "the last message must be the user's", { param: "messages" });
  }
  const ids = encodePrompt(loaded.tokenizer, loaded.template, messages);
  const context = loaded.generator.contextLength;
  requireRoom(ids, context, "messages");
  return {
    prompts: Array.from({ length: request.n ?? 1 }, () => ids),
    settings: settingsOf(request, defaults, context - ids.length),
    stopIds: stopIds(loaded.tokenizer, loaded.template),
  };
}

/** @throws ApiError 400 for a prompt that does not fit */
export function completionWork(
  loaded: LoadedGenerator,
  request: CompletionRequest,
  defaults: GenerationSettings,
): Work {
  const { tokenizer, generator } = loaded;
  const start = tokenizer.bosId ?? tokenizer.eosId;
  const encode = (text: string) => {
    const ids = tokenizer.encode(text);
    // Nothing to continue: begin a text, as in training.
    return ids.length === 0 && start !== undefined ? Uint32Array.of(start) : ids;
  };
  const { prompt } = request;
  const prompts =
    typeof prompt === "string"
      ? [encode(prompt)]
      : prompt.every((item) => typeof item === "string")
        ? prompt.map(encode)
        : [Uint32Array.from(prompt as number[])];
  for (const ids of prompts) requireRoom(ids, generator.contextLength, "prompt");
  const room = generator.contextLength - Math.max(...prompts.map((ids) => ids.length));
  const times = request.n ?? 1;
  return {
    prompts: prompts.flatMap((ids) => Array.from({ length: times }, () => ids)),
    settings: settingsOf(request, defaults, room),
  };
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** Something that happened while working: text of one choice, or its end. */
export type WorkEvent =
  | { readonly index: number; readonly text: string }
  | { readonly index: number; readonly end: GenerationEnd };

/** Does the work, one generation at a time, in turn with other requests. Each choice after the first has a seed of its own. */
export async function doWork(
  loaded: LoadedGenerator,
  work: Work,
  turns: Turns,
  signal: AbortSignal,
  onEvent: (event: WorkEvent) => Promise<void> | void,
): Promise<Usage> {
  const usage: Usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const options: GenerateOptions = { signal, ...(work.stopIds === undefined ? {} : { stopIds: work.stopIds }) };
  for (const [index, prompt] of work.prompts.entries()) {
    const end = await turns.run(async () => {
      const pieces = loaded.generator.generate(prompt, { ...work.settings, seed: work.settings.seed + index }, options);
      for (;;) {
        const next = await pieces.next();
        if (next.done === true) return next.value;
        if (next.value.text !== "") await onEvent({ index, text: next.value.text });
      }
    });
    usage.prompt_tokens += end.promptTokens;
    usage.completion_tokens += end.completionTokens;
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
    await onEvent({ index, end });
    if (end.reason === "abort") break;
  }
  return usage;
}

/** What an answer of one endpoint looks like, whole and in pieces. */
export interface AnswerForm {
  readonly id: string;
  readonly created: number;
  whole(texts: readonly string[], ends: readonly (GenerationEnd | undefined)[], usage: Usage): object;
  /** A chunk of the stream; `start` opens a choice. */
  chunk(event: WorkEvent | { readonly index: number; readonly start: true }): object | undefined;
  usageChunk(usage: Usage): object;
}

const finish = (end: GenerationEnd | undefined) => (end === undefined || end.reason === "abort" ? "stop" : end.reason);
const seconds = () => Math.floor(Date.now() / 1000);

export function chatForm(model: string): AnswerForm {
  const id = `chatcmpl-${randomUUID()}`;
  const created = seconds();
  const base = { id, created, model };
  const chunk = (index: number, delta: object, finish_reason: string | null = null) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index, delta, logprobs: null, finish_reason }],
  });
  return {
    id,
    created,
    whole: (texts, ends, usage) => ({
      ...base,
      object: "chat.completion",
      choices: texts.map((content, index) => ({
        index,
        message: { role: "assistant", content, refusal: null },
        logprobs: null,
        finish_reason: finish(ends[index]),
      })),
      usage,
    }),
    chunk(event) {
      if ("start" in event) return chunk(event.index, { role: "assistant", content: "" });
      return "text" in event ? chunk(event.index, { content: event.text }) : chunk(event.index, {}, finish(event.end));
    },
    usageChunk: (usage) => ({ ...base, object: "chat.completion.chunk", choices: [], usage }),
  };
}

export function completionForm(model: string): AnswerForm {
  const id = `cmpl-${randomUUID()}`;
  const created = seconds();
  const base = { id, created, model, object: "text_completion" };
  const choice = (index: number, text: string, finish_reason: string | null) => ({
    index,
    text,
    logprobs: null,
    finish_reason,
  });
  return {
    id,
    created,
    whole: (texts, ends, usage) => ({
      ...base,
      choices: texts.map((text, index) => choice(index, text, finish(ends[index]))),
      usage,
    }),
    chunk(event) {
      if ("start" in event) return undefined;
      const made = "text" in event ? choice(event.index, event.text, null) : choice(event.index, "", finish(event.end));
      return { ...base, choices: [made] };
    },
    usageChunk: (usage) => ({ ...base, choices: [], usage }),
  };
}
