import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { z } from "zod";
import { dialogueFiles } from "../../data/pack/dialogues/files.ts";
import type { CausalModel } from "../../models/index.ts";
import { PhiloxStream } from "../../tensor/philox.ts";
import { NuwaError } from "../../text/errors.ts";
import {
  defaultChatTemplate,
  encodeDialogue,
  encodePrompt,
  loadChatTemplate,
  stopIds,
  type Tokenizer,
} from "../../tokenizer/index.ts";
import { inputOf } from "../job.ts";
import { builtInChoices, hasOneLength, oneLengthMessage, type TrainingKeys, trainingKeysOf } from "../settings.ts";
import { causalLoss } from "./causal-loss.ts";
import { defineObjective, type PrepareContext } from "./define.ts";
import { type DialogueFile, readDialogues } from "./dialogue-file.ts";
import { heldOutLoss, type TextObjective } from "./held-out.ts";
import { initArchitecture } from "./init.ts";
import { type ModelPlan, trainedModel } from "./models.ts";
import { type Batch, type Objective, outlineArray, type StepBatches } from "./objective.ts";

const section = (keys: TrainingKeys) =>
  z
    .strictObject({
      context: z
        .int()
        .positive()
        .optional()
        .describe("Longest dialogue in tokens; by default the model's own context."),
      packing: z
        .boolean()
        .default(false)
        .describe("Whether several dialogues share a row: faster for short ones. They do not see each other."),
      cross_document_attention: z
        .boolean()
        .default(false)
        .describe("Whether packed dialogues see those before them in their row, as in Nuwa 0.1."),
      ...keys,
      optimizer: keys.optimizer
        .unwrap()
        .prefault({ name: "adamw", learning_rate: 3e-4, weight_decay: 0.01 })
        .describe("How weights are changed by their gradients."),
      schedule: keys.schedule
        .unwrap()
        .prefault({ name: "linear", warmup_steps: 20, final_ratio: 0 })
        .describe("How the learning rate changes over the run."),
      sample_prompts: z.array(z.string()).default([]).describe("Questions to ask the model while it trains."),
    })
    .refine(hasOneLength, oneLengthMessage);

/** Settings of the `sft` section of a recipe. */
export const sftSettings = section(trainingKeysOf(builtInChoices));

/** A recipe's section `sft`, checked. */
export type SftSettings = z.output<typeof sftSettings>;

/** The one model that is trained. */
type DialogueModels = { readonly model: CausalModel };

/** Supervised fine-tuning: dialogues to a model that answers. */
export const dialogue = defineObjective({
  name: "dialogue",
  stage: "sft",
  version: 1,
  schema: section,
  description: "Supervised fine-tuning: train the model to answer",
  reads: () => ["dialogues"],
  init: "required",
  model: "causal",
  defaultLength: { epochs: 3 },
  // Packed dialogues of released runs saw each other; without packing it decides nothing.
  implied: ({ packing, cross_document_attention: crossing }) => ({ cross_document_attention: packing || crossing }),
  report: {
    title: "Learning to answer",
    lead: "After reading, the model practised dialogues; only its own answers count in this loss.",
  },
  prepare,
});

async function prepare(settings: SftSettings, { job, tokenizer, families }: PrepareContext): Promise<Objective> {
  const { init } = job;
  if (init === undefined) {
    throw new NuwaError("VALUE", "fine-tuning needs a model to begin with", { where: `${job.stage}.init` });
  }
  const architecture = await initArchitecture(init, settings, tokenizer, families);
  const context = settings.context ?? architecture.config.max_position_embeddings;
  const template = (await loadChatTemplate(job.tokenizer)) ?? defaultChatTemplate;
  const warnings: string[] = [];
  const encode = async (path: string): Promise<readonly EncodedDialogue[]> => {
    const { dialogues, problems } = encodeDialogues(await readDialogues(path), tokenizer, template);
    const [first] = problems;
    if (first !== undefined && dialogues.length === 0) {
      const message = `none of the ${problems.length} dialogues can be learned from: ${first.message}`;
      throw new NuwaError("DATA", message, { where: first.where });
    }
    if (first !== undefined) {
      warnings.push(`${problems.length} records of ${path} skipped, the first at ${first.where}: ${first.message}`);
    }
    return dialogues;
  };
  const files = dialogueFiles(inputOf(job, "dialogues"));
  const training = await encode(files.train);
  const validation = (await isEmpty(files.heldOut)) ? undefined : await encode(files.heldOut);
  const data = { training, validation };
  const objective = createDialogueObjective(trainedModel(architecture, init), data, { ...settings, context });
  const prompts = settings.sample_prompts.map((text) => ({
    text,
    ids: encodePrompt(tokenizer, template, [{ role: "user", content: text }]),
  }));
  return {
    ...objective,
    warnings: [...warnings, ...objective.warnings],
    samples: { prompts, writer: ({ model }: DialogueModels) => model },
    endTokens: stopIds(tokenizer, template),
  };
}

/** Whether nothing was held out. */
async function isEmpty(path: string): Promise<boolean> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  return size === 0;
}

/** Encodes what can be encoded; a dialogue with, say, characters that the vocabulary lacks is a problem to report. */
function encodeDialogues(
  file: DialogueFile,
  tokenizer: Tokenizer,
  template: string,
): { readonly dialogues: readonly EncodedDialogue[]; readonly problems: DialogueFile["problems"] } {
  const problems = [...file.problems];
  const dialogues = file.dialogues.flatMap(({ messages, weight = 1, tools, documents, where }) => {
    try {
      const inputs = { ...(tools === undefined ? {} : { tools }), ...(documents === undefined ? {} : { documents }) };
      const { ids, weights } = encodeDialogue(tokenizer, template, messages, inputs);
      return [{ ids, weights: weight === 1 ? weights : weights.map((w) => w * weight) }];
    } catch (error) {
      if (!(error instanceof NuwaError)) throw error;
      problems.push({ where, message: error.message });
      return [];
    }
  });
  return { dialogues, problems };
}

/** A dialogue as tokens. weights[i] says how much token i counts as a prediction: 0 in what the user says. */
export interface EncodedDialogue {
  readonly ids: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
}

/** What training on dialogues reads of its settings. */
export type DialogueSettings = Pick<
  SftSettings,
  "batch" | "accumulate" | "seed" | "packing" | "cross_document_attention" | "eval_tokens"
> & {
  /** Longest row, in tokens read. */
  readonly context: number;
};

/** One or several dialogues. */
interface Row {
  readonly ids: Int32Array;
  readonly weights: Float32Array;
  /** Where dialogues after the first begin that must not see those before them. */
  readonly starts: readonly number[];
}

/** Philox stream words, so that the two shuffles never share numbers. */
const PACK_STREAM = 1;
const EPOCH_STREAM = 2;
/** Rows are padded to a multiple of this: fewer distinct shapes, and none that kernels find awkward. */
const ROUND = 8;

/** Dialogues to learn from, and those only scored. */
export interface DialogueData {
  readonly training: readonly EncodedDialogue[];
  readonly validation: readonly EncodedDialogue[] | undefined;
}

/**
 * Supervised dialogue: the model reads whole dialogues, and only the assistant's answers (their end token included)
 * count. Rows are shuffled anew each epoch; several turns are one row. The mean is over all answer tokens of a step,
 * so long answers count for more than short ones, as in the original InstructGPT and LIMA code.
 *
 * @throws NuwaError DATA when no dialogue has an answer within the context
 */
export function createDialogueObjective(
  model: ModelPlan<CausalModel>,
  { training, validation }: DialogueData,
  settings: DialogueSettings,
): TextObjective<DialogueModels> {
  const { rows, cut, skipped } = toRows(training, settings);
  if (rows.length === 0) {
    throw new NuwaError(
      "DATA",
      `none of the ${training.length} dialogues has an answer within the context of ${settings.context} tokens`,
      { where: "context", hint: "raise the context, or give dialogues with shorter questions" },
    );
  }
  const held = validation === undefined ? undefined : toRows(validation, { ...settings, packing: false }).rows;
  const rowsPerStep = settings.batch * settings.accumulate;
  const shuffled = new Shuffle(rows.length, settings.seed);
  const T = rows.reduce((longest, row) => Math.max(longest, roundUp(row, settings.context)), 1);
  const isolated = settings.packing && !settings.cross_document_attention;
  const warnings = [];
  if (cut > 0) warnings.push(`${cut} dialogues are longer than the context of ${settings.context} tokens: cut there`);
  if (skipped > 0) warnings.push(`${skipped} dialogues have no answer within the context: skipped`);

  return {
    models: { model },
    outline: (B) => {
      const array = outlineArray(B * T);
      const packed = isolated ? { segments: array, positions: array } : {};
      return { B, T, tokens: array, targets: array, weights: array, ...packed, normalizer: 1 };
    },
    loss: (tape, models, batch) => ({ loss: causalLoss(tape, models.model, batch).loss }),
    stepsPerEpoch: Math.ceil(rows.length / rowsPerStep),
    next: (step) => Promise.resolve(stepBatches(step, rows, shuffled, settings)),
    heldOut: held === undefined || held.length === 0 ? undefined : heldOut(held, settings),
    endTokens: [],
    fingerprint: fingerprint(rows),
    warnings,
    close: () => Promise.resolve(),
  };
}

function stepBatches(
  step: number,
  rows: readonly Row[],
  shuffled: Shuffle,
  { batch, accumulate, context }: DialogueSettings,
): StepBatches {
  const first = step * batch * accumulate;
  const chosen: Row[] = [];
  for (let i = first; i < first + batch * accumulate; i++) {
    const row = rows[shuffled.at(i)];
    if (row !== undefined) chosen.push(row);
  }
  // Rows of like length share a micro-batch and need little padding; the step's mean does not change.
  if (accumulate > 1) chosen.sort((a, b) => a.ids.length - b.ids.length);
  let normalizer = 0;
  let tokens = 0;
  for (const row of chosen) {
    for (const weight of row.weights) normalizer += weight;
    tokens += row.ids.length - 1;
  }
  const batches = [];
  for (let i = 0; i < chosen.length; i += batch) {
    batches.push(toBatch(chosen.slice(i, i + batch), context, normalizer));
  }
  return { batches, tokens };
}

/** Pads at the end: with causal attention no real token ever sees the padding. */
function toBatch(rows: readonly Row[], context: number, normalizer: number): Batch {
  const B = rows.length;
  const T = rows.reduce((longest, row) => Math.max(longest, roundUp(row, context)), 1);
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  const weights = new Float32Array(B * T);
  for (const [b, row] of rows.entries()) {
    const last = row.ids.length - 1;
    tokens.set(row.ids.subarray(0, last), b * T);
    targets.set(row.ids.subarray(1), b * T);
    weights.set(row.weights.subarray(1), b * T);
  }
  const packed = rows.some(({ starts }) => starts.length > 0) ? segmentsOf(rows, T) : {};
  return { B, T, tokens, targets, weights, ...packed, normalizer };
}

/** The dialogue of each token of (B, T), −1 in the padding, and its position there. */
function segmentsOf(
  rows: readonly Row[],
  T: number,
): { readonly segments: Int32Array; readonly positions: Int32Array } {
  const segments = new Int32Array(rows.length * T).fill(-1);
  const positions = new Int32Array(rows.length * T);
  for (const [b, { ids, starts }] of rows.entries()) {
    const bounds = [0, ...starts, ids.length];
    for (const [segment, start] of bounds.slice(0, -1).entries()) {
      // the last token of a row is read by no one
      const end = Math.min(bounds[segment + 1] ?? start, ids.length - 1);
      for (let t = start; t < end; t++) {
        segments[b * T + t] = segment;
        positions[b * T + t] = t - start;
      }
    }
  }
  return { segments, positions };
}

function roundUp(row: Row, context: number): number {
  return Math.min(context, Math.ceil((row.ids.length - 1) / ROUND) * ROUND);
}

function heldOut(
  rows: readonly Row[],
  { batch, context, eval_tokens: evalTokens }: DialogueSettings,
): TextObjective<DialogueModels>["heldOut"] {
  const total = rows.reduce((sum, row) => sum + row.ids.length - 1, 0);
  // Dialogues spread evenly over the file, the same ones every time.
  const count = Math.max(1, Math.min(rows.length, Math.floor((rows.length * evalTokens) / total)));
  const chosen = rows.filter(
    (_, i) => Math.floor(((i + 1) * count) / rows.length) > Math.floor((i * count) / rows.length),
  );
  const sorted = chosen.toSorted((a, b) => a.ids.length - b.ids.length);
  return heldOutLoss({
    model: ({ model }: DialogueModels) => model,
    *batches() {
      for (let i = 0; i < sorted.length; i += batch) yield toBatch(sorted.slice(i, i + batch), context, 1);
    },
  });
}

function toRows(
  dialogues: readonly EncodedDialogue[],
  settings: DialogueSettings,
): { rows: readonly Row[]; cut: number; skipped: number } {
  const { context } = settings;
  const whole: Row[] = [];
  let cut = 0;
  let skipped = 0;
  for (const dialogue of dialogues) {
    // A row of n tokens has n − 1 places to predict from.
    const length = Math.min(dialogue.ids.length, context + 1);
    const row: Row = { ids: new Int32Array(length), weights: new Float32Array(length), starts: [] };
    for (let i = 0; i < length; i++) {
      row.ids[i] = dialogue.ids[i] ?? 0;
      row.weights[i] = i === 0 ? 0 : (dialogue.weights[i] ?? 0);
    }
    if (!row.weights.some((weight) => weight > 0)) skipped++;
    else {
      if (length < dialogue.ids.length) cut++;
      whole.push(row);
    }
  }
  return { rows: settings.packing ? pack(whole, settings) : whole, cut, skipped };
}

/** Fills rows with dialogues in a shuffled order; a dialogue that no longer fits opens the next row. */
function pack(
  rows: readonly Row[],
  { context, seed, cross_document_attention: crossing }: DialogueSettings,
): readonly Row[] {
  const capacity = context + 1;
  const packed: Row[] = [];
  let open: Row[] = [];
  let used = 0;
  const close = (): void => {
    if (open.length === 0) return;
    const ids = new Int32Array(used);
    const weights = new Float32Array(used);
    const starts: number[] = [];
    let start = 0;
    for (const row of open) {
      ids.set(row.ids, start);
      weights.set(row.weights, start);
      starts.push(start);
      start += row.ids.length;
    }
    packed.push({ ids, weights, starts: crossing ? [] : starts.slice(1) });
    open = [];
    used = 0;
  };
  for (const index of permutation(rows.length, new PhiloxStream(seed, [0, PACK_STREAM, 0]))) {
    const row = rows[index];
    if (row === undefined) continue;
    if (used + row.ids.length > capacity) close();
    open.push(row);
    used += row.ids.length;
  }
  close();
  return packed;
}

/** Endless passes over n rows, each in its own order; `at(i)` depends on the seed and i alone. */
class Shuffle {
  readonly #length: number;
  readonly #seed: number;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);

  constructor(length: number, seed: number) {
    this.#length = length;
    this.#seed = seed;
  }

  at(position: number): number {
    const epoch = Math.floor(position / this.#length);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.#length, new PhiloxStream(this.#seed, [epoch, EPOCH_STREAM, 0]));
      this.#epoch = epoch;
    }
    return this.#order[position % this.#length] ?? 0;
  }
}

/** Fisher & Yates. */
function permutation(length: number, random: PhiloxStream): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = swapped;
  }
  return order;
}

function fingerprint(rows: readonly Row[]): string {
  const hash = createHash("sha256");
  for (const { ids, weights } of rows) hash.update(ids).update(weights).update("\n");
  return hash.digest("hex");
}
