import { describe, expect, it } from "vitest";
import { resolveArchitecture } from "../../models/index.ts";
import { createDialogueObjective, type DialogueSettings, type EncodedDialogue, sftSettings } from "./dialogue.ts";
import { trainedModel } from "./models.ts";
import type { Batch } from "./objective.ts";

const settings: DialogueSettings = { ...sftSettings.parse({ batch: 2, seed: 7, eval_tokens: 1e9 }), context: 16 };
const model = trainedModel(resolveArchitecture({ vocab_size: 1000 }));

function objectiveOf(training: readonly EncodedDialogue[], over: Partial<DialogueSettings> = {}) {
  return createDialogueObjective(model, { training, validation: undefined }, { ...settings, ...over });
}

/** Dialogue d asks with `asked` tokens d·100+1, +2, … and is answered by the next `answered`. */
function dialogue(d: number, asked: number, answered: number): EncodedDialogue {
  const ids = Array.from({ length: asked + answered }, (_, i) => d * 100 + i + 1);
  return { ids, weights: ids.map((_, i) => (i < asked ? 0 : 1)) };
}

/** The (read, predicted, weight) triples that count. */
function counted(batch: Batch): string[] {
  return Array.from(batch.targets).flatMap((target, i) => {
    const weight = batch.weights?.[i] ?? 1;
    return weight > 0 && target >= 0 ? [`${batch.tokens[i]}>${target}`] : [];
  });
}

describe("dialogue objective", () => {
  it("predicts each answer token from the token before it, and nothing else", async () => {
    const { next } = objectiveOf([dialogue(1, 3, 2)], { batch: 1 });
    const { batches, tokens } = await next(0);
    expect(batches).toHaveLength(1);
    expect(counted(batches[0] as Batch)).toEqual(["103>104", "104>105"]);
    expect({ normalizer: batches[0]?.normalizer, tokens }).toEqual({ normalizer: 2, tokens: 4 });
  });

  it("keeps several turns in one row, each answer counted", async () => {
    const two: EncodedDialogue = { ids: [1, 2, 3, 4, 5, 6], weights: [0, 0, 1, 0, 0, 1] };
    const { batches } = await objectiveOf([two], { batch: 1 }).next(0);
    expect(counted(batches[0] as Batch)).toEqual(["2>3", "5>6"]);
    expect(batches[0]?.normalizer).toBe(2);
  });

  it("shows every dialogue once an epoch, in another order each epoch, whichever step is asked for first", async () => {
    const dialogues = Array.from({ length: 8 }, (_, d) => dialogue(d, 2, 1));
    const objective = objectiveOf(dialogues);
    expect(objective.stepsPerEpoch).toBe(4);
    const epoch = async (e: number): Promise<string[]> => {
      const seen = [];
      for (let s = 0; s < 4; s++) {
        for (const batch of (await objective.next(e * 4 + s)).batches) seen.push(...counted(batch));
      }
      return seen;
    };
    const second = await epoch(1);
    const first = await epoch(0);
    const all = dialogues.map((d) => `${d.ids[1]}>${d.ids[2]}`);
    expect(first.toSorted()).toEqual(all.toSorted());
    expect(second.toSorted()).toEqual(all.toSorted());
    expect(second).not.toEqual(first);
    const again = objectiveOf(dialogues);
    expect(await again.next(5)).toEqual(await objective.next(5));
    const other = objectiveOf(dialogues, { seed: 8 });
    expect(await other.next(5)).not.toEqual(await objective.next(5));
  });

  it("crosses epochs inside a step without losing a dialogue", async () => {
    const dialogues = Array.from({ length: 3 }, (_, d) => dialogue(d, 2, 1));
    const objective = objectiveOf(dialogues);
    const seen = [];
    for (let s = 0; s < 3; s++) for (const batch of (await objective.next(s)).batches) seen.push(...counted(batch));
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(3);
  });

  it("normalises by the weights of the whole step, not of a micro-batch", async () => {
    const dialogues = [dialogue(1, 2, 1), dialogue(2, 2, 9), dialogue(3, 2, 5), dialogue(4, 2, 2)];
    const { batches } = await objectiveOf(dialogues, { accumulate: 2 }).next(0);
    expect(batches).toHaveLength(2);
    expect(batches[0]?.normalizer).toBe(17);
    // like lengths together: 1 and 2 answer tokens, then 5 and 9
    expect(batches.map((batch) => counted(batch).length)).toEqual([3, 14]);
  });

  it("cuts a long answer at the context, skips a dialogue whose question fills it, and says so", async () => {
    const objective = objectiveOf([dialogue(1, 2, 30), dialogue(2, 17, 3)], { batch: 1 });
    expect(objective.warnings).toEqual([
      "1 dialogues are longer than the context of 16 tokens: cut there",
      "1 dialogues have no answer within the context: skipped",
    ]);
    const { batches } = await objective.next(0);
    expect(batches[0]).toMatchObject({ B: 1, T: 16 });
    expect(counted(batches[0] as Batch)).toHaveLength(15);
  });

  it("refuses when nothing is left", () => {
    expect(() => objectiveOf([dialogue(2, 17, 3)])).toThrow(
      /none of the 1 dialogues has an answer within the context of 16/,
    );
  });

  it("packs several dialogues into a row, never across two, and counts the same answers", async () => {
    const dialogues = Array.from({ length: 9 }, (_, d) => dialogue(d, 3, 2));
    const objective = objectiveOf(dialogues, { packing: true, batch: 3 });
    expect(objective.stepsPerEpoch).toBe(1); // 17 places take three dialogues of five tokens
    const { batches } = await objective.next(0);
    const expected = dialogues.flatMap(({ ids }) => [`${ids[2]}>${ids[3]}`, `${ids[3]}>${ids[4]}`]);
    expect(batches.flatMap(counted).toSorted()).toEqual(expected.toSorted());
    expect(batches[0]?.normalizer).toBe(18);
  });

  it("scores every held-out answer token once", async () => {
    const held = [dialogue(5, 2, 3), dialogue(6, 4, 1), dialogue(7, 1, 2)];
    const objective = createDialogueObjective(model, { training: [dialogue(1, 2, 1)], validation: held }, settings);
    const scored = [];
    for await (const batch of objective.heldOut?.batches() ?? []) scored.push(...counted(batch));
    expect(scored.toSorted()).toEqual(["502>503", "503>504", "504>505", "604>605", "701>702", "702>703"]);
  });

  it("scores an even part of the held-out dialogues when there are more than asked for", async () => {
    const held = Array.from({ length: 8 }, (_, d) => dialogue(d, 2, 3)); // 4 tokens read in each
    const objective = createDialogueObjective(
      model,
      { training: [dialogue(1, 2, 1)], validation: held },
      { ...settings, eval_tokens: 17 },
    );
    const scored = [];
    for await (const batch of objective.heldOut?.batches() ?? []) scored.push(...counted(batch));
    const expected = [1, 3, 5, 7].flatMap((d) => [2, 3, 4].map((i) => `${d * 100 + i}>${d * 100 + i + 1}`));
    expect(scored.toSorted()).toEqual(expected.toSorted());
  });

  it("has a fingerprint that changes with the data", () => {
    const of = (...dialogues: EncodedDialogue[]): string => objectiveOf(dialogues).fingerprint;
    expect(of(dialogue(1, 2, 1))).toBe(of(dialogue(1, 2, 1)));
    expect(of(dialogue(1, 2, 1))).not.toBe(of(dialogue(1, 1, 2)));
  });
});
