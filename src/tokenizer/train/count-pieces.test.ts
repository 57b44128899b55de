import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { countPieces } from "./count-pieces.ts";
import { PieceCounter } from "./piece-counter.ts";

const plan = { kind: "scanner", preTokenizer: "gpt4" } as const;
const texts = Array.from(
  { length: 400 },
  (_, i) => `the potter ${i % 37} makes pots ${i} 女娲抟土造人${i % 5}，\u{1f642}x${i * i}`,
);

test("counts, by hand", async () => {
  const { pieces, characters, forgotten } = await countPieces(["a b a", " a 猫猫\u{20000}"], plan, {
    maxPieces: 100,
    maxBytes: 1e6,
  });
  expect(Object.fromEntries(pieces)).toEqual({ a: 1, " b": 1, " a": 2, " 猫猫\u{20000}": 1 });
  expect(pieces.bytes).toBe(1 + 2 + 2 + 11);
  expect({ characters, forgotten }).toEqual({ characters: 12, forgotten: { pieces: 0, occurrences: 0 } });
});

test("a counter beside a Map, and merged with another", () => {
  const all = new PieceCounter();
  const wanted = new Map<string, number>();
  for (let shard = 0; shard < 3; shard++) {
    const one = new PieceCounter();
    for (let i = 0; i < 5000; i++) {
      const piece = `p${(i * 7919 + shard * 13) % 3001}`;
      one.add(`<${piece}>`, 1, piece.length + 1);
      wanted.set(piece, (wanted.get(piece) ?? 0) + 1);
    }
    all.merge(one.snapshot());
  }
  expect(new Map(all)).toEqual(wanted);
  const lost = all.forgetRarest(100, 1e9);
  expect(all.size).toBeLessThanOrEqual(100);
  expect(lost.pieces + all.size).toBe(wanted.size);
  all.add("again", 0, 5);
  expect(new Map(all).get("again")).toBe(1);
});

// A worker thread loads JavaScript only: that of the last build.
const built = fileURLToPath(new URL("../../../dist/src/tokenizer/train/count-pieces.js", import.meta.url));
test("the same pieces for any number of threads, also when some are forgotten", async () => {
  const compiled = (await import(built)) as { countPieces: typeof countPieces };
  const results = [];
  for (const threads of [1, 2, 5]) {
    const { pieces, forgotten } = await compiled.countPieces(texts, plan, {
      maxPieces: 300,
      maxBytes: 1e6,
      partSize: 1500,
      threads,
    });
    results.push({ pieces: [...pieces], forgotten });
  }
  expect(results[0]?.forgotten.pieces).toBeGreaterThan(0);
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});
