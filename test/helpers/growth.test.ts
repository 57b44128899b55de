import { expect, test } from "vitest";
import { expectGrowth } from "./growth.ts";

const numbers = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

/** Pairs of neighbours, or of all. */
function sum(values: readonly number[], reach: number): number {
  let total = 0;
  for (let i = 0; i < values.length; i++)
    for (let k = Math.max(0, i - reach); k < i; k++) total += (values[i] ?? 0) ^ (values[k] ?? 0);
  return total;
}

test("linear work passes, quadratic work is found, and passes where it is expected", async () => {
  await expectGrowth(numbers, 16_000, (values) => sum(values, 50));
  await expect(expectGrowth(numbers, 16_000, (values) => sum(values, Infinity))).rejects.toThrow(/growth of work/);
  await expectGrowth(numbers, 16_000, (values) => sum(values, Infinity), { degree: 2 });
});

test("work that lies inside the engine is counted too", async () => {
  const spaces = (size: number): string => " ".repeat(size);
  await expectGrowth(spaces, 16_000, (text) => /^ +x/.test(text));
  // One attempt from each start, each to the end.
  await expect(expectGrowth(spaces, 16_000, (text) => / +x/.test(text))).rejects.toThrow(/growth of work/);
});

test("promises are waited for, and what they throw comes through", async () => {
  await expectGrowth(numbers, 1000, async (values) => Promise.resolve(sum(values, 50)));
  await expect(expectGrowth(numbers, 10, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
});
