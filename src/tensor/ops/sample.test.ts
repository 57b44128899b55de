import { expect, it } from "vitest";

import { createDevice } from "../devices.ts";
import { Tape } from "../tape.ts";
import { sampleTokens } from "./sample.ts";

const device = createDevice("reference");
const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, uniform: 0 };

it("draws by the summed probabilities of the tokens from the most probable on", async () => {
  // Probabilities 0.2, 0.5, 0.3: ranked 1, 2, 0
  const logits = tape.constant([0.2, 0.5, 0.3].map(Math.log), [1, 3]);
  for (const [uniform, id] of [
    [0, 1],
    [0.49, 1],
    [0.51, 2],
    [0.79, 2],
    [0.81, 0],
    [0.999, 0],
  ] as const) {
    const drawn = sampleTokens(tape, logits, [{ ...plain, uniform }]);
    expect([...(await drawn.ids.read())]).toEqual([id]);
    const [logprob = Number.NaN] = await drawn.logprobs.read();
    expect(logprob).toBeCloseTo(Math.log([0.2, 0.5, 0.3][id] ?? 0), 12);
  }
});

it("has settings, and a history, of each row's own", async () => {
  const logits = tape.constant([1, 2, 3, 1, 2, 3, 1, 2, 3, Number.NaN, 0, 0], [4, 3]);
  const greedy = { ...plain, temperature: 0 };
  const penalised = { ...greedy, repetitionPenalty: 4, history: [2, 2, 1] };
  const { ids } = sampleTokens(tape, logits, [greedy, penalised, { ...plain, topK: 1, uniform: 0.9 }, greedy]);
  expect([...(await ids.read())]).toEqual([2, 0, 2, -1]);
});

it("refuses settings out of range", () => {
  const logits = tape.constant([1, 2], [1, 2]);
  for (const [wrong, message] of [
    [{ temperature: -1 }, "temperature of 0 or more, got -1"],
    [{ topK: 1.5 }, "top-k a whole number of 0 or more, got 1.5"],
    [{ topP: 1.1 }, "top-p from 0 to 1, got 1.1"],
    [{ minP: -0.1 }, "min-p from 0 to 1, got -0.1"],
    [{ repetitionPenalty: 0 }, "repetition penalty above 0, got 0"],
    [{ uniform: 1 }, "uniform number from 0 to below 1, got 1"],
  ] as const) {
    expect(() => sampleTokens(tape, logits, [{ ...plain, ...wrong }])).toThrow(message);
  }
  expect(() => sampleTokens(tape, logits, [])).toThrow("expected 0 rows, one for each draw, got logits (1, 2)");
});
