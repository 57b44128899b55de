import type { PretrainSettings, SftSettings } from "./settings.ts";

interface Place {
  /** Where `checkpoints/` and `metrics.jsonl` go. A run that is there already goes on from its last checkpoint. */
  readonly directory: string;
  /** Folder with tokenizer.json (and, for dialogues, the chat template). */
  readonly tokenizer: string;
}

/** Learn to continue text. */
export interface PretrainJob extends Place {
  readonly stage: "pretrain";
  readonly settings: PretrainSettings;
  /** Folder of packed tokens, as `nuwa data pack` writes it. Its `val` split, if there is one, is evaluated on. */
  readonly tokens: string;
  /** A model directory to begin from instead of fresh weights; its shape then replaces `settings.model`. */
  readonly init?: string | undefined;
}

/** Learn to answer. */
export interface SftJob extends Place {
  readonly stage: "sft";
  readonly settings: SftSettings;
  /** Dialogues, JSON lines. */
  readonly train: string;
  /** Held-out dialogues. */
  readonly validation?: string | undefined;
  /** The model directory to begin from. */
  readonly init: string;
}

/** Everything a training run needs, as plain data: it is sent to a worker. */
export type TrainJob = PretrainJob | SftJob;

/** How the outside can end a run early; looked at between steps. */
export interface TrainControl {
  readonly stopRequested: boolean;
}
