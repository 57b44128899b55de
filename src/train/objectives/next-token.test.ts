import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packDocuments, TokenDataset } from "../../data/pack/tokens/index.ts";
import { trainCharacters, type Tokenizer } from "../../tokenizer/index.ts";
import { resolveArchitecture } from "../../models/index.ts";
import { trainedModel } from "./models.ts";
import { createNextTokenObjective, type NextTokenSettings, pretrainSettings } from "./next-token.ts";
import type { Batch } from "./objective.ts";

const settings: NextTokenSettings = pretrainSettings.parse({ batch: 3, context: 8, eval_tokens: 1e9 });
const model = trainedModel(resolveArchitecture({ vocab_size: 100 }));
const text = Array.from({ length: 50 }, (_, i) => `${i} 女娲补天。`).join(" ");

let folder: string;
let tokenizer: Tokenizer;
let train: TokenDataset;
let validation: TokenDataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nuwa-next-token-"));
  tokenizer = await trainCharacters(
    (async function* () {
      yield text;
    })(),
    { specialTokens: [] },
  );
  const document = { id: "1", text, source: "", meta: {} };
  await packDocuments([document], tokenizer, { outDir: folder, valShare: 0.2, split: "contiguous", separator: "none" });
  train = await TokenDataset.open(folder, "train");
  validation = await TokenDataset.open(folder, "val");
});
afterAll(async () => {
  train.close();
  validation.close();
  await rm(folder, { recursive: true });
});

function objective(over: Partial<NextTokenSettings> = {}) {
  return createNextTokenObjective(model, { training: train, validation, tokenizer }, { ...settings, ...over });
}

async function all(batches: AsyncIterable<Batch> | Iterable<Batch> | undefined): Promise<Batch[]> {
  const list: Batch[] = [];
  for await (const batch of batches ?? []) list.push(batch);
  return list;
}

describe("next-token objective", () => {
  it("predicts at each place the token after it, in windows of the text", async () => {
    const { batches, tokens } = await objective().next(0);
    expect(batches).toHaveLength(1);
    const [batch] = batches;
    if (batch === undefined) throw new Error("no batch");
    expect(batch).toMatchObject({ B: 3, T: 8 });
    for (let b = 0; b < 3; b++) {
      const read = tokenizer.decode(Array.from(batch.tokens).slice(b * 8, b * 8 + 8));
      const predicted = tokenizer.decode(Array.from(batch.targets).slice(b * 8, b * 8 + 8));
      expect(predicted.startsWith(read.slice(1))).toBe(true);
      expect(text).toContain(read + predicted.slice(-1));
    }
    expect({ normalizer: batch.normalizer, tokens }).toEqual({ normalizer: 24, tokens: 24 });
  });

  it("sees other windows in each step and for each seed, the same ones when asked again", async () => {
    const [a, b] = [await objective().next(0), await objective().next(1)];
    expect(b).not.toEqual(a);
    expect(await objective().next(0)).toEqual(a);
    expect(await objective({ seed: 2 }).next(0)).not.toEqual(a);
  });

  it("sees in two micro-batches what one of twice the size would", async () => {
    const one = await objective({ batch: 6 }).next(5);
    const two = await objective({ batch: 3, accumulate: 2 }).next(5);
    expect(two.batches.flatMap(({ tokens }) => Array.from(tokens))).toEqual(
      one.batches.flatMap(({ tokens }) => Array.from(tokens)),
    );
    expect(two.batches[0]?.normalizer).toBe(one.batches[0]?.normalizer);
  });

  it("scores every held-out token but the first once", async () => {
    const scored = (await all(objective().heldOut?.batches())).flatMap(({ targets }) => Array.from(targets));
    const targets = scored.filter((id) => id >= 0);
    expect(targets).toEqual([...validation.read(1, validation.length - 1)]);
  });

  it("counts the bytes and characters of the text that is scored", async () => {
    for (const evalTokens of [1e9, 24]) {
      const { heldOut } = objective({ eval_tokens: evalTokens });
      const targets = (await all(heldOut?.batches()))
        .flatMap((batch) => Array.from(batch.targets))
        .filter((id) => id >= 0);
      const scored = tokenizer.decode(targets);
      expect(heldOut?.bytes).toBe(Buffer.byteLength(scored));
      expect(heldOut?.characters).toBe([...scored].length);
      if (evalTokens === 24) expect(targets).toHaveLength(24);
    }
  });

  it("refuses a corpus shorter than the context", () => {
    expect(() => objective({ context: 4000 })).toThrow(/fewer than the 4001 of one context/);
  });

  it("has a fingerprint of the data", async () => {
    expect(objective().fingerprint).toBe(objective({ seed: 9 }).fingerprint);
    const other = createNextTokenObjective(model, { training: validation, validation: undefined, tokenizer }, settings);
    expect(other.fingerprint).not.toBe(objective().fingerprint);
  });
});
