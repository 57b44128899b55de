import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyModel, type TinyModel } from "../../test/helpers/tiny-model.ts";
import { plainSampling, sampleToken } from "../generate/index.ts";
import { PhiloxStream, Tape } from "../tensor/index.ts";
import { writeSample } from "./sample.ts";

let tiny: TinyModel;
beforeAll(async () => {
  tiny = await tinyModel();
});
afterAll(() => tiny.dispose());

/** The same draws without a cache: the whole text again for each token. */
function slowSample(prompt: readonly number[], tokens: number, seed: number, stream: [number, number]): number[] {
  const { model, device } = tiny;
  const random = new PhiloxStream(seed, [...stream, 3]);
  const ids = [...prompt];
  for (let n = 0; n < tokens; n++) {
    const arena = device.createArena();
    const tape = new Tape({ device, arena, recording: false, training: false });
    const hidden = model.hidden(tape, tape.constant(ids, [1, ids.length], "int32"));
    const logits = model.logits(tape, hidden).toArray().slice(-model.config.vocab_size);
    ids.push(sampleToken(logits, settings, () => random.uniform(), ids).id);
    arena.dispose();
  }
  return ids.slice(prompt.length);
}

const settings = { ...plainSampling, temperature: 0.9, repetition_penalty: 1.1 };

test("a sample is drawn from its own random numbers, and ends at a stop token or at the context's end", async () => {
  const { model, tokenizer, device } = tiny;
  const arena = device.createArena();
  const prompt = [...tokenizer.encode("Once upon a")];
  const text = (ids: readonly number[]): string => tokenizer.decode(ids, { skipSpecialTokens: true });
  const sample = (tokens: number, stream: [number, number], stop: readonly number[] = [], ids = prompt) =>
    writeSample(model, tokenizer, arena, { prompt: ids, tokens, settings, seed: 7, stream, stop: new Set(stop) });
  const expected = slowSample(prompt, 16, 7, [3, 1]);
  expect(await sample(16, [3, 1])).toBe(text(expected));
  expect(await sample(16, [4, 1])).toBe(text(slowSample(prompt, 16, 7, [4, 1])));
  const stop = expected[5] ?? -1;
  expect(await sample(16, [3, 1], [stop])).toBe(text(expected.slice(0, expected.indexOf(stop))));

  const context = model.config.max_position_embeddings;
  const long = Array.from({ length: context + 9 }, (_, i) => prompt[i % prompt.length] ?? 0);
  const end = long.slice(-(context - 1));
  expect(await sample(16, [3, 1], [], long)).toBe(text(slowSample(end, 1, 7, [3, 1])));
  arena.dispose();
});
