import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyModel, type TinyModel } from "../../test/helpers/tiny-model.ts";
import { classic, llamaLike } from "../../test/helpers/models.ts";
import { type CausalModel, createCausal, resolveArchitecture } from "../models/index.ts";
import { createDevice, nativeAvailable } from "../tensor/index.ts";
import { BatchGenerator, generateBatch } from "./batch.ts";
import { Decoder } from "./decoder.ts";
import { TextGenerator } from "./generator.ts";
import { plainSampling } from "./sampler.ts";
import { greedy, type GenerationSettings } from "./settings.ts";
import type { TokenRequest } from "./tokens.ts";

let tiny: TinyModel;
beforeAll(async () => {
  tiny = await tinyModel(96);
});
afterAll(() => tiny.dispose());

async function alone(
  model: CausalModel,
  prompts: readonly (TokenRequest & { readonly settings: GenerationSettings })[],
): Promise<number[][]> {
  const generator = new TextGenerator(model, tiny.tokenizer);
  const texts = [];
  for (const { ids, settings, stopIds = [] } of prompts) {
    const text: number[] = [];
    for await (const { id } of generator.generate(ids, settings, { stopIds: [...stopIds] }))
      if (id !== undefined) text.push(id);
    texts.push(text);
  }
  generator.dispose();
  return texts;
}

/** Seven prompts of different lengths and limits, drawn at random and greedily. */
function prompts(vocabulary: number): (TokenRequest & { readonly settings: GenerationSettings })[] {
  return [1, 9, 3, 30, 17, 2, 41].map((length, i) => {
    const ids = Array.from({ length }, (_, t) => (t * 37 + i * 101 + 5) % vocabulary);
    const settings: GenerationSettings = { ...greedy, temperature: i % 2, seed: i, max_tokens: 5 + 4 * (i % 4) };
    return { ids, settings };
  });
}

describe("several texts at once", () => {
  test("a text ends with the token that its request says, and leaves its row to the next", async () => {
    const all = prompts(tiny.model.architecture.config.vocab_size);
    const whole = await alone(tiny.model, all);
    const requests = all.map((request, i) => {
      let left = 1 + (i % 3);
      return { ...request, endsWith: () => --left === 0 };
    });
    const batch = new BatchGenerator(tiny.model, { rows: 2 });
    const reasons: string[] = [];
    const texts = requests.map((): number[] => []);
    for await (const { request, id, reason } of batch.generate(requests)) {
      if (id !== undefined) texts[request]?.push(id);
      if (reason !== undefined) reasons.push(reason);
    }
    batch.dispose();
    expect(texts).toEqual(whole.map((text, i) => text.slice(0, 1 + (i % 3))));
    expect(reasons).toEqual(requests.map(() => "stop"));
  });

  test.each([1, 2, 3, 8, 16])("in %i rows come out token for token as alone", async (rows) => {
    const requests = prompts(tiny.model.architecture.config.vocab_size);
    const expected = await alone(tiny.model, requests);
    expect(expected.map((text) => text.length)).toEqual(requests.map(({ settings }) => settings.max_tokens));
    const batch = new BatchGenerator(tiny.model, { rows });
    expect(await generateBatch(batch, requests)).toEqual(expected);
    batch.dispose();
  });

  test.each([
    ["classic", classic],
    ["llama-like", llamaLike],
  ] as const)("also a %s model, in every precision", async (_name, family) => {
    const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
    const sizes = { vocab_size: tiny.tokenizer.vocabSize, num_hidden_layers: 2, hidden_size: 40 };
    const architecture = resolveArchitecture({
      ...family,
      ...sizes,
      max_position_embeddings: 96,
      initializer_range: 0.3,
    });
    for (const precision of ["float32", "bfloat16", "int8"] as const) {
      const model = createCausal(architecture, device, { seed: 3, trainable: false, precision });
      const batch = new BatchGenerator(model, { rows: 3 });
      const requests = prompts(architecture.config.vocab_size);
      expect(await generateBatch(batch, requests)).toEqual(await alone(model, requests));
      batch.dispose();
      model.release();
    }
    device.dispose();
  });

  test("ends at stop tokens and at the end of the cache, and takes more prompts than rows", async () => {
    const [first] = prompts(tiny.model.architecture.config.vocab_size);
    const ids = first?.ids ?? [];
    const long = { ...greedy, max_tokens: 1000 };
    const [whole = []] = await alone(tiny.model, [{ ids, settings: { ...greedy, max_tokens: 12 } }]);
    const stop = whole[4] ?? -1;
    const batch = new BatchGenerator(tiny.model, { rows: 1, capacity: 20 });
    const ends = [];
    for await (const { request, reason } of batch.generate([
      { ids, settings: long, stopIds: [stop] },
      { ids, settings: long },
    ])) {
      if (reason !== undefined) ends.push([request, reason]);
    }
    expect(ends).toEqual([
      [0, "stop"],
      [1, "length"],
    ]);
    const [stopped, full] = await generateBatch(batch, [
      { ids, settings: long, stopIds: [stop] },
      { ids, settings: long },
    ]);
    expect(stopped).toEqual(whole.slice(0, whole.indexOf(stop)));
    expect(full).toHaveLength(20 - ids.length);
    batch.dispose();
  });

  test("stops when its caller says so, and refuses what is no prompt", async () => {
    const batch = new BatchGenerator(tiny.model, { rows: 2 });
    const controller = new AbortController();
    const requests = prompts(tiny.model.architecture.config.vocab_size).slice(0, 2);
    const pieces = batch.generate(requests, { signal: controller.signal });
    await pieces.next();
    await pieces.next();
    controller.abort();
    expect((await pieces.next()).value).toEqual({ request: 0, reason: "abort" });
    await pieces.return();
    await expect(generateBatch(batch, [{ ids: [], settings: greedy }])).rejects.toThrow(/at least one token/);
    await expect(generateBatch(batch, [{ ids: [99999], settings: greedy }])).rejects.toThrow(/token 99999/);
    batch.dispose();
    expect(() => new BatchGenerator(tiny.model, { rows: 0 })).toThrow(/at least one row/);
  });
});

test("a decoder reads a prompt in pieces, keeps a beginning in common, and forgets rows without a token", () => {
  const decoder = new Decoder(tiny.model, { rows: 2 });
  const ids = Array.from({ length: 60 }, (_, t) => (t * 37 + 5) % tiny.model.config.vocab_size);
  const whole = decoder.prefill(0, ids).toArray();
  const expectSame = (): void => {
    const logits = decoder.prefill(0, ids).toArray();
    expect(Math.max(...logits.map((value, i) => Math.abs(value - (whole[i] ?? 0))))).toBeLessThan(1e-4);
  };
  expect(decoder.keep(0, ids)).toBe(59);
  expectSame();
  expect(decoder.keep(0, [...ids.slice(0, 20), 1, 2])).toBe(20);
  expect(decoder.keep(0, ids)).toBe(20);
  expectSame();
  decoder.prefill(1, ids.slice(0, 10));
  decoder.step([1, undefined]);
  expect(decoder.keep(1, ids)).toBe(0);
  expect(decoder.keep(0, [...ids, 1, 2])).toBe(61);
  expect(() => decoder.prefill(2, ids)).toThrow(/row below 2/);
  decoder.dispose();
});

test.each(["cpu", "reference"].filter((name) => name !== "cpu" || nativeAvailable().available))(
  "the %s device draws the tokens that the host draws, over settings and seeds, and never gives all logits",
  async (name) => {
    const inner = createDevice(name);
    let largest = 0;
    const device = new Proxy(inner, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          const [storage] = args;
          if (member === "read" && typeof storage === "object" && storage !== null && "length" in storage) {
            largest = Math.max(largest, Number(storage.length));
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
    const model = createCausal(tiny.model.architecture, device, { seed: 2, trainable: false });
    const settings = [
      {},
      { temperature: 0 },
      { temperature: 0, repetition_penalty: 1.5 },
      { temperature: 0.6, top_k: 5 },
      { temperature: 1.3, top_p: 0.7 },
      { min_p: 0.2 },
      { temperature: 1.5, top_k: 20, top_p: 0.9, min_p: 0.01, repetition_penalty: 1.2 },
    ];
    const requests = settings.flatMap((own, i) =>
      [1, 2, 3].map((seed) => ({
        ids: [1 + i, 4, 2],
        settings: { ...plainSampling, ...own, max_tokens: 12, seed },
      })),
    );
    const texts: number[][][] = [];
    for (const sampling of ["host", "device"] as const) {
      const batch = new BatchGenerator(model, { rows: 3, sampling });
      largest = 0;
      texts.push(await generateBatch(batch, requests));
      if (sampling === "device") expect(largest).toBeLessThanOrEqual(3);
      else expect(largest).toBeGreaterThanOrEqual(model.config.vocab_size);
      batch.dispose();
    }
    expect(texts[1]).toEqual(texts[0]);
    expect(new Set(texts[0]?.map((ids) => ids.join())).size).toBeGreaterThan(requests.length / 2);
    device.fill(model.parameters.byName("model.embed_tokens.weight").storage, Number.NaN);
    const broken = new BatchGenerator(model, { rows: 1, sampling: "device" });
    await expect(generateBatch(broken, requests.slice(0, 1))).rejects.toMatchObject({ code: "CHECKPOINT" });
    broken.dispose();
    inner.dispose();
  },
);
