import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { greedy, loadGenerator, type LoadedGenerator } from "../generate/index.ts";
import { openDevice, type Device } from "../tensor/index.ts";
import { LocalLanguageModel } from "./local-model.ts";

// What lm_eval 0.4.13 measures with the same weights in PyTorch: test/fixtures/evaluation_model.py.
const fixtures = join(import.meta.dirname, "../../test/fixtures");
const fixture = z
  .object({
    measured: z.array(
      z.object({
        addBosToken: z.boolean(),
        continuations: z.array(z.tuple([z.string(), z.string(), z.number(), z.boolean()])),
        texts: z.array(z.tuple([z.string(), z.number()])),
        generations: z.array(z.tuple([z.string(), z.string()])),
      }),
    ),
    chat: z.object({
      messages: z.array(z.object({ role: z.string(), content: z.string() })),
      text: z.string(),
    }),
  })
  .parse(JSON.parse(readFileSync(join(fixtures, "evaluation-model.json"), "utf8")));

let device: Device;
let loaded: LoadedGenerator;
beforeAll(async () => {
  device = await openDevice("auto");
  loaded = await loadGenerator(join(fixtures, "models/evaluation"), device);
});
afterAll(() => {
  loaded.release();
  device.dispose();
});

describe.each(fixture.measured)("add_bos_token $addBosToken", ({ addBosToken, continuations, texts, generations }) => {
  let model: LocalLanguageModel;
  beforeAll(() => {
    model = new LocalLanguageModel(loaded.model, loaded.tokenizer, {
      name: "evaluation",
      addBosToken,
      chatTemplate: loaded.template,
    });
  });
  afterAll(() => model.dispose());

  test("log-likelihoods of LAMBADA's and PIQA's requests, longer than the context and shorter", async () => {
    const scores = await model.scoreContinuations(
      continuations.map(([context, continuation]) => ({ context, continuation })),
    );
    for (const [i, [context, continuation, logLikelihood, isGreedy]] of continuations.entries()) {
      const name = JSON.stringify([context.slice(-30), continuation]);
      expect(Math.abs((scores[i]?.logLikelihood ?? Number.NaN) - logLikelihood), name).toBeLessThan(2e-4);
      expect(scores[i]?.isGreedy, name).toBe(isGreedy);
    }
  });

  test("rolling log-likelihoods of WikiText's pages", async () => {
    for (const [text, logLikelihood] of texts) {
      const score = await model.scoreText(text);
      expect(Math.abs(score.logLikelihood - logLikelihood), text.slice(0, 30)).toBeLessThan(1e-3);
    }
  });

  test("answers written greedily, with GSM8K's prompts cut from the left", async () => {
    const settings = { ...greedy, max_tokens: 12, stop: ["Q", "\n\n"] };
    const written = await model.generate(generations.map(([context]) => ({ context, settings })));
    expect(written).toEqual(generations.map(([, text]) => text));
  });
});

test("the chat template's text, and its control tokens as such", async () => {
  const model = new LocalLanguageModel(loaded.model, loaded.tokenizer, { name: "chat", chatTemplate: loaded.template });
  expect(model.renderChat(fixture.chat.messages)).toBe(fixture.chat.text);
  const [asChat] = await model.scoreContinuations([
    { context: "<|user|>a</s>", continuation: "<|assistant|>", isChat: true },
  ]);
  const [asText] = await model.scoreContinuations([{ context: "<|user|>a</s>", continuation: "<|assistant|>" }]);
  expect([asChat?.tokens, asText?.tokens]).toEqual([1, loaded.tokenizer.encode("<|assistant|>").length]);
  model.dispose();
});
