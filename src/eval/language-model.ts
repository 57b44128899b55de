import type { GenerationSettings } from "../generate/index.ts";
import type { ChatMessage } from "../tokenizer/index.ts";

/** A continuation to be scored after a context. */
export interface ContinuationRequest {
  /** May be empty: then the continuation is scored from the model's start token on. */
  readonly context: string;
  readonly continuation: string;
  /** The context comes from a chat template: what looks like a control token in it is one. */
  readonly isChat?: boolean;
}

/** How probable a model finds a continuation. */
export interface ContinuationScore {
  /** Σ ln p(token | all before), in nats. */
  readonly logLikelihood: number;
  /** Whether every token of the continuation is the most probable one. */
  readonly isGreedy: boolean;
  /** Tokens of the continuation. */
  readonly tokens: number;
}

/** How probable a model finds a text. */
export interface TextScore {
  /** Σ ln p over all tokens of the text, each scored once, in nats. */
  readonly logLikelihood: number;
  readonly tokens: number;
}

/** An answer to be written after a context. */
export interface GenerationRequest {
  readonly context: string;
  readonly settings: GenerationSettings;
  readonly isChat?: boolean;
}

/** What the harness needs of a model. Results come in the order of the requests. */
export interface LanguageModel {
  readonly name: string;
  /** Maximum number of tokens that the model can attend to. */
  readonly maxLength: number;
  scoreContinuations(
    requests: readonly ContinuationRequest[],
    onDone?: (done: number) => void,
  ): Promise<ContinuationScore[]>;
  /** Rolling windows over a whole text: the first begins with the start token, and each token is scored once. */
  scoreText(text: string): Promise<TextScore>;
  /** The texts that the model writes, without the stop string. A context that is too long loses its beginning. */
  generate(requests: readonly GenerationRequest[], onDone?: (done: number) => void): Promise<string[]>;
  /** A dialogue that waits for an answer, by the model's chat template. */
  renderChat(messages: readonly ChatMessage[]): string;
}
