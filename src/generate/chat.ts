import { join } from "node:path";
import { type CausalModel, type Families, loadModel } from "../models/index.ts";
import type { Device, WeightDType } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import {
  defaultChatTemplate,
  encodePrompt,
  loadChatTemplate,
  loadTokenizer,
  stopIds,
  type ChatMessage,
  type Tokenizer,
} from "../tokenizer/index.ts";
import { TextGenerator, type GeneratedPiece, type GenerationEnd } from "./generator.ts";
import type { GenerationSettings } from "./settings.ts";

/** A model ready to write: weights, tokenizer, chat template, cache. */
export interface LoadedGenerator {
  readonly model: CausalModel;
  readonly tokenizer: Tokenizer;
  readonly generator: TextGenerator;
  /** The folder's own template, or the default. */
  readonly template: string;
  /** Whether the folder brought a template: whether the model was made for dialogue. */
  readonly isChatModel: boolean;
  release(): void;
}

/**
 * Loads a Hugging Face directory for generation.
 * @throws NuwaError FILE or CHECKPOINT when something in it is missing, damaged, or does not fit together
 */
export async function loadGenerator(
  dir: string,
  device: Device,
  options: { readonly precision?: WeightDType; readonly families?: Families } = {},
): Promise<LoadedGenerator> {
  const tokenizer = await loadTokenizer(dir);
  const template = await loadChatTemplate(dir);
  const model = await loadModel(dir, device, { ...options, trainable: false });
  if (tokenizer.vocabSize > model.config.vocab_size) {
    model.release();
    throw new NuwaError(
      "CHECKPOINT",
      `the tokenizer has ${tokenizer.vocabSize} entries, the model ${model.config.vocab_size}`,
      {
        where: join(dir, "tokenizer.json"),
        hint: "they are not of the same run",
      },
    );
  }
  const generator = new TextGenerator(model, tokenizer);
  return {
    model,
    tokenizer,
    generator,
    template: template ?? defaultChatTemplate,
    isChatModel: template !== undefined,
    release() {
      generator.dispose();
      model.release();
    },
  };
}

/**
 * The assistant's next message. When the dialogue has grown too long for the context, its oldest turns are left out
 * (the system message stays); a single message that is too long is an error.
 *
 * @throws NuwaError VALUE for bad messages or a last message that alone is too long
 */
export async function* reply(
  loaded: LoadedGenerator,
  messages: readonly ChatMessage[],
  settings: GenerationSettings,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<GeneratedPiece, GenerationEnd & { readonly droppedMessages: number }, undefined> {
  const { generator, tokenizer, template } = loaded;
  const { ids, dropped } = fitMessages(
    loaded,
    messages,
    Math.min(settings.max_tokens, Math.floor(generator.contextLength / 4)),
  );
  const end = yield* generator.generate(ids, settings, { ...options, stopIds: stopIds(tokenizer, template) });
  return { ...end, droppedMessages: dropped };
}

/** Drops turns from the oldest on until the prompt leaves `room` tokens for the answer, or one turn is left. */
function fitMessages(loaded: LoadedGenerator, messages: readonly ChatMessage[], room: number) {
  const { tokenizer, template, generator } = loaded;
  const head = messages[0]?.role === "system" ? messages.slice(0, 1) : [];
  let turns = messages.slice(head.length);
  let ids = encodePrompt(tokenizer, template, messages);
  while (ids.length + room > generator.contextLength && turns.length > 2) {
    turns = turns.slice(2);
    ids = encodePrompt(tokenizer, template, [...head, ...turns]);
  }
  return { ids, dropped: messages.length - head.length - turns.length };
}
