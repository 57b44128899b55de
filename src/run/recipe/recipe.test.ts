import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { NuwaError } from "../../text/index.ts";
import { parseRecipe } from "./load.ts";
import { applyOverrides, parseOverride } from "./overrides.ts";
import { printRecipe } from "./print.ts";
import { readRecipe } from "./recipe.ts";
import { builtInStages } from "../stages/list.ts";
import type { Recipe } from "../settings/general.ts";
import { inherit, recipeSchemaOf } from "./schema.ts";

const recipeSchema = recipeSchemaOf(builtInStages);

const folder = mkdtempSync(path.join(tmpdir(), "nuwa-recipe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function parse(text: string, set: readonly string[] = [], env: Record<string, string> = {}): Recipe {
  return parseRecipe(recipeSchema, "r.yaml", text, {
    set,
    env,
    prepare: (value) => inherit(builtInStages)({ name: "r", ...value }),
  });
}

function failure(action: () => unknown): NuwaError {
  try {
    action();
  } catch (error) {
    if (error instanceof NuwaError) return error;
    throw error;
  }
  throw new Error("expected a NuwaError, nothing was thrown");
}

const collect = "collect:\n  sources:\n    - files: x\n";

describe("mistakes", () => {
  test("a misspelt key is named with its line and the nearest right one", () => {
    const error = failure(() => parse(`name: a\n${collect}pretrain:\n  steps: 5\n  btach: 3\n`));
    expect(error.toLine()).toBe('r.yaml:7: unknown key "pretrain.btach" (did you mean "batch"?)');
    expect(error.exitCode).toBe(2);
  });

  test("a misspelt section", () => {
    const error = failure(() => parse(`${collect}pretrian:\n  steps: 5\n`));
    expect(error.toLine()).toBe('r.yaml:4: unknown key "pretrian" (did you mean "pretrain"?)');
  });

  test("a key that belongs elsewhere is told where", () => {
    const error = failure(() => parse(`${collect}pretrain:\n  num_hidden_layers: 5\n`));
    expect(error.toLine()).toContain('did you mean "pretrain.model.num_hidden_layers"?');
  });

  test("wrong type, with what was expected and what came", () => {
    const error = failure(() => parse(`${collect}pretrain:\n  steps: many\n`));
    expect(error.toLine()).toBe('r.yaml:5: expected a number for "pretrain.steps", got "many"');
  });

  test("out of range", () => {
    const error = failure(() => parse(`${collect}pretrain:\n  batch: 0\n`));
    expect(error.toLine()).toBe('r.yaml:5: expected a number above 0 for "pretrain.batch", got 0');
  });

  test("a wrong choice names the choices and the nearest", () => {
    const error = failure(() => parse(`${collect}tokenizer:\n  type: bep\n`));
    expect(error.toLine()).toBe(
      'r.yaml:5: expected one of bpe, wordpiece, unigram, char for "tokenizer.type", got "bep" (did you mean "bpe"?)',
    );
  });

  test("inside lists, also in flow style", () => {
    const error = failure(() => parse("collect:\n  sources:\n    - files: x\n    - {fils: y, files: z}\n"));
    expect(error.toLine()).toContain('r.yaml:4: unknown key "collect.sources[1].fils"');
  });

  test("a missing key stands at the line of what it is missing from", () => {
    const error = failure(() => parse("name: a\ncollect:\n  sources:\n    - name: x\n"));
    expect(error.toLine()).toMatch(/^r\.yaml:4: "collect\.sources\[0\]\.files" is missing/);
  });

  test("several mistakes are all said, each with its line", () => {
    const error = failure(() => parse(`${collect}filtr:\npretrain:\n  batch: -1\n`));
    expect(error.message.split("\n")).toEqual([
      "2 mistakes in r.yaml:",
      '  r.yaml:4: unknown key "filtr" (did you mean "filter"?)',
      '  r.yaml:6: expected a number above 0 for "pretrain.batch", got -1',
    ]);
  });

  test("text that is not YAML", () => {
    const error = failure(() => parse("name: a\ncollect: [1, 2\nfilter: x\n"));
    expect(error.message).toContain("not valid YAML");
    expect(error.code).toBe("VALUE");
  });

  test("a key given twice", () => {
    expect(failure(() => parse("seed: 1\nseed: 2\n")).toLine()).toMatch(/^r\.yaml:2: not valid YAML: .*unique/i);
  });

  test("a list where a mapping should be", () => {
    expect(failure(() => parse("- a\n- b\n")).message).toContain("expected a mapping");
  });

  test("aliases that would grow without bound are refused", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
    for (const [at, before] of [..."bcdefgh"].map((letter, i) => [letter, "abcdefg"[i]])) {
      bomb.push(`${at}: &${at} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`);
    }
    expect(failure(() => parse(bomb.join("\n"))).message).toContain("not valid YAML");
  });

  test("missing file and folder", () => {
    expect(failure(() => readRecipe(path.join(folder, "none.yaml"))).message).toBe("no such recipe file");
    expect(failure(() => readRecipe(folder)).message).toContain("got a folder");
  });
});

describe("sections", () => {
  test("false skips a stage, a bare key or true takes its defaults", () => {
    const recipe = parse(`${collect}extract:\nclean: true\nfilter: false\n`);
    expect(recipe["extract"]).toMatchObject({ min_chars: 1 });
    expect(recipe["clean"]).toMatchObject({ unicode: true });
    expect(recipe["filter"]).toBeUndefined();
    expect(recipe["pretrain"]).toBeUndefined();
  });

  test("seed and device at the top go down to stages without their own", () => {
    const recipe = parse(`seed: 7\ndevice: reference\n${collect}pack:\npretrain: {seed: 3}\n`);
    expect(recipe["pack"]).toMatchObject({ seed: 7 });
    expect(recipe["pretrain"]).toMatchObject({ seed: 3, device: "reference" });
  });

  test("a byte order mark and Windows line ends do no harm", () => {
    expect(parse(`\uFEFFname: a\r\nseed: 4\r\n`).seed).toBe(4);
  });
});

describe("overrides", () => {
  test("values are typed as YAML", () => {
    expect(parseOverride("a.b=3", "--set")).toMatchObject({ path: ["a", "b"], value: 3 });
    expect(parseOverride("a=[x, 2]", "--set").value).toEqual(["x", 2]);
    expect(parseOverride('a="3"', "--set").value).toBe("3");
    expect(parseOverride("a=", "--set").value).toBeNull();
    expect(parseOverride("a=b=c", "--set").value).toBe("b=c");
    expect(parseOverride("collect.sources.0.files=y", "--set").path).toEqual(["collect", "sources", 0, "files"]);
  });

  test("what is no assignment is refused", () => {
    for (const text of ["a", "=3", "a..b=1", " =1"]) {
      expect(failure(() => parseOverride(text, "--set")).code).toBe("USAGE");
    }
    expect(failure(() => parseOverride("__proto__.x=1", "--set")).code).toBe("USAGE");
  });

  test("mappings on the way are made, the original stays", () => {
    const before = { a: { b: 1 } };
    expect(applyOverrides(before, [parseOverride("a.c=2", "-"), parseOverride("d.e=3", "-")])).toEqual({
      a: { b: 1, c: 2 },
      d: { e: 3 },
    });
    expect(before).toEqual({ a: { b: 1 } });
  });

  test("the flag goes before the environment, both before the file", () => {
    const text = `seed: 1\n${collect}pretrain: {steps: 1, batch: 1}\n`;
    const recipe = parse(text, ["pretrain.steps=3"], { NUWA_SET: "pretrain.steps=2; pretrain.batch=2" });
    expect(recipe["pretrain"]).toMatchObject({ steps: 3, batch: 2 });
  });

  test("an unknown key names the nearest and is wrong usage", () => {
    const error = failure(() => parse(collect, ["pretrain.stesp=3"]));
    expect(error.toLine()).toBe('--set: no key "pretrain.stesp" (did you mean "pretrain.steps"?)');
    expect(error.exitCode).toBe(2);
  });

  test("a wrong value is laid to the flag, not to a line of the file", () => {
    const error = failure(() => parse(`${collect}pretrain: {steps: 3}\n`, ["pretrain.steps=no"]));
    expect(error.toLine()).toMatch(/^--set pretrain\.steps: expected a number/);
  });

  test("NUWA_THREADS and NUWA_DEVICE", () => {
    const file = path.join(folder, "env.yaml");
    writeFileSync(file, collect);
    const recipe = readRecipe(file, { env: { NUWA_THREADS: "3", NUWA_DEVICE: "reference" } });
    expect(recipe).toMatchObject({ name: "env", threads: 3, device: "reference" });
    expect(failure(() => readRecipe(file, { env: { NUWA_THREADS: "x" } })).where).toBe("NUWA_SET threads");
  });
});

test("a printed recipe is the same recipe, with comments", () => {
  const recipe = parse(`${collect}extract:\nfilter:\ndedup:\npack:\ntokenizer:\npretrain: {steps: 9}\nsft:\neval:\n`);
  const text = printRecipe(recipeSchema, recipe);
  expect(parse(text)).toEqual(recipe);
  expect(text).toContain("steps: 9 # ");
  expect(text).toMatch(/\n\n# Drop copies and near copies\.\ndedup:\n/);
});

test.each(["sample", "own-text", "shakespeare-char", "shakespeare-char-modern", "sweep-learning-rate"])(
  "recipes/%s.yaml is right",
  (name) => {
    expect(readRecipe(`recipes/${name}.yaml`, { env: {} }).name).toBe(name);
  },
);
