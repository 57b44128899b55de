import { describe, expect, test } from "vitest";
import { z } from "zod";
import { classic, llamaLike } from "../../test/helpers/models.ts";
import { check } from "../text/settings/issues.ts";
import { NuwaError } from "../text/index.ts";
import { measureStep } from "./measure-step.ts";
import { families } from "./registry.ts";
import { architectureOfPreset, architectureOfSection, modelSectionSchema, resolveArchitecture } from "./section.ts";

const schema = z.strictObject({ model: modelSectionSchema() });
const run = { vocabulary: 500, context: 64, dropout: 0.1 };

/** The section with its defaults, or the mistakes as `message (hint)`. */
function parse(model: unknown): unknown {
  const result = check(schema, { model });
  if (result.ok) return result.value.model;
  return result.mistakes.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
}

describe("a recipe's model", () => {
  test("is of the default family where it names none, and says no more than before there were families", () => {
    expect(parse({ hidden_size: 96 })).toEqual({
      num_hidden_layers: 4,
      hidden_size: 96,
      num_attention_heads: 4,
      position: "rope",
      rope_theta: 10_000,
      sliding_window: null,
      norm: "rmsnorm_no_weight",
      norm_epsilon: 1e-5,
      activation: "relu2",
      qk_norm: true,
      bias: false,
      tie_word_embeddings: false,
      attention_dropout: 0,
      initializer_range: 0.02,
      zero_init_projections: true,
    });
  });

  test("takes the keys of its family", () => {
    expect(parse({ family: "gpt2", n_layer: 2 })).toMatchObject({ family: "gpt2", n_layer: 2, n_embd: 768 });
    expect(parse({ family: "llama", n_layer: 2 })).toEqual([
      expect.stringMatching(/^unknown key "model\.n_layer" \(expected one of: family, .*num_hidden_layers/),
    ]);
    expect(parse({ family: "gpt2", n_layr: 2 })).toEqual(['unknown key "model.n_layr" (did you mean "n_layer"?)']);
    expect(parse({ family: "gtp2" })).toEqual([
      'expected one of gpt, gpt2, llama for "model.family", got "gtp2" (did you mean "gpt2"?)',
    ]);
  });

  test("leaves vocabulary, context and dropout to the recipe", () => {
    for (const [family, key] of [
      ["gpt", "vocab_size"],
      ["gpt", "dropout"],
      ["gpt2", "n_positions"],
      ["gpt2", "resid_pdrop"],
      ["llama", "max_position_embeddings"],
    ] as const) {
      expect(parse({ family, [key]: 1 }), key).toEqual([expect.stringContaining(`unknown key "model.${key}"`)]);
    }
    const shape = { vocab_size: 500, max_position_embeddings: 64, dropout: 0.1, num_hidden_layers: 2 };
    for (const section of [
      { num_hidden_layers: 2 },
      { family: "gpt2", n_layer: 2 },
      { family: "llama", num_hidden_layers: 2 },
    ]) {
      expect(architectureOfSection(section, run).config).toMatchObject(shape);
    }
  });

  test("GPT-2 and LLaMA are what our own decoder is with their choices", () => {
    const own = { num_hidden_layers: 2, hidden_size: 32, num_attention_heads: 4 };
    const gpt2 = { family: "gpt2", n_layer: 2, n_embd: 32, n_head: 4 };
    const llama = { family: "llama", ...own, intermediate_size: 128, rms_norm_eps: 1e-5 };
    for (const [section, choices] of [
      [gpt2, classic],
      [llama, llamaLike],
    ] as const) {
      const named = architectureOfSection(section, run);
      expect(named.config).toEqual(architectureOfSection({ ...own, ...choices }, run).config);
      expect(named.formats.map(({ modelType }) => modelType)).toEqual([section.family]);
    }
  });

  test("may be a preset, and keys beside it go before it", () => {
    const medium = parse({ preset: "gpt2-medium", n_head: 8 });
    expect(medium).toMatchObject({ family: "gpt2", preset: "gpt2-medium", n_layer: 24, n_embd: 1024, n_head: 8 });
    expect(parse(medium)).toEqual(medium); // what a run directory keeps means the same
    expect(parse({ preset: "gpt2", n_hed: 2 })).toEqual(['unknown key "model.n_hed" (did you mean "n_head"?)']);
    expect(parse({ preset: "llama-7" })).toEqual([
      expect.stringMatching(/got "llama-7" \(did you mean "llama-7b"\?\)/),
    ]);
    expect(parse({ preset: "gpt2", family: "llama" })).toEqual([
      'model.preset: "gpt2" is a preset of the family "gpt2", not of "llama"',
    ]);
  });

  test("sizes that do not fit together are refused with the place", () => {
    const attempt = () =>
      architectureOfSection({ family: "gpt2", n_embd: 30, n_head: 4 }, run, { where: "r.yaml: model" });
    expect(attempt).toThrow(expect.objectContaining({ code: "VALUE", where: "r.yaml: model" }));
    expect(() => resolveArchitecture({ family: "llama", vocab_size: 9, mlp_bias: true })).toThrow(/expected the same/);
    expect(() => resolveArchitecture({ family: "gtp2", vocab_size: 9 })).toThrow(NuwaError);
  });
});

describe("presets", () => {
  /** Counted by the authors or by transformers. */
  test.each([
    ["gpt2", 124_439_808],
    ["gpt2-medium", 354_823_168],
    ["gpt2-large", 774_030_080],
    ["gpt2-xl", 1_557_611_200],
    ["llama-7b", 6_738_415_616],
    ["llama-13b", 13_015_864_320],
    ["llama-33b", 32_528_943_616],
    ["llama-65b", 65_285_660_672],
  ])("%s has %d parameters", (name, parameters) => {
    expect(measureStep(architectureOfPreset(name), { B: 1, T: 1 }).parameters).toBe(parameters);
  });

  /** As the paper rounds them (table 2.1). */
  test.each([
    ["gpt3-125m", 125e6],
    ["gpt3-350m", 350e6],
    ["gpt3-760m", 760e6],
    ["gpt3-1.3b", 1.3e9],
    ["gpt3-2.7b", 2.7e9],
    ["gpt3-6.7b", 6.7e9],
    ["gpt3-13b", 13e9],
    ["gpt3-175b", 175e9],
  ])("%s is of that size", (name, parameters) => {
    const { parameters: counted } = measureStep(architectureOfPreset(name), { B: 1, T: 1 });
    expect(counted / parameters).toBeGreaterThan(0.96);
    expect(counted / parameters).toBeLessThan(1.04);
  });

  test("have names of their own, and are checked when they are asked for", () => {
    const names = [...families].flatMap(({ presets }) => Object.keys(presets));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(architectureOfPreset(name).formats.length).toBeGreaterThan(0);
    expect(() => architectureOfPreset("gpt4")).toThrow(/unknown preset "gpt4"/);
  });
});
