import { describe, expect, it } from "vitest";

import { ReferenceDevice, Tape } from "../../../tensor/index.ts";
import { type CausalModel, createCausal } from "../../causal-model.ts";
import type { GptSettings } from "../decoder/config.ts";
import { gpt } from "./family.ts";

const device = new ReferenceDevice();
const T = 9;
const TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5];

function modelOf(settings: Partial<GptSettings>): CausalModel {
  const sizes = { vocab_size: 11, num_hidden_layers: 2, hidden_size: 12, num_attention_heads: 3, bias: true };
  const architecture = gpt.resolve({ ...sizes, zero_init_projections: false, initializer_range: 0.5, ...settings });
  return createCausal(architecture, device, { seed: 4 });
}

function tapeOf(options: { training?: boolean; step?: number } = {}): Tape {
  const { training = false, step = 0 } = options;
  return new Tape({ device, arena: device.createArena(), recording: false, training, step });
}

/** Logits of every time step, read in pieces; without pieces, all at once and without a cache. */
function logits(model: CausalModel, tokens: readonly number[], pieces?: readonly number[]): number[] {
  const tape = tapeOf();
  if (pieces === undefined) {
    const hidden = model.hidden(tape, tape.constant(tokens, [1, tokens.length], "int32"));
    return [...model.logits(tape, hidden).toArray()];
  }
  const cache = model.createCache(1, tokens.length);
  let position = 0;
  return pieces.flatMap((count) => {
    const part = tokens.slice(position, position + count);
    position += count;
    const hidden = model.hidden(tape, tape.constant(part, [1, count], "int32"), { cache });
    return [...model.logits(tape, hidden).toArray()];
  });
}

describe("a GPT's attention", () => {
  it.each([
    { position: "alibi" },
    { position: "rope", sliding_window: 3 },
    { position: "alibi", sliding_window: 4 },
    { position: "learned", sliding_window: 1 },
  ] as const)("gives the same logits through the cache: %o", (settings) => {
    const model = modelOf(settings);
    const whole = logits(model, TOKENS);
    for (const pieces of [Array<number>(T).fill(1), [4, 1, 1, 3]]) {
      const found = logits(model, TOKENS, pieces);
      for (const [i, value] of whole.entries()) expect(found[i]).toBeCloseTo(value, 10);
    }
  });

  it("sees layers · (window − 1) tokens back, and no further", () => {
    const model = modelOf({ position: "rope", sliding_window: 3, num_hidden_layers: 2 });
    const last = (tokens: readonly number[]) => logits(model, tokens).slice(-11);
    const changed = (at: number) => last(TOKENS.map((token, i) => (i === at ? 7 : token)));
    expect(changed(T - 1 - 4)).not.toEqual(last(TOKENS));
    expect(changed(T - 1 - 5)).toEqual(last(TOKENS));
  });

  it("knows the order of tokens from ALiBi alone", () => {
    const model = modelOf({ position: "alibi" });
    const swapped = [TOKENS[1] ?? 0, TOKENS[0] ?? 0, ...TOKENS.slice(2)];
    expect(logits(model, swapped).slice(-11)).not.toEqual(logits(model, TOKENS).slice(-11));
  });

  it("drops probabilities in training only, others at every step", () => {
    const model = modelOf({ position: "rope", attention_dropout: 0.5 });
    const hidden = (tape: Tape) => [...model.hidden(tape, tape.constant(TOKENS, [1, T], "int32")).toArray()];
    const still = hidden(tapeOf());
    const first = hidden(tapeOf({ training: true, step: 1 }));
    expect(hidden(tapeOf())).toEqual(still);
    expect(hidden(tapeOf({ training: true, step: 1 }))).toEqual(first);
    expect(first).not.toEqual(still);
    expect(hidden(tapeOf({ training: true, step: 2 }))).not.toEqual(first);
  });
});
