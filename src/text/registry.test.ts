import { expect, test } from "vitest";
import { NuwaError } from "./errors.ts";
import { Registry } from "./registry.ts";

const shapes = new Registry("shape", [
  { name: "square", corners: 4 },
  { name: "circle", corners: 0 },
]);

test("entries by name, in order", () => {
  expect(shapes.names).toEqual(["square", "circle"]);
  expect(shapes.get("circle").corners).toBe(0);
  expect(shapes.find("cube")).toBeUndefined();
});

test("a name that is not there is told with the nearest one and the place", () => {
  expect(() => shapes.get("squre", "recipe.yaml:3")).toThrow(
    expect.objectContaining({ code: "VALUE", where: "recipe.yaml:3", hint: 'did you mean "square"?' }),
  );
});

test("a larger registry leaves the first one as it was, and refuses a name that is taken", () => {
  const more = shapes.with([{ name: "triangle", corners: 3 }]);
  expect(more.names).toEqual(["square", "circle", "triangle"]);
  expect(shapes.names).toEqual(["square", "circle"]);
  expect(() => shapes.with([{ name: "circle", corners: 1 }])).toThrow(NuwaError);
});
