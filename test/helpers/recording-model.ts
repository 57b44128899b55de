import type { ContinuationRequest, ContinuationScore, GenerationRequest, LanguageModel } from "../../src/eval/index.ts";

/** A model that only writes down what it is asked, and answers as it is told. */
export class RecordingModel implements LanguageModel {
  readonly name = "recording";
  readonly maxLength = 2048;
  readonly continuations: ContinuationRequest[] = [];
  readonly generations: GenerationRequest[] = [];
  readonly texts: string[] = [];
  readonly #score: (request: ContinuationRequest, position: number) => Omit<ContinuationScore, "tokens">;
  readonly #write: (request: GenerationRequest, position: number) => string;

  constructor(
    score: (request: ContinuationRequest, position: number) => Omit<ContinuationScore, "tokens"> = () => ({
      logLikelihood: -1,
      isGreedy: false,
    }),
    write: (request: GenerationRequest, position: number) => string = () => "",
  ) {
    this.#score = score;
    this.#write = write;
  }

  async scoreContinuations(requests: readonly ContinuationRequest[]): Promise<ContinuationScore[]> {
    const before = this.continuations.length;
    this.continuations.push(...requests);
    return requests.map((request, i) => ({ ...this.#score(request, before + i), tokens: 1 }));
  }

  async scoreText(text: string): Promise<{ logLikelihood: number; tokens: number }> {
    this.texts.push(text);
    return { logLikelihood: -[...text].length, tokens: text.length };
  }

  async generate(requests: readonly GenerationRequest[]): Promise<string[]> {
    const before = this.generations.length;
    this.generations.push(...requests);
    return requests.map((request, i) => this.#write(request, before + i));
  }

  renderChat(messages: readonly { readonly role: string; readonly content: string }[]): string {
    return `${messages.map(({ role, content }) => `<|${role}|>${content}<|end|>`).join("")}<|assistant|>`;
  }
}
