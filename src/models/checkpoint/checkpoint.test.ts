import { cp, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDevice, Tape } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import { loadModel, readArchitecture, saveModel } from "./checkpoint.ts";
import { classic, llamaLike } from "../../../test/helpers/models.ts";
import { type CausalModel, createCausal } from "../causal-model.ts";
import { resolveArchitecture } from "../section.ts";
import { readSafetensors, SafetensorsFile, writeSafetensors } from "./safetensors.ts";

const device = createDevice("reference");
const keep = process.env["NUWA_KEEP_MODELS"];
const fixture = join(import.meta.dirname, "../../../test/fixtures/saved-models.json");
let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "nuwa-checkpoint-"));
});
afterAll(async () => {
  await rm(scratch, { recursive: true });
  device.dispose();
});

const size = {
  vocab_size: 11,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 10,
  initializer_range: 0.3,
};

/** One model for each way of saving. */
const models: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  gpt2: { ...size, ...classic, dropout: 0.1 },
  "gpt2-without-bias": { ...size, ...classic, bias: false },
  "gpt2-untied": { ...size, ...classic, activation: "gelu", tie_word_embeddings: false, intermediate_size: 40 },
  llama: { ...size, ...llamaLike, num_key_value_heads: 2, intermediate_size: 24, rope_theta: 500 },
  "llama-tied-with-bias": { ...size, ...llamaLike, bias: true, head_dim: 6, tie_word_embeddings: true },
  nuwa_gpt: { ...size, num_key_value_heads: 1, zero_init_projections: false },
};

function logitsOf(model: CausalModel, ids: readonly number[]): number[] {
  const arena = device.createArena();
  const tape = new Tape({ device, arena, recording: false, training: false });
  const logits = model.logits(tape, model.hidden(tape, tape.constant(ids, [1, ids.length], "int32")));
  const values = [...logits.toArray()];
  arena.dispose();
  return values;
}

/** Biases and norms too get values that show. */
function makeModel(settings: Readonly<Record<string, unknown>>): CausalModel {
  const model = createCausal(resolveArchitecture(settings), device, { seed: 7 });
  for (const parameter of model.parameters.ofKind("vector")) {
    device.write(
      parameter.storage,
      parameter.toArray().map((value, i) => Math.fround(value + 0.1 * Math.sin(i))),
    );
  }
  return model;
}

async function failure(promise: Promise<unknown>): Promise<NuwaError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NuwaError)) throw new Error(`expected a NuwaError, got ${String(error)}`);
  return error;
}

describe.each(Object.entries(models))("%s", (name, settings) => {
  test("comes back with the same config and the same bits", async () => {
    const model = makeModel(settings);
    const dir = join(scratch, name);
    await saveModel(dir, model, {
      specialTokens: { eos_token_id: 0, pad_token_id: undefined },
      extraFiles: { "note.txt": "hello" },
    });
    if (keep !== undefined && name !== "nuwa_gpt") await saveModel(join(keep, name), model);
    expect((await readdir(dir)).toSorted()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "note.txt",
    ]);
    const config: unknown = JSON.parse(await readFile(join(dir, "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: name.split("-")[0], eos_token_id: 0, pad_token_id: null });

    const again = await loadModel(dir, device, { trainable: false });
    expect(again.config).toEqual(model.config);
    expect((await readArchitecture(dir)).config).toEqual(model.config);
    expect(again.parameters.names).toEqual(model.parameters.names);
    for (const parameter of model.parameters) {
      expect(again.parameters.byName(parameter.name).toArray(), parameter.name).toEqual(parameter.toArray());
    }
    // saved again, it is the same file
    await saveModel(join(scratch, "again"), again);
    const [first, second] = [join(dir, "model.safetensors"), join(scratch, "again/model.safetensors")];
    expect(await readFile(second)).toEqual(await readFile(first));
    model.release();
    again.release();
  });

  if (name !== "nuwa_gpt")
    test("gives in transformers the logits it gives here", async () => {
      const expected = JSON.parse(await readFile(fixture, "utf8")) as {
        tokens: number[];
        logits: Record<string, number[]>;
      };
      const model = makeModel(settings);
      const logits = logitsOf(model, expected.tokens);
      const published = expected.logits[name] ?? [];
      expect(published.length).toBe(logits.length);
      for (const [i, value] of published.entries()) expect(logits[i]).toBeCloseTo(value, 4);
      model.release();
    });
});

describe("a checkpoint that does not fit", () => {
  const saved = async (
    name: string,
    settings: Readonly<Record<string, unknown>> = models["gpt2"] ?? size,
  ): Promise<string> => {
    const dir = join(scratch, name);
    const model = makeModel(settings);
    await saveModel(dir, model);
    model.release();
    return dir;
  };
  const editConfig = async (dir: string, change: Record<string, unknown>): Promise<void> => {
    const path = join(dir, "config.json");
    const config: unknown = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify(Object.assign({}, config, change)));
  };
  const editTensors = async (dir: string, change: (tensors: Map<string, Float32Array>) => void): Promise<void> => {
    const path = join(dir, "model.safetensors");
    const shapes = await SafetensorsFile.open(path);
    const tensors = await readSafetensors(path);
    change(tensors);
    const rest = [...tensors].map(([name, values]) => ({
      name,
      shape: shapes.tensors.get(name)?.shape ?? [values.length],
      values: () => values,
    }));
    await shapes.close();
    await writeSafetensors(path, rest);
  };

  test("another architecture is named", async () => {
    const dir = await saved("bert");
    await editConfig(dir, { model_type: "bert" });
    const error = await failure(loadModel(dir, device));
    expect(error.code).toBe("CHECKPOINT");
    expect(error.toLine()).toContain('expected a model_type of gpt2, llama, nuwa_gpt, got "bert"');
  });

  test("a tensor of another shape is named, with both shapes", async () => {
    const dir = await saved("wider");
    await editConfig(dir, { n_embd: 32 });
    const error = await failure(loadModel(dir, device));
    expect(error.code).toBe("CHECKPOINT");
    expect(error.message).toBe('tensor "transformer.wte.weight": expected shape [11,32], got [11,16]');
    expect(error.where).toBe(join(dir, "model.safetensors"));
  });

  test("a missing and a left-over tensor are named", async () => {
    const missing = await saved("missing");
    await editTensors(missing, (tensors) => tensors.delete("transformer.h.1.ln_2.weight"));
    expect((await failure(loadModel(missing, device))).message).toBe(
      'tensor "transformer.h.1.ln_2.weight" [16] is missing',
    );
    const extra = await saved("extra");
    await editTensors(extra, (tensors) => tensors.set("adapter.weight", new Float32Array(3)));
    expect((await failure(loadModel(extra, device))).message).toBe(
      'tensor "adapter.weight" [3] is not one of this model\'s',
    );
  });

  test("names without a prefix, and masks that say nothing, are no fault", async () => {
    const dir = await saved("hub");
    const path = join(dir, "model.safetensors");
    const file = await SafetensorsFile.open(path);
    const tensors = await readSafetensors(path);
    const stored = [...tensors].map(([name, values]) => ({
      name: name.replace("transformer.", ""),
      shape: file.entry(name).shape,
      values: () => values,
    }));
    await file.close();
    await writeSafetensors(path, [...stored, { name: "h.0.attn.bias", shape: [1], values: () => [1] }]);
    const model = await loadModel(dir, device);
    expect(model.parameters.byName("model.embed_tokens.weight").toArray()[0]).toBe(
      tensors.get("transformer.wte.weight")?.[0],
    );
  });

  test("a file that is cut short is said to be", async () => {
    const dir = await saved("short");
    const path = join(dir, "model.safetensors");
    const { size: bytes } = await stat(path);
    const file = await open(path, "r+");
    await file.truncate(bytes - 100);
    await file.close();
    const error = await failure(loadModel(dir, device));
    expect(error.code).toBe("CHECKPOINT");
    expect(error.toLine()).toContain("the file is cut short");
  });

  test("settings that would give other numbers are refused", async () => {
    const gpt2 = await saved("scaled");
    await editConfig(gpt2, { scale_attn_by_inverse_layer_idx: true });
    expect((await failure(loadModel(gpt2, device))).message).toContain("scale_attn_by_inverse_layer_idx is true");
    const llama = await saved("longrope", models["llama"]);
    await editConfig(llama, { rope_scaling: { rope_type: "yarn", factor: 4 } });
    expect((await failure(loadModel(llama, device))).message).toContain('RoPE scaling "yarn"');
    const own = await saved("misspelt", models["nuwa_gpt"]);
    await editConfig(own, { qk_nrom: true });
    expect((await failure(loadModel(own, device))).toLine()).toContain('did you mean "qk_norm"?');
  });

  test("sizes that no model has are refused before anything is built", async () => {
    for (const change of [{ num_hidden_layers: 1e9 }, { max_position_embeddings: 1e12 }, { vocab_size: -1 }]) {
      const dir = await saved("giant", models["llama"]);
      await editConfig(dir, change);
      expect((await failure(loadModel(dir, device))).toLine()).toContain(Object.keys(change)[0]);
    }
  });

  test("missing and broken files are named", async () => {
    const dir = await saved("broken");
    await writeFile(join(dir, "config.json"), "{");
    expect((await failure(loadModel(dir, device))).toLine()).toBe(`${join(dir, "config.json")}: expected JSON`);
    expect((await failure(loadModel(join(scratch, "nowhere"), device))).code).toBe("FILE");
    const without = await saved("without");
    await cp(without, join(scratch, "copy"), { recursive: true });
    await rm(join(without, "model.safetensors"));
    const error = await failure(loadModel(without, device));
    expect(error.where).toBe(join(without, "model.safetensors"));
  });
});
