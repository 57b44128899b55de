import { createHash } from "node:crypto";
import { PhiloxStream } from "../../tensor/philox.ts";
import { NuwaError } from "../../text/errors.ts";
import type { Batch, HeldOut, Objective, StepBatches } from "./objective.ts";

/** A dialogue as tokens. weights[i] says how much token i counts as a prediction: 0 in what the user says. */
export interface EncodedDialogue {
  readonly ids: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
}

export interface DialogueSettings {
  /** Rows of one micro-batch. */
  readonly batch: number;
  readonly accumulate: number;
  /** Longest row, in tokens read. */
  readonly context: number;
  readonly seed: number;
  /** Several dialogues in a row of `context` tokens, one after the other; otherwise each has its own row, padded. */
  readonly packing: boolean;
  /** Most held-out tokens to read in an evaluation; default all. */
  readonly evalTokens?: number;
}

interface Row {
  readonly ids: Int32Array;
  readonly weights: Float32Array;
}

/** Philox stream words, so that the two shuffles never share numbers. */
const PACK_STREAM = 1;
const EPOCH_STREAM = 2;
/** Rows are padded to a multiple of this: fewer distinct shapes, and none that kernels find awkward. */
const ROUND = 8;

/**
 * Supervised dialogue: the model reads whole dialogues, and only the assistant's answers (their end token included)
 * count. Rows are shuffled anew each epoch; several turns are one row. The mean is over all answer tokens of a step,
 * so long answers count for more than short ones, as in the original InstructGPT and LIMA code.
 *
 * @throws NuwaError DATA when no dialogue has an answer within the context
 */
export function createDialogueObjective(
  training: readonly EncodedDialogue[],
  validation: readonly EncodedDialogue[] | undefined,
  settings: DialogueSettings,
): Objective {
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
  const warnings = [];
  if (cut > 0) warnings.push(`${cut} dialogues are longer than the context of ${settings.context} tokens: cut there`);
  if (skipped > 0) warnings.push(`${skipped} dialogues have no answer within the context: skipped`);

  return {
    name: "dialogue",
    shape: {
      B: settings.batch,
      T: rows.reduce((longest, row) => Math.max(longest, roundUp(row, settings.context)), 1),
    },
    stepsPerEpoch: Math.ceil(rows.length / rowsPerStep),
    step: (step) => Promise.resolve(stepBatches(step, rows, shuffled, settings)),
    heldOut: held === undefined || held.length === 0 ? undefined : heldOut(held, settings),
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
  const batches = [];
  for (let i = 0; i < chosen.length; i += batch) batches.push(toBatch(chosen.slice(i, i + batch), context));
  let normalizer = 0;
  let tokens = 0;
  for (const row of chosen) {
    for (const weight of row.weights) normalizer += weight;
    tokens += row.ids.length - 1;
  }
  return { batches, normalizer, tokens };
}

/** Pads at the end: with causal attention no real token ever sees the padding. */
function toBatch(rows: readonly Row[], context: number): Batch {
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
  return { B, T, tokens, targets, weights };
}

function roundUp(row: Row, context: number): number {
  return Math.min(context, Math.ceil((row.ids.length - 1) / ROUND) * ROUND);
}

function heldOut(rows: readonly Row[], { batch, context, evalTokens = Infinity }: DialogueSettings): HeldOut {
  const total = rows.reduce((sum, row) => sum + row.ids.length - 1, 0);
  // Dialogues spread evenly over the file, the same ones every time.
  const count = Math.max(1, Math.min(rows.length, Math.floor((rows.length * evalTokens) / total)));
  const chosen = rows.filter(
    (_, i) => Math.floor(((i + 1) * count) / rows.length) > Math.floor((i * count) / rows.length),
  );
  const sorted = chosen.toSorted((a, b) => a.ids.length - b.ids.length);
  return {
    *batches() {
      for (let i = 0; i < sorted.length; i += batch) yield toBatch(sorted.slice(i, i + batch), context);
    },
  };
}

function toRows(
  dialogues: readonly EncodedDialogue[],
  { context, packing, seed }: DialogueSettings,
): { rows: readonly Row[]; cut: number; skipped: number } {
  const whole: Row[] = [];
  let cut = 0;
  let skipped = 0;
  for (const dialogue of dialogues) {
    // A row of n tokens has n − 1 places to predict from.
    const length = Math.min(dialogue.ids.length, context + 1);
    const row: Row = { ids: new Int32Array(length), weights: new Float32Array(length) };
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
  return { rows: packing ? pack(whole, context + 1, seed) : whole, cut, skipped };
}

/** Fills rows with dialogues in a shuffled order; a dialogue that no longer fits opens the next row. */
function pack(rows: readonly Row[], capacity: number, seed: number): readonly Row[] {
  const packed: Row[] = [];
  let open: Row[] = [];
  let used = 0;
  const close = (): void => {
    if (open.length === 0) return;
    const joined: Row = { ids: new Int32Array(used), weights: new Float32Array(used) };
    let place = 0;
    for (const row of open) {
      joined.ids.set(row.ids, place);
      joined.weights.set(row.weights, place);
      place += row.ids.length;
    }
    packed.push(joined);
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
