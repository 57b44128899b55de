import { describe, expect, test } from "vitest";
import { applyFilters, filterSchema } from "./filters.ts";
import { mathEqual } from "./math.ts";
import { metricSchema, numberIn, scoreAnswer } from "./match.ts";

const score = (metric: string, answer: string, ...accepted: string[]) =>
  scoreAnswer(metricSchema.parse({ metric }), answer, accepted);

describe("filters", () => {
  const filter = (steps: unknown[], ...replies: string[]) =>
    applyFilters(
      steps.map((step) => filterSchema.parse(step)),
      replies,
    );

  test("regex: first or last match, first group that is not empty, fallback", () => {
    const flexible = { function: "regex", regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)", group_select: -1 };
    expect(filter([flexible], "from 5 to $1,200.")).toEqual(["$1,200."]);
    expect(filter([flexible], "only 7")).toEqual(["7"]);
    expect(filter([flexible], "none")).toEqual(["[invalid]"]);
    expect(filter([{ function: "regex", regex_pattern: "a.b" }], "a\nb axb")).toEqual(["axb"]);
    expect(filter([{ function: "regex", regex_pattern: "(?s)a.b" }], "a\nb axb")).toEqual(["a\nb"]);
  });

  test("a majority of several replies, the first among equals", () => {
    expect(filter([{ function: "majority_vote" }], "a", "b", "b", "a", "b")).toEqual(["b"]);
    expect(filter([{ function: "majority_vote" }], "a", "b")).toEqual(["a"]);
    expect(
      filter([{ function: "remove_whitespace" }, { function: "lowercase" }, { function: "take_first" }], " A ", "b"),
    ).toEqual(["a"]);
  });

  test("a pattern that is none is refused", () => {
    expect(filterSchema.safeParse({ function: "regex", regex_pattern: "(" }).success).toBe(false);
  });
});

describe("comparing", () => {
  // SQuAD's own evaluation script, by hand: 2·P·R/(P+R) over words without articles and punctuation.
  test.each([
    ["the cat sat", ["A cat sat down."], 0.8], // P 2/2, R 2/3
    ["The Cat!", ["cat"], 1],
    ["dog", ["cat"], 0],
    ["cat cat", ["cat"], 2 / 3], // a word counts as often as it is there
    ["red cat", ["dog", "the red"], 2 / 3], // the best of several
    ["", ["the"], 1],
  ])("f1 of %j with %j", (answer, accepted, expected) => {
    expect(score("f1", answer, ...accepted)).toBeCloseTo(expected, 12);
  });

  test("squad_exact_match", () => {
    expect(score("squad_exact_match", " The  River Seine.", "river seine")).toBe(1);
    expect(score("squad_exact_match", "rivers", "river")).toBe(0);
    expect(score("exact_match", "River", "river")).toBe(0);
  });

  test("numbers", () => {
    expect(numberIn("about $1,234.50 each")).toBe(1234.5);
    expect(numberIn("-.5e3 m")).toBe(-500);
    expect(numberIn("none")).toBeNaN();
    expect(score("numeric_match", "It is 42.0 km", "42")).toBe(1);
    expect(score("numeric_match", "41.9", "42")).toBe(0);
    expect(score("numeric_match", "none", "none")).toBe(0);
  });
});

// Pairs of the test of MATH's authors' rules, made up.
test.each([
  ["$\\frac12$", "\\boxed{\\frac{1}{2}}", true],
  ["$0.5$", "$\\frac{1}{2}$", true],
  ["the answer is 12 apples", "$12$", true],
  ["x = 3/4.", "$\\dfrac34$", true],
  ["\\boxed{a=\\left(2, 3\\right)}", "$(2,3)$", true],
  ["$30^\\circ$", "$30$", true],
  ["$5\\text{ cm}$", "$5$", true],
  ["$50\\%$", "$50$", true],
  ["$.5x$", "$0.5x$", true],
  ["$\\sqrt2$", "$\\sqrt{2}$", true],
  ["$13$", "$12$", false],
  ["nothing", "$12$", false],
])("%j and %j are the same result: %s", (said, wanted, expected) => {
  expect(mathEqual(said, wanted)).toBe(expected);
});
