import type { NuwaErrorCode } from "../text/errors.ts";

/** What training says while it runs. Plain data: it crosses the worker's boundary and is written to metrics.jsonl. */
export type TrainEvent =
  | StartedEvent
  | StepEvent
  | EvalEvent
  | SampleEvent
  | CheckpointEvent
  | WarningEvent
  | DoneEvent
  | ErrorEvent;

/** Once, before the first step. */
export interface StartedEvent {
  readonly type: "started";
  readonly device: string;
  readonly parameters: number;
  /** Floating-point operations of one optimizer step, forward and backward, all micro-batches. */
  readonly flops_per_step: number;
  /** What `meta` predicts for all models, optimizer state and one micro-batch's activations. */
  readonly memory_bytes: number;
  readonly steps: number;
  readonly tokens_per_step: number;
  /** 0, or the step of the checkpoint that this run goes on from. */
  readonly resumed_from: number;
  /** Where a finished run is lengthened: its length before, and what the schedule does now. */
  readonly lengthened?: { readonly from: number; readonly schedule: string };
}

/** After each optimizer update. */
export interface StepEvent {
  readonly type: "step";
  /** 1 for the first update. */
  readonly step: number;
  /** Mean over the step's weighted tokens, nats, before the update. */
  readonly loss: number;
  /** Of the AdamW groups; Muon's own rate follows the same curve. */
  readonly lr: number;
  /** Global L2 norm before clipping. */
  readonly grad_norm: number;
  /** Tokens trained on since step 0. */
  readonly tokens: number;
  readonly tokens_per_s: number;
  /** Time spent in this stage, earlier parts of a resumed run included. */
  readonly elapsed_s: number;
  /** What else the objective gives to plot, by name. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** After each evaluation on held-out data. */
export interface EvalEvent {
  readonly type: "eval";
  readonly step: number;
  /** What decides which checkpoint is the best; of text, nats per token (for dialogues: per answer token). */
  readonly val_loss: number;
  /** Where the loss is of tokens. */
  readonly perplexity?: number;
  readonly tokens: number;
  /** Only where the held-out text's bytes and characters are known. */
  readonly bits_per_byte?: number;
  readonly bits_per_character?: number;
  readonly scalars?: Readonly<Record<string, number>>;
  readonly best: boolean;
}

/** Text written by the model as it is at this step. */
export interface SampleEvent {
  readonly type: "sample";
  readonly step: number;
  readonly prompt: string;
  readonly text: string;
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly path: string;
  readonly best: boolean;
}

/** Something a user should know that does not stop the run. */
export interface WarningEvent {
  readonly type: "warning";
  readonly message: string;
}

/** The run has ended, by itself or because it was asked to stop. */
export interface DoneEvent {
  readonly type: "done";
  readonly step: number;
  /** True when stop() or Ctrl-C ended the run before its last step and evaluation: run it again to go on. */
  readonly stopped: boolean;
  readonly loss: number | null;
  readonly best: { readonly step: number; readonly val_loss: number } | null;
  /** The checkpoint of the last step. */
  readonly checkpoint: string;
  readonly elapsed_s: number;
}

/** A NuwaError as plain data; `unexpected` marks an error that was not one, and then `stack` is worth showing. */
export interface ErrorEvent {
  readonly type: "error";
  readonly code: NuwaErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly where?: string;
  readonly unexpected?: boolean;
  readonly stack?: string;
}
