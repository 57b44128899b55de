import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDevice, type Device, type WeightDType } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import { type CausalModel, requireCausal } from "../causal-model.ts";
import type { Architecture, Model } from "../model.ts";
import { families as builtIn } from "../registry.ts";
import type { Families } from "../section.ts";
import { type CheckpointFormat, type ConfigJson, gather, scatter, type StoredTensor } from "./layout.ts";
import { fileError } from "../../io/errno.ts";
import { writeWholeAsync } from "../../io/whole-file.ts";
import { SafetensorsFile, writeSafetensors } from "./safetensors.ts";

/** The tokenizer's special tokens, which Hugging Face keeps beside the model too. */
export interface SpecialTokenIds {
  readonly bos_token_id?: number | undefined;
  readonly eos_token_id?: number | undefined;
  readonly pad_token_id?: number | undefined;
}

/** What {@link saveModel} writes beside the weights. */
export interface SaveOptions {
  readonly specialTokens?: SpecialTokenIds;
  /** Written beside the model, by file name: a tokenizer.json, a README. */
  readonly extraFiles?: Readonly<Record<string, string | Uint8Array>>;
}

/** How {@link loadModel} keeps what it reads. */
export interface LoadOptions {
  /** The families there are, a plugin's among them; default the built-in ones. */
  readonly families?: Families;
  /** What to load the weights into, where it differs from config.json in what has no weights: dropout. */
  readonly architecture?: Architecture;
  /** False for a model that only runs: half the memory. Default true. */
  readonly trainable?: boolean;
  /** How matrices are kept in memory, whatever the file has; other than float32 only for a model that only runs. */
  readonly precision?: WeightDType;
}

/**
 * Writes a Hugging Face directory: config.json, model.safetensors, generation_config.json, in the first format that the
 * model's architecture has. Each file appears whole or not at all, config.json last.
 *
 * @throws NuwaError FILE when it cannot be written, VALUE for an architecture that no format fits
 * @example await saveModel("runs/sample/checkpoints/last", model, { specialTokens: { eos_token_id: 0 } });
 */
export async function saveModel(dir: string, model: Model, options: SaveOptions = {}): Promise<void> {
  const { extraFiles = {} } = options;
  const { bos_token_id = null, eos_token_id = null, pad_token_id = null } = options.specialTokens ?? {};
  // null where there is none: transformers would otherwise assume GPT-2's own 50256
  const specialTokens = { bos_token_id, eos_token_id, pad_token_id };
  const [format] = model.architecture.formats;
  if (format === undefined) {
    throw new NuwaError("VALUE", `no checkpoint format fits this model of the family "${model.architecture.family}"`);
  }
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw fileError(cause, dir);
  });
  const tensors = format.tensors(model.parameters);
  await writeSafetensors(
    join(dir, "model.safetensors"),
    tensors.map((stored) => ({ name: stored.name, shape: stored.shape, values: () => gather(stored) })),
  );
  const config = { model_type: format.modelType, ...format.json(), dtype: "float32", ...specialTokens };
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
 * Reads a causal model from a Hugging Face directory whose type a family knows. Names and shapes are compared before any
 * memory is taken on the device.
 *
 * @throws NuwaError FILE when a file is missing, CHECKPOINT when one is damaged, of another architecture, or lacks a
 *   tensor, naming the tensor and both shapes
 */
export async function loadModel(dir: string, device: Device, options: LoadOptions = {}): Promise<CausalModel> {
  return requireCausal(await loadAnyModel(dir, device, options));
}

/** {@link loadModel} for models of any kind. */
export async function loadAnyModel(dir: string, device: Device, options: LoadOptions = {}): Promise<Model> {
  const json = await readJson(dir);
  const { architecture, format } =
    options.architecture === undefined
      ? readConfig(json, dir, options.families)
      : into(options.architecture, json, dir);
  const file = await SafetensorsFile.open(join(dir, "model.safetensors"));
  try {
    const meta = createDevice("meta");
    const outline = architecture.create(meta, { trainable: false, initialize: false });
    compareTensors(format, format.tensors(outline.parameters), file);
    outline.release();
    meta.dispose();
    const { trainable = true, precision = "float32" } = options;
    const model = architecture.create(device, { trainable, precision, initialize: false });
    try {
      for (const stored of format.tensors(model.parameters)) {
        scatter(stored, await file.read(nameInFile(format, stored.name, file)));
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

/** An architecture, and the format of its that a file has. @throws NuwaError CHECKPOINT when the file has none of them */
function into(architecture: Architecture, { model_type: type }: ConfigJson, dir: string): ReadConfig {
  const format = architecture.formats.find(({ modelType }) => modelType === type);
  if (format !== undefined) return { architecture, format };
  const known = architecture.formats.map(({ modelType }) => modelType).join(" or ");
  throw new NuwaError("CHECKPOINT", `expected a model_type of ${known}, got ${JSON.stringify(type)}`, {
    where: join(dir, "config.json"),
    hint: "these are another model's weights",
  });
}

/** The architecture of a saved model, without its weights: to see what it is, or to estimate what it needs. */
export async function readArchitecture(dir: string, families?: Families): Promise<Architecture> {
  return readConfig(await readJson(dir), dir, families).architecture;
}

interface ReadConfig {
  readonly architecture: Architecture;
  readonly format: CheckpointFormat;
}

async function readJson(dir: string): Promise<ConfigJson> {
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
  return json;
}

function readConfig(json: ConfigJson, dir: string, families: Families = builtIn): ReadConfig {
  const path = join(dir, "config.json");
  const { model_type: type } = json;
  const all = [...families];
  const family = all.find(({ modelType }) => modelType === type);
  if (family !== undefined) return family.read(json, path);
  const known = all.map(({ modelType }) => modelType).join(", ");
  const message = `expected a model_type of ${known}, got ${JSON.stringify(type)}`;
  throw new NuwaError("CHECKPOINT", message, { where: path, hint: "this is a checkpoint of another architecture" });
}

function isObject(value: unknown): value is ConfigJson {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Files of the same type come with and without a prefix on every name. */
function nameInFile(format: CheckpointFormat, name: string, file: SafetensorsFile): string {
  const short = name.startsWith(format.optionalPrefix) ? name.slice(format.optionalPrefix.length) : name;
  return !file.tensors.has(name) && file.tensors.has(short) ? short : name;
}

/** @throws NuwaError CHECKPOINT for the first tensor that is missing, of another shape, or left over */
function compareTensors(format: CheckpointFormat, expected: readonly StoredTensor[], file: SafetensorsFile): void {
  const rest = new Set(file.tensors.keys());
  const fail = (message: string): NuwaError =>
    new NuwaError("CHECKPOINT", message, {
      where: file.path,
      hint: "config.json and model.safetensors do not belong together, or the checkpoint is of another architecture",
    });
  for (const { name, shape } of expected) {
    const inFile = nameInFile(format, name, file);
    const entry = file.tensors.get(inFile);
    const wanted = JSON.stringify(shape);
    if (entry === undefined) throw fail(`tensor "${name}" ${wanted} is missing`);
    const got = JSON.stringify(entry.shape);
    if (got !== wanted) throw fail(`tensor "${inFile}": expected shape ${wanted}, got ${got}`);
    rest.delete(inFile);
  }
  for (const name of rest) {
    // a tied head is the embedding again
    if (name === "lm_head.weight" || format.ignored?.test(name) === true) continue;
    throw fail(`tensor "${name}" ${JSON.stringify(file.entry(name).shape)} is not one of this model's`);
  }
}
