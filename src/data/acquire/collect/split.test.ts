import { expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { cutLong, Splitter } from "./split.ts";

test("pieces end at the block that brings them nearest to the aim", () => {
  const splitter = new Splitter(100, "\n\n");
  const pieces = [];
  for (let k = 0; k < 10; k++) pieces.push(...splitter.push("x".repeat(30)));
  pieces.push(...splitter.flush());
  expect(pieces.map((piece) => piece.length)).toEqual([94, 94, 94, 30]);
  expect(splitter.flush()).toEqual([]);
});

test("a block that is too long is cut at lines, sentences, spaces, or between characters", () => {
  expect(cutLong("aaaa bbbb\ncccc dddd", 12)).toEqual(["aaaa bbbb", "cccc dddd"]);
  expect(cutLong("One two. Three four five", 12)).toEqual(["One two.", "Three four", "five"]);
  expect(cutLong("一二三四五。六七八九十", 8)).toEqual(["一二三四五。", "六七八九十"]);
  expect(cutLong("x".repeat(25), 10)).toEqual(["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
});

test("never inside a character, nothing lost, in linear time", async () => {
  const text = "𠀀".repeat(1_000_001);
  const pieces = cutLong(text, 1001);
  expect(pieces.join("") === text).toBe(true);
  expect(pieces.every((piece) => piece.length % 2 === 0)).toBe(true);
  await expectGrowth(
    (size) => "𠀀".repeat(size),
    1_000_001,
    (long) => cutLong(long, 1001),
  );
});
