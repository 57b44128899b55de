import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packDocuments, TokenDataset } from "../../data/pack/tokens/index.ts";
import { type CausalModel, resolveArchitecture } from "../../models/index.ts";
import { createDevice, PhiloxStream, Tape } from "../../tensor/index.ts";
import { END_OF_TEXT, trainCharacters, type Tokenizer } from "../../tokenizer/index.ts";
import { fastestDevice } from "../test-job.ts";
import { causalLoss } from "./causal-loss.ts";
import { createDialogueObjective, type DialogueSettings, type EncodedDialogue, sftSettings } from "./dialogue.ts";
import { trainedModel } from "./models.ts";
import { createNextTokenObjective, pretrainSettings } from "./next-token.ts";
import type { Batch } from "./objective.ts";

const T = 48;
const sizes = { vocab_size: 40, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
const positions = ["rope", "learned", "alibi"] as const;
const planOf = (position: string) =>
  trainedModel(resolveArchitecture({ ...sizes, position, max_position_embeddings: T, zero_init_projections: false }));

const device = createDevice(fastestDevice);
const arena = device.createArena();
afterAll(() => device.dispose());

/** Loss of all batches, and the gradients' norm. */
async function measure(model: CausalModel, batches: readonly Batch[]): Promise<{ loss: number; norm: number }> {
  let total = 0;
  model.parameters.clearGradients();
  for (const batch of batches) {
    const tape = new Tape({ device, arena, recording: true, training: true });
    const { loss } = causalLoss(tape, model, batch);
    total += (await loss.read())[0] ?? Number.NaN;
    tape.backward(loss);
    arena.reset();
  }
  let squares = 0;
  for (const parameter of model.parameters) {
    if (parameter.gradReady) for (const value of await parameter.grad.read()) squares += value * value;
  }
  return { loss: total, norm: Math.sqrt(squares) };
}

describe.each(positions)("dialogues packed into rows, positions by %s", (position) => {
  const random = new PhiloxStream(3);
  const training = Array.from({ length: 12 }, (): EncodedDialogue => {
    const length = 6 + random.below(20);
    const ids = Int32Array.from({ length }, () => random.below(40));
    return { ids, weights: ids.map((_, i) => (i < 3 ? 0 : 1)) };
  });
  const plan = planOf(position);
  const model = plan.create(device, 4);
  const objectiveOf = (over: Partial<DialogueSettings>) =>
    createDialogueObjective(
      plan,
      { training, validation: undefined },
      { ...sftSettings.parse({}), context: T, ...over },
    );
  /** All dialogues in one step. */
  const batchesOf = async (over: Partial<DialogueSettings>) => {
    const rows = objectiveOf({ ...over, batch: 1 }).stepsPerEpoch;
    return (await objectiveOf({ ...over, batch: rows }).next(0)).batches;
  };

  it("give the loss and gradients that they give each in a row of its own, to 1e-6", async () => {
    const [alone, packed] = [await batchesOf({ packing: false }), await batchesOf({ packing: true })];
    expect(alone[0]?.B).toBe(12);
    expect(packed[0]?.B).toBeLessThan(8);
    const [expected, got] = [await measure(model, alone), await measure(model, packed)];
    expect(Math.abs(got.loss / expected.loss - 1)).toBeLessThan(1e-6);
    expect(Math.abs(got.norm / expected.norm - 1)).toBeLessThan(1e-5);
  });

  it("see each other only where they are asked to", async () => {
    const leaking = await batchesOf({ packing: true, cross_document_attention: true });
    expect(leaking[0]).not.toHaveProperty("segments");
    const [expected, got] = [await measure(model, await batchesOf({ packing: false })), await measure(model, leaking)];
    expect(Math.abs(got.loss / expected.loss - 1)).toBeGreaterThan(1e-5);
  });
});

describe("documents in one window", () => {
  const texts = Array.from({ length: 9 }, (_, i) => `document ${i} tells of ${"the sea and the ".repeat(i % 3)}stars`);
  let folder: string;
  let tokenizer: Tokenizer;
  let dataset: TokenDataset;
  let separator: number;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nuwa-packing-"));
    tokenizer = await trainCharacters(
      (async function* () {
        yield* texts;
      })(),
      { specialTokens: [END_OF_TEXT] },
    );
    const documents = texts.map((text, i) => ({ id: String(i), text, source: "", meta: {} }));
    await packDocuments(documents, tokenizer, { outDir: folder, valShare: 0 });
    dataset = await TokenDataset.open(folder, "train", { tokenizer });
    if (dataset.separator === undefined) throw new Error("expected a separator");
    ({ separator } = dataset);
  });
  afterAll(async () => {
    dataset.close();
    await rm(folder, { recursive: true });
  });

  const context = 256;
  const objectiveOf = (over: Readonly<Record<string, unknown>>) => {
    const architecture = resolveArchitecture({
      ...sizes,
      max_position_embeddings: context,
      zero_init_projections: false,
    });
    const settings = pretrainSettings.parse({ context, batch: 1, ...over });
    const data = { training: dataset, validation: dataset, tokenizer };
    return createNextTokenObjective(trainedModel(architecture), data, settings);
  };

  it("give the loss that they give one by one, each after its separator, to 1e-6", async () => {
    const objective = objectiveOf({ cross_document_attention: false });
    const model = objective.models.model.create(device, 2);
    const [window] = (await objective.next(0)).batches;
    if (window === undefined) throw new Error("expected a batch");
    expect(Math.max(...Array.from(window.segments ?? []))).toBeGreaterThan(2);
    const starts = [0, ...Array.from(window.tokens).flatMap((token, i) => (token === separator && i > 0 ? [i] : []))];
    const alone = starts.map((start, i): Batch => {
      const end = starts[i + 1] ?? context;
      const cut = (values: ArrayLike<number>) => Array.from(values).slice(start, end);
      const { tokens, targets, normalizer } = window;
      return { B: 1, T: end - start, tokens: cut(tokens), targets: cut(targets), normalizer };
    });
    const [expected, got] = [await measure(model, alone), await measure(model, [window])];
    expect(Math.abs(got.loss / expected.loss - 1)).toBeLessThan(1e-6);
    expect(Math.abs(got.norm / expected.norm - 1)).toBeLessThan(1e-5);
    const { segments: _segments, positions: _positions, ...crossing } = window;
    const crossed = await measure(model, [crossing]);
    expect(Math.abs(crossed.loss / expected.loss - 1)).toBeGreaterThan(1e-5);
    expect((await objectiveOf({}).next(0)).batches).toEqual([crossing]);
  });

  it("are held apart in the evaluation too", async () => {
    for await (const batch of objectiveOf({ cross_document_attention: false }).heldOut?.batches() ?? []) {
      expect(batch.segments).toHaveLength(batch.B * context);
    }
  });

  it("cannot be told apart without a separator", async () => {
    const out = join(folder, "joined");
    await packDocuments([{ id: "a", text: texts.join(" "), source: "", meta: {} }], tokenizer, {
      outDir: out,
      valShare: 0,
      separator: "none",
    });
    const joined = await TokenDataset.open(out, "train", { tokenizer });
    const settings = pretrainSettings.parse({ context: 8, cross_document_attention: false });
    const plan = trainedModel(resolveArchitecture(sizes));
    expect(() =>
      createNextTokenObjective(plan, { training: joined, validation: undefined, tokenizer }, settings),
    ).toThrow(expect.objectContaining({ code: "VALUE", where: "cross_document_attention" }));
    joined.close();
  });
});
