import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Document } from "../../../text/index.ts";
import { trainCharacters, type Tokenizer } from "../../../tokenizer/index.ts";
import { TokenDataset } from "./dataset.ts";
import type { PackMeta } from "./meta.ts";
import { packDocuments, type PackOptions } from "./pack.ts";
import { packSettings } from "./settings.ts";

const root = mkdtempSync(join(tmpdir(), "nuwa-mixture-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

const documentsOf = (name: string, count: number, length: number): Document[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `${name}-${i}`,
    text: `${name}${i} ${name[0]?.repeat(length - 2)}`,
    source: name,
    meta: { source_name: name },
  }));
const documents = [...documentsOf("web", 300, 40), ...documentsOf("books", 60, 50), ...documentsOf("诗", 100, 20)];

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await trainCharacters(documents.map(({ text }) => text));
});

async function pack(
  options: Partial<PackOptions>,
  from = documents,
): Promise<{ meta: PackMeta; texts: string[]; bytes: Buffer }> {
  const outDir = join(root, String(folders++));
  const meta = await packDocuments(from, tokenizer, { outDir, valShare: 0.1, ...options });
  const dataset = await TokenDataset.open(outDir, "train", { tokenizer });
  const texts = Array.from({ length: dataset.meta.documents }, (_, i) => {
    const { start, length } = dataset.document(i);
    return tokenizer.decode(dataset.read(start, length).slice(0, -1));
  });
  dataset.close();
  return { meta, texts, bytes: readFileSync(join(outDir, "train.bin")) };
}

const counts = (texts: readonly string[]): Map<string, number> => {
  const found = new Map<string, number>();
  for (const text of texts) found.set(text, (found.get(text) ?? 0) + 1);
  return found;
};

test("epochs: whole rounds and a part of one, the same for the same seed; held-out documents are never among them", async () => {
  const plain = await pack({});
  const { meta, texts, bytes } = await pack({ mixture: { books: { epochs: 2.5 }, 诗: { epochs: 0.25 } } });
  const books = counts(texts.filter((text) => text.startsWith("books")));
  expect(new Set(books.values())).toEqual(new Set([2, 3]));
  const single = plain.texts.filter((text) => text.startsWith("books"));
  expect([...books.keys()].sort()).toEqual(single.sort());
  const poems = texts.filter((text) => text.startsWith("诗"));
  const allPoems = plain.texts.filter((text) => text.startsWith("诗")).length;
  expect(new Set(poems).size).toBe(poems.length);
  expect(Math.abs(poems.length - 0.25 * allPoems)).toBeLessThanOrEqual(1);
  expect(texts.filter((text) => text.startsWith("web")).length).toBe(
    plain.texts.filter((text) => text.startsWith("web")).length,
  );
  for (const { epochs, source, share, wanted } of meta.mixture ?? []) {
    expect(epochs).toBeCloseTo({ web: 1, books: 2.5, 诗: 0.25 }[source] ?? -1, 1);
    expect(share).toBeCloseTo(wanted, 2);
  }
  const again = await pack({ mixture: { books: { epochs: 2.5 }, 诗: { epochs: 0.25 } } }, documents.toReversed());
  expect(again.bytes.equals(bytes)).toBe(true);
  // Copies stand apart: with 3 copies of 54 books among 450 documents hardly ever side by side.
  const beside = texts.filter((text, i) => text === texts[i + 1]).length;
  expect(beside).toBeLessThan(8);
});

test("weights: shares of the tokens, of as many as there are or of mixture_tokens", async () => {
  const mixture = { web: { weight: 1 }, books: { weight: 1 }, 诗: { weight: 2 } };
  const { meta } = await pack({ mixture });
  expect(meta.mixture?.map(({ source, share }) => [source, Number(share.toFixed(2))])).toEqual([
    ["web", 0.25],
    ["books", 0.25],
    ["诗", 0.5],
  ]);
  const plain = await pack({});
  expect(meta.splits.train.tokens / plain.meta.splits.train.tokens).toBeCloseTo(1, 2);
  const small = await pack({ mixture, mixtureTokens: 4000 });
  expect(Math.abs(small.meta.splits.train.tokens - 4000)).toBeLessThan(150);
});

test("a source that is not there, a mixture of nothing, contiguous, a key that is wrong", async () => {
  await expect(pack({ mixture: { bokks: { weight: 1 } } })).rejects.toMatchObject({
    message: 'no document comes from a source "bokks"',
    hint: `did you mean "books"?`,
  });
  const nothing = { web: { epochs: 0 }, books: { epochs: 0 }, 诗: { epochs: 0 } };
  await expect(pack({ mixture: nothing })).rejects.toThrow("leaves nothing to train on");
  await expect(pack({ mixture: nothing, split: "contiguous" })).rejects.toThrow("split: documents");
  expect(packSettings.safeParse({ mixture: { web: { epoch: 2 } } }).success).toBe(false);
});
