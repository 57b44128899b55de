import { copyFile, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { z } from "zod";
import {
  type Model,
  readSafetensors,
  saveModel,
  type SpecialTokenIds,
  type TensorSource,
  writeSafetensors,
} from "../../models/index.ts";
import type { NamedTensors, Optimizer } from "../../optim/index.ts";
import type { TrainedModel } from "../objectives/models.ts";
import type { Tensor } from "../../tensor/index.ts";
import { NuwaError } from "../../text/errors.ts";
import { isErrno } from "../../io/errno.ts";
import { hashBytes, hashFileAsync } from "../../io/hash.ts";
import { removeTemporaries } from "../../io/temporary.ts";
import { writeWholeAsync } from "../../io/whole-file.ts";
import { replaceLink, writeFolder } from "../../io/whole-folder.ts";

const wholeNumber = z.int().min(0);

const bodySchema = z.object({
  format: z.literal(1),
  /** Of a registered objective. */
  stage: z.string(),
  /** Updates made: training goes on with update `step + 1`. Data and dropout follow from it and the seed. */
  step: wholeNumber,
  seed: wholeNumber,
  /** Tokens read so far. */
  tokens: wholeNumber,
  elapsed_s: z.number(),
  /** Loss of the last step; null before the first. */
  loss: z.number().nullable(),
  best: z.object({ step: wholeNumber, val_loss: z.number() }).nullable(),
  /** The evaluation due at this step was cut short by a stop: it comes first when the run goes on. */
  evaluation_due: z.boolean(),
  /** Kernels that computed it: bits are the same for the same ones. */
  kernels: z.string(),
  /** What a run that goes on has to agree with, key path to JSON text. */
  settings: z.record(z.string(), z.string()),
  /** State of the objective's own, where it has some. */
  objective: z.json().optional(),
  /** Every other file of the checkpoint. */
  files: z.record(z.string(), z.object({ bytes: wholeNumber, sha256: z.string() })),
});
const stateSchema = bodySchema.extend({ settings_sha256: z.string(), sha256: z.string() });

/** What the trainer must know to go on; the data position is the step itself. */
export type TrainerState = Omit<z.infer<typeof bodySchema>, "format" | "files">;

/** The trainer's own files, beside the Hugging Face ones. */
export const STATE_FILE = "state.json";
export const OPTIMIZER_FILE = "state.safetensors";
const STEP_FOLDER = /^step-(\d{6,})$/;

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

export interface CheckpointParts {
  /** All that are trained: the first lies in the checkpoint's folder itself, each other one in a folder of its name. */
  readonly trained: readonly TrainedModel[];
  /** Folder whose tokenizer files are copied in. */
  readonly tokenizer: string;
  readonly specialTokens?: SpecialTokenIds;
  readonly state: TrainerState;
}

/** Where a checkpoint has one of its models. @param index among those that are trained */
export function modelFolder(checkpoint: string, index: number, name: string): string {
  return index === 0 ? checkpoint : join(checkpoint, name);
}

/**
 * Writes `step-000500/` into `folder`: a Hugging Face model directory with the tokenizer, and the trainer's state.
 * It appears by rename when it is whole and on the disk.
 *
 * @returns its path
 * @throws NuwaError FILE when the disk is full; earlier checkpoints stay as they are
 */
export async function writeCheckpoint(
  folder: string,
  { trained, tokenizer, specialTokens = {}, state }: CheckpointParts,
  write: (path: string, text: string) => Promise<void> = writeWholeAsync,
): Promise<string> {
  const target = join(folder, checkpointName(state.step));
  await writeFolder(target, async (temporary) => {
    for (const [index, { name, model, optimizer }] of trained.entries()) {
      const into = modelFolder(temporary, index, name);
      await saveModel(into, model, { specialTokens });
      for (const file of await readdir(tokenizer)) {
        if (isTokenizerFile(file)) await copyFile(join(tokenizer, file), join(into, file));
      }
      await writeSafetensors(join(into, OPTIMIZER_FILE), stateTensors(model, optimizer));
    }
    const files: Record<string, { bytes: number; sha256: string }> = {};
    for (const file of await filesIn(temporary)) files[file] = await digest(join(temporary, file));
    const body = bodySchema.parse({ format: 1, ...state, files }); // and with it the order of keys, which is hashed
    const whole = {
      ...body,
      settings_sha256: hashBytes(JSON.stringify(state.settings)),
      sha256: hashBytes(JSON.stringify(body)),
    };
    await write(join(temporary, STATE_FILE), `${JSON.stringify(whole, undefined, 2)}\n`);
  });
  return target;
}

/** Files of a folder and of those in it, in order, by their paths there. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll(sep, "/")).toSorted();
}

function isTokenizerFile(name: string): boolean {
  return name.startsWith("tokenizer") || name === "special_tokens_map.json" || name.startsWith("chat_template");
}

/**
 * Reads and checks a checkpoint's state: every file is there, of its size and with its hash.
 * @throws NuwaError CHECKPOINT saying which file is damaged
 */
export async function readState(checkpoint: string): Promise<TrainerState> {
  const damaged = (message: string, file: string): NuwaError =>
    new NuwaError("CHECKPOINT", message, { where: join(checkpoint, file), hint: "use an earlier checkpoint" });
  let json: unknown;
  try {
    json = JSON.parse(await readFile(join(checkpoint, STATE_FILE), "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) throw damaged("the trainer's state is missing", STATE_FILE);
    if (error instanceof SyntaxError) throw damaged("the trainer's state is cut short", STATE_FILE);
    throw error;
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) throw damaged("the trainer's state is damaged, or of another version", STATE_FILE);
  const { sha256: expected, settings_sha256: _, ...body } = parsed.data;
  if (hashBytes(JSON.stringify(body)) !== expected) throw damaged("the trainer's state is damaged", STATE_FILE);
  for (const [file, { bytes, sha256: hash }] of Object.entries(body.files)) {
    const size = await stat(join(checkpoint, file)).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) throw damaged("the file is missing", file);
    if (size !== bytes) throw damaged(`expected ${bytes} bytes, got ${size}: the file is cut short`, file);
    if ((await digest(join(checkpoint, file))).sha256 !== hash) throw damaged("the file's bytes have changed", file);
  }
  const { format: _format, files: _files, ...state } = body;
  return state;
}

export interface Resumable {
  readonly path: string;
  readonly state: TrainerState;
}

/** Newest first. Empty when the folder is not there. */
export async function listCheckpoints(folder: string): Promise<{ readonly step: number; readonly path: string }[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const step = STEP_FOLDER.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), path: join(folder, name) }];
    })
    .toSorted((a, b) => b.step - a.step);
}

/**
 * The newest checkpoint that is whole; each damaged one before it is named in a warning and passed over.
 * What a killed run left half-written is removed.
 */
export async function findResumable(folder: string, warn: (message: string) => void): Promise<Resumable | undefined> {
  await removeLeftovers(folder);
  for (const { path } of await listCheckpoints(folder)) {
    try {
      return { path, state: await readState(path) };
    } catch (error) {
      if (!(error instanceof NuwaError)) throw error;
      warn(`${basename(path)} cannot be used, going back to the one before it: ${error.where}: ${error.message}`);
    }
  }
  return undefined;
}

async function removeLeftovers(folder: string): Promise<void> {
  removeTemporaries(folder);
  // names that version 0.1 gave
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (/^\.(tmp|old)-step-|\.tmp$/.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Deletes all but the newest `keep` checkpoints and the best one. */
export async function pruneCheckpoints(folder: string, keep: number, best: number | undefined): Promise<void> {
  const checkpoints = await listCheckpoints(folder);
  for (const { step, path } of checkpoints.slice(keep)) {
    if (step !== best) await rm(path, { recursive: true, force: true });
  }
}

/** Points `latest` or `best` at a checkpoint. They are relative symbolic links, replaced in one step. */
export async function pointCheckpoint(folder: string, link: "latest" | "best", step: number): Promise<void> {
  await replaceLink(join(folder, link), checkpointName(step));
}

/**
 * Before a run goes on from a checkpoint: removes newer ones (they are damaged, or the run would not begin here) and
 * sets the links right, which a kill may have left one checkpoint behind.
 *
 * @param state of the checkpoint to go on from; undefined to begin anew
 */
export async function settleCheckpoints(
  folder: string,
  state: TrainerState | undefined,
  warn: (message: string) => void,
): Promise<void> {
  const checkpoints = await listCheckpoints(folder);
  if (checkpoints.length > 0 && state === undefined) warn("no checkpoint can be used: training begins anew");
  for (const { step, path } of checkpoints) {
    if (state === undefined || step > state.step) await rm(path, { recursive: true, force: true });
  }
  if (state !== undefined) await pointCheckpoint(folder, "latest", state.step);
  const best = state?.best?.step;
  if (best !== undefined && checkpoints.some(({ step }) => step === best)) await pointCheckpoint(folder, "best", best);
  else await rm(join(folder, "best"), { force: true });
  if (state === undefined) await rm(join(folder, "latest"), { force: true });
}

/**
 * Loads what `state.safetensors` holds into the optimizer (and, on a float64 device, into the model).
 * @param folder of one model, from {@link modelFolder}
 */
export async function loadTrainerTensors(
  folder: string,
  { model, optimizer }: Pick<TrainedModel, "model" | "optimizer">,
  step: number,
): Promise<void> {
  const saved = new Map<string, ArrayLike<number>>();
  for (const [name, values] of await readSafetensors(join(folder, OPTIMIZER_FILE))) {
    const plain = withoutSuffix(name);
    saved.set(plain ?? name, plain === undefined ? values : new Float64Array(values.buffer));
  }
  optimizer.loadState(saved, step);
  for (const parameter of model.parameters) {
    const values = saved.get(weightName(parameter.name));
    if (values !== undefined) model.device.write(parameter.storage, values);
  }
}

/**
 * The reference device computes in float64, which float32 files would round. Its bits are stored as pairs of
 * float32, under a name that says so, and the weights with them: then it, too, goes on exactly.
 */
const FLOAT64 = "#float64";

function withoutSuffix(name: string): string | undefined {
  return name.endsWith(FLOAT64) ? name.slice(0, -FLOAT64.length) : undefined;
}

function weightName(parameter: string): string {
  return `weights.${parameter}`;
}

function stateTensors(model: Model, optimizer: Optimizer): TensorSource[] {
  const tensors: [string, Tensor][] = [...(optimizer.state() satisfies NamedTensors)];
  const exact = model.device.capabilities.floatBytes === 8;
  if (exact) for (const parameter of model.parameters) tensors.push([weightName(parameter.name), parameter]);
  return tensors.map(([name, tensor]) => ({
    name: exact ? name + FLOAT64 : name,
    shape: exact ? [...tensor.shape, 2] : tensor.shape,
    values: async () => {
      const values = await tensor.read();
      // a copy of its own, so that the view starts at the buffer's first byte
      return values instanceof Float64Array ? new Float32Array(values.slice().buffer) : values;
    },
  }));
}

async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  return { bytes: (await stat(path)).size, sha256: await hashFileAsync(path) };
}
