import type { ChatMessage } from "../../tokenizer/index.ts";
import type { Document, Turn } from "./document.ts";
import type { FewShotSampler } from "./few-shot.ts";
import type { PromptTemplate } from "./template.ts";

/** How a chat model is asked, under the names of the harness. */
export interface ChatOptions {
  /** Renders the prompt by the model's chat template. */
  readonly applyChatTemplate?: boolean | undefined;
  /** Examples are turns of a dialogue, not part of the one question. True by default with a chat template. */
  readonly fewshotAsMultiturn?: boolean | undefined;
  /** Comes before everything, as the system message. */
  readonly systemInstruction?: string | undefined;
}

export interface PromptSettings extends ChatOptions {
  /** Appears once before the examples. */
  readonly description: PromptTemplate;
  readonly targetDelimiter: string;
  readonly fewshotDelimiter: string;
  /** Examples that a file has as finished texts, in their order; the sampler is then not asked. */
  readonly readyExamples: readonly string[];
  readonly sampler: FewShotSampler;
  /** A message as text and the text that separates it from the next, when there is no chat template. */
  readonly turn: (document: Document) => Turn;
  readonly renderChat: (messages: readonly ChatMessage[]) => string;
}

interface Message extends ChatMessage {
  /** What follows it in plain text. */
  readonly delimiter: string;
}

/**
 * Puts prompts together: system instruction and description, examples, question. Message by message as the Language
 * Model Evaluation Harness does (its `fewshot_context`), so that both come to the same text.
 */
export class PromptBuilder {
  readonly #settings: PromptSettings;
  /** Examples come again before many items. */
  readonly #turns = new Map<Document, Turn>();

  constructor(settings: PromptSettings) {
    this.#settings = settings;
  }

  get applyChatTemplate(): boolean {
    return this.#settings.applyChatTemplate === true;
  }

  /** What separates a prompt from a choice: nothing after a chat template's own text. */
  get targetDelimiter(): string {
    return this.applyChatTemplate ? "" : this.#settings.targetDelimiter;
  }

  /** The prompt of each of several questions about one item, after the same examples. */
  contexts(document: Document, questions: readonly string[]): string[] {
    const before = [...this.#system(document), ...this.#examples(document)];
    return questions.map((question) => this.#join([...before, { role: "user", content: question, delimiter: "" }]));
  }

  context(document: Document, question: string): string {
    return this.contexts(document, [question]).join("");
  }

  #system({ fields, where }: Document): Message[] {
    const { systemInstruction = "", description, fewshotDelimiter } = this.#settings;
    const content = delimited(systemInstruction, description.text(fields, where), fewshotDelimiter);
    return content === "" ? [] : [{ role: "system", content, delimiter: "" }];
  }

  #examples(document: Document): Message[] {
    const { readyExamples, sampler, turn, targetDelimiter, fewshotDelimiter } = this.#settings;
    if (readyExamples.length > 0) {
      return readyExamples.map((content) => ({ role: "user", content, delimiter: fewshotDelimiter }));
    }
    return sampler.sample(document).flatMap((example): Message[] => {
      const known = this.#turns.get(example) ?? turn(example);
      this.#turns.set(example, known);
      const { question, answer } = known;
      if (answer === "") return [{ role: "user", content: question, delimiter: "" }];
      return [
        { role: "user", content: question, delimiter: targetDelimiter },
        { role: "assistant", content: answer, delimiter: fewshotDelimiter },
      ];
    });
  }

  #join(messages: readonly Message[]): string {
    const { renderChat, readyExamples, fewshotAsMultiturn = true } = this.#settings;
    if (!this.applyChatTemplate) return plainText(messages);
    if (fewshotAsMultiturn && readyExamples.length === 0) return renderChat(messages);
    const system = messages.filter(({ role }) => role === "system");
    const content = plainText(messages.slice(system.length));
    return renderChat([...system, { role: "user", content }]);
  }
}

const plainText = (messages: readonly Message[]) =>
  messages.map(({ content, delimiter }) => content + delimiter).join("");

/** Joins two texts with a delimiter, unless one is empty or white space is there already. */
function delimited(before: string, after: string, delimiter: string): string {
  if (before === "" || after === "") return before + after;
  return /\s$/u.test(before) || /^\s/u.test(after) ? before + after : before + delimiter + after;
}
