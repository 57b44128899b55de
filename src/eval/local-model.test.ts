import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyModel, type TinyModel } from "../../test/helpers/tiny-model.ts";
import { Tape } from "../tensor/index.ts";
import { LocalLanguageModel, rollingWindows } from "./local-model.ts";

let tiny: TinyModel;
let model: LocalLanguageModel;
beforeAll(async () => {
  tiny = await tinyModel(16);
  model = new LocalLanguageModel(tiny.model, tiny.tokenizer, { name: "tiny", tokensPerBatch: 64 });
});
afterAll(() => {
  model.dispose();
  tiny.dispose();
});

/** ln softmax of each position's logits at its target, one text, nothing shared with what is tested. */
function logProbabilities(input: readonly number[], targets: readonly number[]): { sum: number; greedy: boolean } {
  const { device } = tiny;
  const arena = device.createArena();
  const tape = new Tape({ device, arena, recording: false, training: false });
  const hidden = tiny.model.hidden(tape, tape.constant(input, [1, input.length], "int32"));
  const rows = tape.constant(hidden.toArray(), [input.length, hidden.shape[2] ?? 0]);
  const logits = Array.from(tiny.model.logits(tape, rows).toArray());
  arena.dispose();
  const V = tiny.model.config.vocab_size;
  let sum = 0;
  let greedy = true;
  for (const [i, target] of targets.entries()) {
    const at = (input.length - targets.length + i) * V;
    const row = logits.slice(at, at + V);
    const top = Math.max(...row);
    sum += (row[target] ?? 0) - top - Math.log(row.reduce((total, x) => total + Math.exp(x - top), 0));
    greedy &&= row.indexOf(top) === target;
  }
  return { sum, greedy };
}

describe("scoreContinuations", () => {
  test("sums the continuation's tokens after the context, in the order asked, batched or not", async () => {
    const pairs = [
      ["The quick", " brown fox"],
      ["The quick", " lazy dog."],
      ["Once", " upon a time there"],
      ["你好，", "世界。"],
      ["The quick ", "brown fox"], // the space moves to the continuation: the same as the first
    ] as const;
    const scores = await model.scoreContinuations(pairs.map(([context, continuation]) => ({ context, continuation })));
    for (const [i, [context, continuation]] of pairs.entries()) {
      const whole = [...tiny.tokenizer.encode(context + continuation)];
      const from = tiny.tokenizer.encode(context.trimEnd()).length;
      const expected = logProbabilities(whole.slice(0, -1), whole.slice(from));
      expect(scores[i]?.logLikelihood).toBeCloseTo(expected.sum, 4);
      expect(scores[i]).toMatchObject({ isGreedy: expected.greedy, tokens: whole.length - from });
    }
    expect(scores[4]?.logLikelihood).toBeCloseTo(scores[0]?.logLikelihood ?? 0, 4);
  });

  test("says when the continuation is what the model would say", async () => {
    const context = "The quick brown";
    const ids = tiny.tokenizer.encode(context);
    const words = [" fox", " dog", " quick", " the", ".", " a", " over"];
    const scores = await model.scoreContinuations(words.map((continuation) => ({ context, continuation })));
    for (const [i, word] of words.entries()) {
      const target = [...tiny.tokenizer.encode(context + word)].slice(ids.length);
      expect(scores[i]?.isGreedy).toBe(logProbabilities([...ids, ...target].slice(0, -1), target).greedy);
    }
  });

  test("an empty context begins with the start token; a long one loses its beginning", async () => {
    const start = tiny.tokenizer.bosId ?? tiny.tokenizer.eosId ?? 0;
    const [empty] = await model.scoreContinuations([{ context: "", continuation: "The quick" }]);
    const ids = [...tiny.tokenizer.encode("The quick")];
    expect(empty?.logLikelihood).toBeCloseTo(logProbabilities([start, ...ids].slice(0, -1), ids).sum, 4);

    const context = "The lazy dog was quick. ".repeat(10).trimEnd();
    const [long] = await model.scoreContinuations([{ context, continuation: " fox" }]);
    const whole = [...tiny.tokenizer.encode(`${context} fox`)];
    const targets = whole.slice(tiny.tokenizer.encode(context).length);
    expect(long?.logLikelihood).toBeCloseTo(logProbabilities(whole.slice(-17, -1), targets).sum, 4);
  });
});

describe("rolling windows", () => {
  test("score each token once, with as much before it as fits", () => {
    expect(rollingWindows([1, 2, 3, 4, 5], 0, 4)).toEqual([
      { input: [0, 1, 2, 3], targets: [1, 2, 3, 4] },
      { input: [1, 2, 3, 4], targets: [5] },
    ]);
    expect(rollingWindows([1, 2], 0, 4)).toEqual([{ input: [0, 1], targets: [1, 2] }]);
    expect(rollingWindows([], 0, 4)).toEqual([]);
  });

  test("a whole text's score is the sum over its windows", async () => {
    const text = "Once upon a time there was a quick brown fox, and the lazy dog.";
    const tokens = [...tiny.tokenizer.encode(text)];
    const start = tiny.tokenizer.bosId ?? tiny.tokenizer.eosId ?? 0;
    const expected = rollingWindows(tokens, start, 16).reduce(
      (sum, w) => sum + logProbabilities(w.input, w.targets).sum,
      0,
    );
    const score = await model.scoreText(text);
    expect(score.tokens).toBe(tokens.length);
    expect(score.logLikelihood).toBeCloseTo(expected, 3);
    expect(await model.nats(text)).toBe(-score.logLikelihood);
  });
});
