import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Document } from "../../../text/index.ts";
import { trainBpe, trainCharacters, type Tokenizer } from "../../../tokenizer/index.ts";
import { TokenDataset } from "./dataset.ts";
import { readPackMeta } from "./meta.ts";
import { packDocuments } from "./pack.ts";
import { packSettings } from "./settings.ts";

const root = mkdtempSync(join(tmpdir(), "nuwa-pack-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const folder = (): string => join(root, String(folders++));

const documents: Document[] = Array.from({ length: 200 }, (_, i) => ({
  id: `document-${i}`,
  text: `第${i}页 page ${i}${" clay".repeat(i % 7)} 🙂`,
  source: `s#${i}`,
  meta: {},
}));

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await trainBpe(
    documents.map(({ text }) => text),
    { vocabSize: 320 },
  );
});

function files(path: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(path)
      .sort()
      .map((file) => [file, readFileSync(join(path, file)).toString("hex")]),
  );
}

async function texts(path: string, split: "train" | "val"): Promise<string[]> {
  const dataset = await TokenDataset.open(path, split, { tokenizer });
  const found = Array.from({ length: dataset.meta.documents }, (_, index) => {
    const { start, length } = dataset.document(index);
    const ids = dataset.read(start, length);
    expect(ids.at(-1)).toBe(tokenizer.eosId);
    return tokenizer.decode(ids.slice(0, -1));
  });
  dataset.close();
  return found;
}

describe("documents", () => {
  test("every document is in one split, whole, with a separator; meta counts what is there", async () => {
    const path = folder();
    const meta = await packDocuments(documents, tokenizer, { outDir: path, valShare: 0.1 });
    const train = await texts(path, "train");
    const val = await texts(path, "val");
    expect([...train, ...val].sort()).toEqual(documents.map(({ text }) => text).sort());
    // 200 draws at 0.1: 20, and four standard deviations are 17.
    expect(val.length).toBeGreaterThan(3);
    expect(val.length).toBeLessThan(37);
    expect(train).not.toEqual(documents.map(({ text }) => text).filter((text) => train.includes(text)));
    for (const [name, split] of [
      ["train", train],
      ["val", val],
    ] as const) {
      expect(meta.splits[name]).toMatchObject({
        documents: split.length,
        separators: split.length,
        bytes: Buffer.byteLength(split.join("")),
        characters: [...split.join("")].length,
        tokens: statSync(join(path, `${name}.bin`)).size / 2,
      });
    }
    expect(await readPackMeta(path)).toEqual(meta);
    expect(readdirSync(path).sort()).toEqual(["meta.json", "train.bin", "train.idx", "val.bin", "val.idx"]);
  });

  test("the bytes depend on ids and seed, not on the order or the manner in which documents come", async () => {
    const [one, two, three] = [folder(), folder(), folder()];
    await packDocuments(documents, tokenizer, { outDir: one, seed: 5 });
    async function* slowly(): AsyncGenerator<Document> {
      for (const document of documents.toReversed()) {
        await Promise.resolve();
        yield document;
      }
    }
    await packDocuments(slowly(), tokenizer, { outDir: two, seed: 5 });
    expect(files(two)).toEqual(files(one));
    await packDocuments(documents, tokenizer, { outDir: three, seed: 6 });
    expect(files(three)["train.bin"]).not.toEqual(files(one)["train.bin"]);
    // Another seed is another order, of the same documents.
    expect((await texts(three, "val")).sort()).toEqual((await texts(one, "val")).sort());
  });

  test("neither side is left empty where there are two documents; one document trains", async () => {
    for (const [count, valShare, expected] of [
      [2, 0.001, [1, 1]],
      [2, 0.5, [1, 1]],
      [1, 0.5, [1, undefined]],
      [9, 0, [9, undefined]],
    ] as const) {
      const path = folder();
      const { splits } = await packDocuments(documents.slice(0, count), tokenizer, { outDir: path, valShare });
      expect([splits.train.documents, splits.val?.documents]).toEqual(expected);
    }
  });

  test("packing again without a held-out share removes the old one", async () => {
    const path = folder();
    await packDocuments(documents, tokenizer, { outDir: path, valShare: 0.2 });
    await packDocuments(documents, tokenizer, { outDir: path, valShare: 0 });
    expect(readdirSync(path).sort()).toEqual(["meta.json", "train.bin", "train.idx"]);
    await expect(TokenDataset.open(path, "val")).rejects.toThrow('there is no "val" split');
  });

  test("more than 65,536 entries take four bytes a token", async () => {
    const path = folder();
    const bound = new Proxy(tokenizer, {
      get(target, key) {
        if (key === "vocabSize") return 70_000;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const meta = await packDocuments(documents, bound, { outDir: path });
    expect(meta.dtype).toBe("uint32");
    expect(statSync(join(path, "train.bin")).size).toBe(meta.splits.train.tokens * 4);
    expect((await TokenDataset.open(path, "train")).read(0, 5)).toBeInstanceOf(Int32Array);
  });

  test("nothing to pack; a source that fails leaves the old files as they were, and nothing half done", async () => {
    const path = folder();
    await expect(packDocuments([], tokenizer, { outDir: path })).rejects.toMatchObject({ code: "DATA" });
    await packDocuments(documents, tokenizer, { outDir: path });
    const before = files(path);
    const failing = function* (): Generator<Document> {
      yield* documents.slice(0, 9);
      throw new Error("broken source");
    };
    await expect(packDocuments(failing(), tokenizer, { outDir: path })).rejects.toThrow("broken source");
    await expect(packDocuments(documents, tokenizer, { outDir: path, signal: AbortSignal.abort() })).rejects.toThrow();
    expect(files(path)).toEqual(before);
    await expect(packDocuments(documents, tokenizer, { outDir: path, valShare: 1 })).rejects.toThrow("below 1");
    const unwritable = join(path, "meta.json", "sub");
    await expect(packDocuments(documents, tokenizer, { outDir: unwritable })).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("contiguous", () => {
  test("characters as in nanoGPT: the first floor(0.9 n) train", async () => {
    const text = "First Citizen:\nBefore we proceed any further, hear me speak.\n".repeat(10);
    const characters = await trainCharacters([text]);
    const path = folder();
    const document = { id: "a", text, source: "a", meta: {} };
    const meta = await packDocuments([document], characters, { outDir: path, split: "contiguous", valShare: 0.1 });
    const cut = Math.floor(text.length * 0.9);
    expect(meta.separator).toBeNull();
    expect(meta.splits).toEqual({
      train: { tokens: cut, documents: 1, bytes: cut, characters: cut, separators: 0 },
      val: { tokens: text.length - cut, documents: 1, bytes: 610 - cut, characters: 610 - cut, separators: 0 },
    });
    const val = await TokenDataset.open(path, "val");
    expect(characters.decode(val.read(0, val.length))).toBe(text.slice(cut));
  });

  test("documents keep their order, and no character is cut in two", async () => {
    const whole = `${documents.map(({ text }) => text).join("<|endoftext|>")}<|endoftext|>`;
    for (let percent = 1; percent < 30; percent++) {
      const path = folder();
      const options = { outDir: path, split: "contiguous", valShare: percent / 100 } as const;
      const { splits } = await packDocuments(documents, tokenizer, options);
      const parts: string[] = [];
      for (const name of ["train", "val"] as const) {
        const dataset = await TokenDataset.open(path, name);
        const text = tokenizer.decode(dataset.read(0, dataset.length));
        const plain = text.replaceAll("<|endoftext|>", "");
        expect(text).not.toContain("\ufffd");
        expect(splits[name]).toMatchObject({
          bytes: Buffer.byteLength(plain),
          characters: [...plain].length,
          separators: text.split("<|endoftext|>").length - 1,
        });
        parts.push(text);
        dataset.close();
      }
      expect(parts.join("")).toBe(whole);
    }
  });
});

test("settings: defaults, and what is out of range", () => {
  expect(packSettings.parse({})).toEqual({
    val_share: 0.05,
    split: "documents",
    seed: 1,
    separator: "eos",
    mixture: {},
  });
  expect(packSettings.safeParse({ val_share: 0.9 }).success).toBe(false);
  expect(packSettings.safeParse({ valshare: 0.1 }).success).toBe(false);
});
