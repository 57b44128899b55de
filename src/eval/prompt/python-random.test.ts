import { expect, test } from "vitest";
import { PythonRandom } from "./python-random.ts";

// Expected values were printed by CPython 3.11.
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

test("random, bits and samples follow Random(1234)", () => {
  const random = new PythonRandom(1234);
  expect(random.random()).toBe(0.9664535356921388);
  expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([1892932127, 501869158, 32175636]);
  expect(random.sample(range(100), 5)).toEqual([11, 74, 4, 85, 88]);
  expect(random.sample(range(10), 8)).toEqual([1, 9, 5, 8, 0, 7, 4, 6]);
});

test("shuffle follows Random(42)", () => {
  const items = range(10);
  new PythonRandom(42).shuffle(items);
  expect(items).toEqual([7, 3, 2, 8, 5, 6, 9, 4, 0, 1]);
});

test("drawing more than there is fails", () => {
  expect(() => new PythonRandom(0).sample([1, 2], 3)).toThrow(RangeError);
});
