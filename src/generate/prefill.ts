import type { CausalModel, GenerationCache } from "../models/index.ts";
import { Tape, Tensor, type Arena } from "../tensor/index.ts";

/** Prompt tokens read at one time: enough to run products at full speed, few enough for a small working memory. */
export const PREFILL_TOKENS = 512;

/**
 * Reads the tokens of one text into a cache, in pieces.
 *
 * @param tokens at least one; they continue what is in the cache
 * @returns the logits (V) after the last
 */
export function readPrompt(
  model: CausalModel,
  arena: Arena,
  tokens: readonly number[],
  cache: GenerationCache,
): Float32Array | Float64Array {
  for (let first = 0; ; first += PREFILL_TOKENS) {
    const piece = tokens.slice(first, first + PREFILL_TOKENS);
    try {
      const tape = new Tape({ device: model.device, arena, recording: false, training: false });
      const hidden = model.hidden(tape, tape.constant(piece, [1, piece.length], "int32"), { cache }); // (1, T, C)
      if (first + PREFILL_TOKENS >= tokens.length) return lastLogits(model, tape, hidden);
    } finally {
      arena.reset();
    }
  }
}

/** Logits (B · V) after each text's last time step; hidden (B, T, C) with B or T equal to 1. */
export function lastLogits(model: CausalModel, tape: Tape, hidden: Tensor): Float32Array | Float64Array {
  const [B = 0, T = 0, C = 0] = hidden.shape;
  const last = new Tensor(model.device, hidden.storage.slice((T - 1) * C, B * C), [B, C]);
  const logits = model.logits(tape, last).toArray();
  return logits instanceof Int32Array ? Float64Array.from(logits) : logits;
}
