/** One micro-batch, row-major (B, T). */
export interface Batch {
  readonly B: number;
  readonly T: number;
  /** What the model reads. */
  readonly tokens: Int32Array;
  /** What it should predict at each place; negative where nothing is predicted. */
  readonly targets: Int32Array;
  /** How much each place counts; all 1 when undefined. */
  readonly weights?: Float32Array;
}

/** All micro-batches of one optimizer step. */
export interface StepBatches {
  readonly batches: readonly Batch[];
  /**
   * What every micro-batch's sum of weighted losses is divided by: the weights of the whole step, so that gradient
   * accumulation gives the same mean as one large batch, however the weights are spread.
   */
  readonly normalizer: number;
  /** Tokens that the model reads in this step, padding not counted. */
  readonly tokens: number;
}

/** Held-out data, cut into batches that score each token once. */
export interface HeldOut {
  readonly batches: () => AsyncIterable<Batch> | Iterable<Batch>;
  /** Text that the scored tokens stand for, in UTF-8 bytes and characters, where known: for bits per byte. */
  readonly bytes?: number;
  readonly characters?: number;
}

/**
 * What is learned from: it says which tokens a step sees and which of them count. The trainer does the rest.
 * A step's batches depend on the seed and the step alone, never on steps before, so a run can go on from any step.
 */
export interface Objective {
  readonly name: "next-token" | "dialogue";
  /** Most tokens in one micro-batch (B·T), for the memory prediction. */
  readonly shape: { readonly B: number; readonly T: number };
  /** Steps that pass over the training data once. */
  readonly stepsPerEpoch: number;
  /** @param step 0 for the first */
  step(step: number): Promise<StepBatches>;
  readonly heldOut: HeldOut | undefined;
  /** Changes when the data does: part of what a resumed run must agree on. */
  readonly fingerprint: string;
  /** Said once before training, as dialogues that were skipped. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}
