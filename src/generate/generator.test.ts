import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyModel, type TinyModel } from "../../test/helpers/tiny-model.ts";
import { Tape } from "../tensor/index.ts";
import { reply } from "./chat.ts";
import { generateText, TextGenerator } from "./generator.ts";
import { greedy } from "./settings.ts";

let tiny: TinyModel;
beforeAll(async () => {
  tiny = await tinyModel();
});
afterAll(() => tiny.dispose());

/** Greedy continuation without any cache: the whole text again for each token. */
function slowGreedy(prompt: readonly number[], tokens: number): number[] {
  const { model, device } = tiny;
  const arena = device.createArena();
  const ids = [...prompt];
  for (let n = 0; n < tokens; n++) {
    const tape = new Tape({ device, arena, recording: false, training: false });
    const hidden = model.hidden(tape, tape.constant(ids, [1, ids.length], "int32"));
    const all = tape.constant(hidden.toArray(), [ids.length, hidden.shape[2] ?? 0]);
    const logits = Array.from(model.logits(tape, all).toArray()).slice(-model.config.vocab_size);
    ids.push(logits.indexOf(Math.max(...logits)));
    arena.reset();
  }
  arena.dispose();
  return ids.slice(prompt.length);
}

async function idsOf(generator: TextGenerator, prompt: readonly number[], settings = greedy) {
  const ids: number[] = [];
  for await (const { id } of generator.generate(prompt, settings, { stopIds: [] })) if (id !== undefined) ids.push(id);
  return ids;
}

describe("TextGenerator", () => {
  test("with its cache writes what the model without one writes", async () => {
    const prompt = [...tiny.tokenizer.encode("Once upon a")];
    expect(await idsOf(tiny.generator, prompt, { ...greedy, max_tokens: 20 })).toEqual(slowGreedy(prompt, 20));
  });

  test("goes on from what is cached, and gives the same text as from nothing", async () => {
    const fresh = new TextGenerator(tiny.model, tiny.tokenizer);
    const first = [...tiny.tokenizer.encode("The quick")];
    const second = [...first, ...tiny.tokenizer.encode(" brown fox jumps")];
    const settings = { ...greedy, max_tokens: 8 };
    const scratch = await generateText(fresh, second, settings, { stopIds: [] });
    fresh.dispose();
    await generateText(tiny.generator, first, settings);
    const again = await generateText(tiny.generator, second, settings, { stopIds: [] });
    expect(again.cachedTokens).toBeGreaterThanOrEqual(first.length);
    expect(again.text).toBe(scratch.text);
    const repeated = await generateText(tiny.generator, second, settings, { stopIds: [] });
    expect(repeated).toMatchObject({ text: scratch.text, cachedTokens: second.length - 1 });
  });

  test("the same seed gives the same text, another seed another", async () => {
    const prompt = tiny.tokenizer.encode("The fox");
    const settings = { ...greedy, temperature: 1, max_tokens: 24 };
    const texts = [];
    for (const seed of [5, 5, 6])
      texts.push((await generateText(tiny.generator, prompt, { ...settings, seed }, { stopIds: [] })).text);
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).not.toBe(texts[0]);
  });

  test("ends at a stop token, a stop string, the limit, and the end of the context", async () => {
    const prompt = [...tiny.tokenizer.encode("Once upon a")];
    const ids = slowGreedy(prompt, 6);
    const stopAt = ids[3] ?? 0;
    const stopped = await generateText(tiny.generator, prompt, greedy, { stopIds: [stopAt] });
    expect(stopped).toMatchObject({ reason: "stop", completionTokens: ids.indexOf(stopAt) + 1 });
    expect(stopped.text).toBe(tiny.tokenizer.decode(ids.slice(0, ids.indexOf(stopAt))));

    const whole = await generateText(tiny.generator, prompt, { ...greedy, max_tokens: 12 }, { stopIds: [] });
    expect(whole).toMatchObject({ reason: "length", completionTokens: 12, promptTokens: prompt.length });
    const cut = whole.text.slice(4, 7);
    const atString = await generateText(
      tiny.generator,
      prompt,
      { ...greedy, max_tokens: 12, stop: [cut] },
      { stopIds: [] },
    );
    expect(atString).toMatchObject({ reason: "stop", text: whole.text.slice(0, whole.text.indexOf(cut)) });

    const full = await generateText(tiny.generator, prompt, { ...greedy, max_tokens: 1000 }, { stopIds: [] });
    expect(full).toMatchObject({ reason: "length", completionTokens: 64 - prompt.length });
  });

  test("stops when its caller says so", async () => {
    const controller = new AbortController();
    const pieces = tiny.generator.generate(tiny.tokenizer.encode("The"), greedy, {
      signal: controller.signal,
      stopIds: [],
    });
    await pieces.next();
    controller.abort();
    expect(await pieces.next()).toMatchObject({ done: true, value: { reason: "abort", completionTokens: 1 } });
  });

  test("refuses empty and too long prompts and unknown ids, with the figures", async () => {
    const run = (ids: readonly number[]) => generateText(tiny.generator, ids, greedy);
    await expect(run([])).rejects.toThrow(/at least one token/);
    await expect(run(Array.from({ length: 64 }, () => 300))).rejects.toThrow(/64 tokens.*context of 64/);
    await expect(run([99999])).rejects.toThrow(/token 99999/);
    await expect(run([1.5])).rejects.toThrow(/token 1.5/);
  });
});

test("a chat that has outgrown the context loses its oldest turns, not its system message", async () => {
  const turns = Array.from({ length: 8 }, (_, i) => [
    { role: "user", content: `The fox ${i}` },
    { role: "assistant", content: "quick brown" },
  ]).flat();
  const messages = [{ role: "system", content: "fox" }, ...turns, { role: "user", content: "The dog" }];
  const pieces = reply(tiny, messages, { ...greedy, max_tokens: 4 });
  for (;;) {
    const next = await pieces.next();
    if (next.done !== true) continue;
    expect(next.value.droppedMessages).toBeGreaterThan(0);
    expect(next.value.droppedMessages % 2).toBe(0);
    expect(next.value.promptTokens).toBeLessThanOrEqual(60);
    break;
  }
});
