/** What can be compared across all models: those of tensors, n-grams, and programs of rules. */

/** A model of text, of whatever kind, that says how well it predicts. */
export interface BitsPerByte {
  /** −ln p(text), in nats. Divided by ln 2 and the text's UTF-8 bytes, it is bits per byte. */
  nats(text: string): Promise<number>;
}

/** What can be talked to. It remembers the conversation until {@link Chat.reset}. */
export interface Chat {
  /** The user's turn in, the answer out. */
  reply(turn: string): Promise<string>;
  /** Begins a new conversation. */
  reset(): void;
}
