import { describe, expect, test } from "vitest";
import { PromptTemplate } from "./template.ts";

const text = (source: string, fields: Record<string, unknown>) =>
  new PromptTemplate(source, "t.yaml:3").text(fields, "d.jsonl:7");
const value = (source: string, fields: Record<string, unknown>) =>
  new PromptTemplate(source, "t.yaml:3").value(fields, "d.jsonl:7");

describe("text", () => {
  // Beside Jinja2 3.1 with keep_trailing_newline, as the harness renders.
  test.each([
    ["Question: {{goal}}\nAnswer:", { goal: "Why?" }, "Question: Why?\nAnswer:"],
    ["{{ a.strip() }}\n", { a: " x " }, "x\n"],
    ["{{ text.split(' ')[:-1]|join(' ') }}", { text: "a b c" }, "a b"],
    ["{% if a == 1 %}one{% else %}more{% endif %}\n\n", { a: 2 }, "more\n\n"],
    ["{{ choices['text'][1] }}", { choices: { text: ["x", "y"] } }, "y"],
    ["{% set b = a + '!' %}{{ b }}", { a: "hi" }, "hi!"],
    ["{% for x in list %}{{ x }};{% endfor %}", { list: [1, 2] }, "1;2;"],
    ["goal", { goal: "a field by its name" }, "a field by its name"],
    ["goal", { aim: "" }, "goal"],
    ["", {}, ""],
  ])("%j", (source, fields, expected) => {
    expect(text(source, fields)).toBe(expected);
  });
});

describe("value", () => {
  test.each([
    ["{{ [sol1, sol2] }}", { sol1: "it's", sol2: '"x"' }, ["it's", '"x"']],
    ["{{ (label|int) - 1 }}", { label: "2" }, 1],
    ["{{ index(choices.label, key) }}", { choices: { label: ["A", "B"] }, key: "B" }, 1],
    ["{{ index('a_b', '_') }}", {}, 1],
    ["choices", { choices: ["a", "b"] }, ["a", "b"]],
    ["{{ {'A': 0, 'B': 1}[answer] }}", { answer: "B" }, 1],
    ["A", {}, "A"],
    [" {{ a }}", { a: 1 }, " 1"],
    ["{{ regex_replace(a, '[0-9]+', '#') }}", { a: "1 22" }, "# #"],
    ["{{ m.keys() }}", { m: { x: 1, y: 0 } }, ["x", "y"]],
  ])("%j", (source, fields, expected) => {
    expect(value(source, fields)).toEqual(expected);
  });
});

describe("mistakes", () => {
  test("a field that the record does not have, with its line and the nearest", () => {
    expect(() => text("{{ goel }}", { goal: "x" })).toThrow(
      expect.objectContaining({ code: "DATA", where: "d.jsonl:7", hint: 'did you mean "goal"?' }),
    );
  });
  test("a template that is not Jinja", () => {
    expect(() => new PromptTemplate("{{ a", "t.yaml:3")).toThrow(expect.objectContaining({ where: "t.yaml:3" }));
  });
  test("a value that is nothing", () => {
    expect(() => value("{{ {'A': 0}[answer] }}", { answer: "Z" })).toThrow(/gives nothing/);
  });
  test("a field that is not needed may be missing", () => {
    expect(text("{% if a == 1 %}{{ b }}{% else %}none{% endif %}", { a: 2 })).toBe("none");
    expect(text("{{ b if b is defined else a }}{{ c | default('!') }}", { a: 2 })).toBe("2!");
    expect(() => text("{% if a == 1 %}{{ b }}{% endif %}", { a: 1 })).toThrow(/no field "b"/);
  });
  test("names that the template binds itself are not asked for", () => {
    expect(text("{% for item in list if item is defined %}{{ item | upper }}{% endfor %}", { list: ["a"] })).toBe("A");
  });
});
