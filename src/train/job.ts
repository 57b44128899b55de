import { NuwaError } from "../text/errors.ts";

/** Everything a training run needs, as plain data: it is sent to a worker. */
export interface TrainJob {
  /** The stage of a registered objective: `pretrain`, `sft`. */
  readonly stage: string;
  /** The stage's recipe section; checked by the objective's schema. */
  readonly settings: unknown;
  /** Where `checkpoints/`, `metrics.jsonl` and `tensorboard/` go. A run that is there already goes on from its last checkpoint. */
  readonly directory: string;
  /** Folder with tokenizer.json and, for dialogues, the chat template. */
  readonly tokenizer: string;
  /** Folders of what the objective reads, by the names of the stages that wrote them: `pack`, `dialogues`. */
  readonly inputs: Readonly<Record<string, string>>;
  /** A model directory to begin with instead of fresh weights. */
  readonly init?: string | undefined;
  /** Addresses of modules with objectives, optimizers … of a user's own, from `pluginAddresses`. */
  readonly plugins?: readonly string[] | undefined;
}

/** How the outside can end a run early; asked between steps. */
export interface TrainControl {
  readonly stopRequested: boolean;
}

/** The folder of a stage's output that the objective reads. @throws NuwaError VALUE when the job does not name it */
export function inputOf({ stage, inputs }: TrainJob, name: string): string {
  const folder = inputs[name];
  if (folder !== undefined) return folder;
  throw new NuwaError("VALUE", `"${stage}" reads the output of "${name}", which the job does not name`, {
    where: `inputs.${name}`,
  });
}
