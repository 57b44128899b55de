import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDevice, type Device, type WeightDType } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { CausalModel } from "../causal-model.ts";
import { Gpt } from "../families/gpt/gpt.ts";
import type { GptConfig } from "../families/gpt/gpt-config.ts";
import { type ConfigJson, gather, type Layout, scatter, type StoredTensor } from "./layout.ts";
import { gpt2Layout } from "./layout-gpt2.ts";
import { llamaLayout, nuwaLayout } from "./layout-llama.ts";
import { fileError } from "../../io/errno.ts";
import { writeWholeAsync } from "../../io/whole-file.ts";
import { SafetensorsFile, writeSafetensors } from "./safetensors.ts";

/** The first that fits is used to save. */
const LAYOUTS: readonly Layout[] = [gpt2Layout, llamaLayout, nuwaLayout];

/** The tokenizer's special tokens, which Hugging Face keeps beside the model too. */
export interface SpecialTokenIds {
  readonly bos_token_id?: number | undefined;
  readonly eos_token_id?: number | undefined;
  readonly pad_token_id?: number | undefined;
}

export interface SaveOptions {
  readonly specialTokens?: SpecialTokenIds;
  /** Written beside the model, by file name: a tokenizer.json, a README. */
  readonly extraFiles?: Readonly<Record<string, string | Uint8Array>>;
}

export interface LoadOptions {
  /** False for a model that only runs: half the memory. Default true. */
  readonly trainable?: boolean;
  /** How matrices are kept in memory, whatever the file has; other than float32 only for a model that only runs. */
  readonly precision?: WeightDType;
}

/**
 * Writes a Hugging Face directory: config.json, model.safetensors, generation_config.json. A classic GPT is saved as
 * GPT-2, one with RoPE, RMSNorm and SwiGLU as LLaMA, others as `nuwa_gpt`. Each file appears whole or not at all,
 * config.json last.
 *
 * @throws NuwaError FILE when it cannot be written, VALUE for a family that cannot be saved
 * @example await saveModel("runs/sample/checkpoints/last", model, { specialTokens: { eos_token_id: 0 } });
 */
export async function saveModel(dir: string, model: CausalModel, options: SaveOptions = {}): Promise<void> {
  if (!(model instanceof Gpt)) throw new NuwaError("VALUE", "expected a GPT: other families cannot be saved yet");
  const { extraFiles = {} } = options;
  const { bos_token_id = null, eos_token_id = null, pad_token_id = null } = options.specialTokens ?? {};
  // null where there is none: transformers would otherwise assume GPT-2's own 50256
  const specialTokens = { bos_token_id, eos_token_id, pad_token_id };
  const layout = LAYOUTS.find(({ fits }) => fits(model.config)) ?? nuwaLayout;
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw fileError(cause, dir);
  });
  const tensors = layout.tensors(model.config, model.parameters);
  await writeSafetensors(
    join(dir, "model.safetensors"),
    tensors.map((stored) => ({ name: stored.name, shape: stored.shape, values: () => gather(stored) })),
  );
  const config = { model_type: layout.modelType, ...layout.toJson(model.config), dtype: "float32", ...specialTokens };
  const files = {
    ...extraFiles,
    "generation_config.json": toJsonText(specialTokens),
    "config.json": toJsonText(config),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeWholeAsync(join(dir, name), content);
  }
}

function toJsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * Reads a Hugging Face directory of type gpt2, llama or nuwa_gpt. Names and shapes are compared before any memory is
 * taken on the device.
 *
 * @throws NuwaError FILE when a file is missing, CHECKPOINT when one is damaged, of another architecture, or lacks a
 *   tensor, naming the tensor and both shapes
 */
export async function loadModel(dir: string, device: Device, options: LoadOptions = {}): Promise<Gpt> {
  const { layout, config } = await readConfig(dir);
  const file = await SafetensorsFile.open(join(dir, "model.safetensors"));
  try {
    const meta = createDevice("meta");
    const outline = new Gpt(config, meta, { trainable: false, initialize: false });
    compareTensors(layout, layout.tensors(config, outline.parameters), file);
    outline.release();
    meta.dispose();
    const { trainable = true, precision = "float32" } = options;
    const model = new Gpt(config, device, { trainable, precision, initialize: false });
    try {
      for (const stored of layout.tensors(config, model.parameters)) {
        scatter(stored, await file.read(nameInFile(layout, stored.name, file)));
      }
      return model;
    } catch (error) {
      model.release();
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** The config of a saved model, without its weights: to see what it is, or to estimate what it needs. */
export async function readModelConfig(dir: string): Promise<GptConfig> {
  return (await readConfig(dir)).config;
}

async function readConfig(dir: string): Promise<{ layout: Layout; config: GptConfig }> {
  const path = join(dir, "config.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw fileError(cause, path);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new NuwaError("CHECKPOINT", "expected JSON", { where: path, cause });
  }
  if (!isObject(json)) throw new NuwaError("CHECKPOINT", "expected a JSON object", { where: path });
  const { model_type: type } = json;
  const layout = LAYOUTS.find(({ modelType }) => modelType === type);
  if (layout === undefined) {
    const known = LAYOUTS.map(({ modelType }) => modelType).join(", ");
    const message = `expected a model_type of ${known}, got ${JSON.stringify(type)}`;
    throw new NuwaError("CHECKPOINT", message, { where: path, hint: "this is a checkpoint of another architecture" });
  }
  return { layout, config: layout.fromJson(json, path) };
}

function isObject(value: unknown): value is ConfigJson {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Files of the same type come with and without a prefix on every name. */
function nameInFile(layout: Layout, name: string, file: SafetensorsFile): string {
  const short = name.startsWith(layout.optionalPrefix) ? name.slice(layout.optionalPrefix.length) : name;
  return !file.tensors.has(name) && file.tensors.has(short) ? short : name;
}

/** @throws NuwaError CHECKPOINT for the first tensor that is missing, of another shape, or left over */
function compareTensors(layout: Layout, expected: readonly StoredTensor[], file: SafetensorsFile): void {
  const rest = new Set(file.tensors.keys());
  const fail = (message: string): NuwaError =>
    new NuwaError("CHECKPOINT", message, {
      where: file.path,
      hint: "config.json and model.safetensors do not belong together, or the checkpoint is of another architecture",
    });
  for (const { name, shape } of expected) {
    const inFile = nameInFile(layout, name, file);
    const entry = file.tensors.get(inFile);
    const wanted = JSON.stringify(shape);
    if (entry === undefined) throw fail(`tensor "${name}" ${wanted} is missing`);
    const got = JSON.stringify(entry.shape);
    if (got !== wanted) throw fail(`tensor "${inFile}": expected shape ${wanted}, got ${got}`);
    rest.delete(inFile);
  }
  for (const name of rest) {
    // a tied head is the embedding again
    if (name === "lm_head.weight" || layout.ignored?.test(name) === true) continue;
    throw fail(`tensor "${name}" ${JSON.stringify(file.entry(name).shape)} is not one of this model's`);
  }
}
