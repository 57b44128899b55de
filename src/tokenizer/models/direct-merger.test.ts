import { expect, test } from "vitest";
import { expectGrowth } from "../../../test/helpers/growth.ts";
import { DirectMerger } from "./direct-merger.ts";
import { Merger } from "./merger.ts";
import { PairTable } from "./pair-table.ts";

/** Numbers below `n`, the same each time. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Random merges over some bytes: several ways to one token, tokens that nothing leads to, repeated symbols. */
function randomMerges(random: (n: number) => number, alphabet: readonly number[]): [number, number, number][] {
  const spelling = new Map<number, string>(alphabet.map((byte) => [byte, `${byte} `]));
  const ids = new Map([...spelling].map(([id, text]) => [text, id]));
  const all = [...alphabet];
  const merges: [number, number, number][] = [];
  const count = 1 + random(60);
  for (let k = 0; k < count; k++) {
    const left = all[random(all.length)] ?? 0;
    const right = all[random(all.length)] ?? 0;
    const text = `${spelling.get(left) ?? ""}${spelling.get(right) ?? ""}`;
    if (text.length > 80 || merges.some((merge) => merge[0] === left && merge[1] === right)) continue;
    let id = ids.get(text);
    if (id === undefined) {
      id = 256 + ids.size;
      ids.set(text, id);
      spelling.set(id, text);
      all.push(id);
    }
    merges.push([left, right, id]);
  }
  return merges;
}

function tableOf(merges: readonly (readonly [number, number, number])[]): PairTable {
  const table = new PairTable(merges.length);
  for (const [rank, [left, right]] of merges.entries()) if (table.get(left, right) < 0) table.set(left, right, rank);
  return table;
}

const bytes = Int32Array.from({ length: 256 }, (_, byte) => byte);
/** Few letters, so that they repeat; and what characters of three bytes are made of, whole, cut and out of order. */
const ALPHABETS = [[97], [97, 98], [97, 98, 99, 32], [0xe4, 0xb8, 0xad, 97], [0xe4, 0xe5, 0xb8, 0x80, 0xc3]];

test("gives what merging gives, for random merges and random rows of symbols", () => {
  const random = generator(5);
  let cases = 0;
  for (let trial = 0; trial < 1500; trial++) {
    const alphabet = ALPHABETS[trial % ALPHABETS.length] ?? [97];
    const merges = randomMerges(random, alphabet);
    const direct = DirectMerger.of(merges, bytes, tableOf(merges));
    // A token that only its second merge makes may be a part of what stands before that.
    if (direct === undefined) continue;
    const merger = new Merger(merges);
    for (let row = 0; row < 12; row++) {
      const symbols = Int32Array.from({ length: random(90) }, () => alphabet[random(alphabet.length)] ?? 97);
      // Half of the rows hold whole characters.
      if (row % 2 === 0 && alphabet.includes(0xe4)) {
        for (let i = 0; i + 2 < symbols.length; i += 3 + random(2)) symbols.set([0xe4, 0xb8, alphabet[2] ?? 0x80], i);
      }
      const expected = symbols.slice();
      const count = merger.merge(expected, expected.length);
      const found = direct.merge(symbols, symbols.length);
      expect([...symbols.subarray(0, found)], JSON.stringify(merges)).toEqual([...expected.subarray(0, count)]);
      cases++;
    }
  }
  expect(cases).toBeGreaterThan(15_000);
});

test("merges of which one stands before what makes its parts are left to merging", () => {
  const merges = [
    [256, 99, 257],
    [97, 98, 256],
  ] as const;
  expect(DirectMerger.of(merges, bytes, tableOf(merges))).toBeUndefined();
});

test("a hundred thousand symbols of one kind take linear time", async () => {
  const merges: [number, number, number][] = [];
  for (let k = 0; k < 12; k++) merges.push([k === 0 ? 97 : 255 + k, k === 0 ? 97 : 255 + k, 256 + k]);
  const direct = DirectMerger.of(merges, bytes, tableOf(merges));
  const symbols = new Int32Array(100_000).fill(97);
  const count = direct?.merge(symbols, symbols.length) ?? 0;
  const expected = new Int32Array(100_000).fill(97);
  const merged = new Merger(merges).merge(expected, expected.length);
  expect([...symbols.subarray(0, count)]).toEqual([...expected.subarray(0, merged)]);
  await expectGrowth(
    (size) => new Int32Array(size),
    100_000,
    // Merging changes what it is given.
    (long) => direct?.merge(long.fill(97), long.length),
  );
});
