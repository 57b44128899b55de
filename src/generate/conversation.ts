import type { Chat } from "../models/index.ts";
import type { ChatMessage } from "../tokenizer/index.ts";
import { type LoadedGenerator, reply } from "./chat.ts";
import type { GenerationSettings } from "./settings.ts";

/**
 * A conversation with a language model. Each answer draws other random numbers, all of which follow from the settings'
 * seed: a conversation begun anew gives the same answers to the same turns.
 *
 * @example
 * const conversation = new Conversation(await loadGenerator("runs/sample/checkpoints/best", device), settings);
 * console.log(await conversation.reply("What is the capital of France?"));
 */
export class Conversation implements Chat {
  readonly #loaded: LoadedGenerator;
  readonly #settings: GenerationSettings;
  readonly #head: readonly ChatMessage[];
  #messages: readonly ChatMessage[] = [];

  /** @param system the message before everything; default none */
  constructor(loaded: LoadedGenerator, settings: GenerationSettings, system?: string) {
    this.#loaded = loaded;
    this.#settings = settings;
    this.#head = system === undefined ? [] : [{ role: "system", content: system }];
  }

  /** @throws NuwaError VALUE for a turn that is too long for the model's context */
  async reply(turn: string): Promise<string> {
    const messages: ChatMessage[] = [...this.#messages, { role: "user", content: turn }];
    const settings = { ...this.#settings, seed: this.#settings.seed + this.#messages.length / 2 };
    let answer = "";
    for await (const { text } of reply(this.#loaded, [...this.#head, ...messages], settings)) answer += text;
    this.#messages = [...messages, { role: "assistant", content: answer === "" ? " " : answer }];
    return answer;
  }

  reset(): void {
    this.#messages = [];
  }
}
