import { expect, test } from "vitest";
import { toJson } from "./json.ts";

test("is what JSON.stringify and JSON.parse give", () => {
  const value = { a: [1, "x", null, { b: true, c: undefined }], d: undefined, e: {}, f: -0.5 };
  expect(toJson(value)).toEqual(JSON.parse(JSON.stringify(value)));
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 3n, () => 1, undefined])("%s is refused", (value) => {
  expect(() => toJson({ at: [1, value === undefined ? Symbol("s") : value] })).toThrow(TypeError);
  expect(() => toJson(value)).toThrow(TypeError);
});
