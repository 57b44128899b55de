import type { JsonValue } from "../../text/document.ts";
import type { Arena, Tape, Tensor } from "../../tensor/index.ts";
import type { CausalModel } from "../../models/index.ts";
import type { ModelPlans, Models } from "./models.ts";

/** One micro-batch, row-major (B, T). An objective may add arrays of its own. */
export interface Batch {
  readonly B: number;
  readonly T: number;
  /** (B, T): what the model reads. */
  readonly tokens: ArrayLike<number>;
  /** (B, T): what it should predict at each position; negative where nothing is predicted. */
  readonly targets: ArrayLike<number>;
  /** (B, T): how much each position counts; all 1 when undefined. */
  readonly weights?: ArrayLike<number>;
  /**
   * (B, T): texts packed into one row have numbers of their own and do not see each other; negative for padding.
   * Undefined where a row is one text.
   */
  readonly segments?: ArrayLike<number>;
  /** (B, T): position of each token in its text; 0, 1, … along the row when undefined. */
  readonly positions?: ArrayLike<number>;
  /**
   * What the sum of weighted losses is divided by: the weights of the whole step, so that gradient accumulation gives
   * the same mean as one large batch, however the weights are spread.
   */
  readonly normalizer: number;
}

/** All micro-batches of one optimizer step. */
export interface StepBatches<B extends Batch = Batch> {
  readonly batches: readonly B[];
  /** Tokens that the model reads in this step, padding not counted. */
  readonly tokens: number;
  /** What is known before the loss and worth plotting: mean reward, length of answers. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** What a micro-batch gives. */
export interface StepLoss {
  /** (1): the micro-batch's share of the step's loss; the shares of a step add up to it. */
  readonly loss: Tensor;
  /** (1) each, by name: what else is worth plotting, as shares that add up. */
  readonly scalars?: Readonly<Record<string, Tensor>>;
}

/** The outcome of an evaluation on held-out data. */
export interface HeldOutScore {
  /** Lower is better: it decides which checkpoint is the best. Of text, the mean over the tokens that count, in nats. */
  readonly loss: number;
  /** exp(loss), where the loss is of tokens. */
  readonly perplexity?: number | undefined;
  /** Tokens scored. */
  readonly tokens: number;
  /** Nats over ln 2 times the UTF-8 bytes of the text: comparable between tokenizers and languages. */
  readonly bitsPerByte?: number | undefined;
  readonly bitsPerCharacter?: number | undefined;
  /** What else is worth plotting, such as accuracy. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** What an objective evaluates with. */
export interface EvaluationContext {
  /** For activations; reset after each batch. */
  readonly arena: Arena;
  /** Asked before each batch: a stop puts the evaluation off. */
  readonly isCancelled: () => boolean;
}

/** An evaluation on data that is never trained on; see `heldOutLoss` for the usual one. */
export interface HeldOut<M extends Models = Models> {
  /** Changes nothing in the models. @returns undefined when it was cancelled */
  evaluate(models: M, context: EvaluationContext): Promise<HeldOutScore | undefined>;
}

/** Texts that the model writes while it is trained. */
export interface Samples<M extends Models = Models> {
  readonly prompts: readonly { readonly text: string; readonly ids: Uint32Array }[];
  /** Who writes. */
  writer(models: M): CausalModel;
}

/** State of an objective's own that goes into each checkpoint, such as an adaptive coefficient. */
export interface ObjectiveState {
  save(): JsonValue;
  /** @throws when the value is not one that `save` gave */
  load(value: JsonValue): void;
}

/** What the memory of a step depends on: known before any is taken. */
export interface StepOutline<M extends Models = Models, B extends Batch = Batch> {
  /** The models it trains and those that it only reads, by the names under which `next` and `loss` get them. */
  readonly models: ModelPlans<M>;
  /**
   * The largest micro-batch of `rows` rows that a step may hold, without contents: `loss` runs on it on a device without
   * numbers. See `outlineArray` for arrays that take no memory.
   */
  outline(rows: number): B;
  /**
   * What `next` does with the models for that many rows, where it does anything: run on models without numbers, to know
   * its memory.
   */
  rehearse?(models: M, rows: number): void;
  /**
   * The loss of one micro-batch. Called once for each of `next`'s, and followed by the backward pass.
   *
   * @param tape everything that the loss computes is recorded on it
   */
  loss(tape: Tape, models: M, batch: B): StepLoss;
}

/**
 * What is learned: which batches a step sees and what their loss is. The trainer does the rest.
 *
 * What `next` gives depends on the seed, the step, the models and the objective's `state`, and on nothing else, so that
 * a run can go on from any checkpoint.
 */
export interface Objective<M extends Models = Models, B extends Batch = Batch> extends StepOutline<M, B> {
  /** Steps that pass over the training data once. */
  readonly stepsPerEpoch: number;
  /**
   * The micro-batches of a step. May generate with the models.
   *
   * @param step 0 for the first
   * @param arena for what it computes; reset when it returns
   */
  next(step: number, models: M, arena: Arena): Promise<StepBatches<B>>;
  readonly heldOut?: HeldOut<M> | undefined;
  readonly samples?: Samples<M> | undefined;
  /** Tokens that end a text; the first is written beside the model as its end token. */
  readonly endTokens: readonly number[];
  /**
   * Whether a checkpoint may fall after so many steps: false inside a rollout whose batches would be lost. Without it,
   * after every step. Evaluations, samples, stops and the end of the run wait for it.
   */
  isStepWhole?(step: number): boolean;
  readonly state?: ObjectiveState;
  /** Changes when the data does: part of what a resumed run must agree on. */
  readonly fingerprint: string;
  /** Said once before training, as dialogues that were skipped. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

/** An array of an outline: a length without contents. */
export function outlineArray(length: number): ArrayLike<number> {
  return { length };
}
