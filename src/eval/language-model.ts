/** A continuation to be scored after a context. */
export interface ContinuationRequest {
  /** May be empty: then the continuation is scored from the model's start token on. */
  readonly context: string;
  readonly continuation: string;
}

export interface ContinuationScore {
  /** Σ ln p(token | all before), in nats. */
  readonly logLikelihood: number;
  /** Whether every token of the continuation is the most probable one. */
  readonly isGreedy: boolean;
  /** Tokens of the continuation. */
  readonly tokens: number;
}

export interface TextScore {
  /** Σ ln p over all tokens of the text, each scored once, in nats. */
  readonly logLikelihood: number;
  readonly tokens: number;
}

/** What the harness needs of a model. Results come in the order of the requests. */
export interface LanguageModel {
  readonly name: string;
  /** Most tokens that the model can look at. */
  readonly maxLength: number;
  scoreContinuations(
    requests: readonly ContinuationRequest[],
    onDone?: (done: number) => void,
  ): Promise<ContinuationScore[]>;
  /** Rolling windows over a whole text (FACTS: first window prefixed by the start token, each token scored once). */
  scoreText(text: string): Promise<TextScore>;
}
