import { join } from "node:path";
import { type CausalModel, createCausal, loadModel, measureStep } from "../models/index.ts";
import { createOptimizer } from "../optim/index.ts";
import { type Device, openDevice } from "../tensor/index.ts";
import {
  findResumable,
  loadTrainerTensors,
  type Resumable,
  settleCheckpoints,
  type TrainerState,
} from "./checkpoint.ts";
import type { DoneEvent, TrainEvent } from "./events.ts";
import type { TrainControl, TrainJob } from "./job.ts";
import { trainLoop } from "./loop.ts";
import { requireTrainingMemory } from "./memory.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { type Decisive, decisiveSettings, requireSameSettings, totalSteps } from "./settings.ts";

const never: TrainControl = { stopRequested: false };

/**
 * Trains a model from a job's data and settings, in this thread; see {@link train} for another one. Goes on from the
 * last whole checkpoint in the job's directory, and ends with the same bits as a run that was never interrupted.
 *
 * @param onEvent called as things happen; its time is the training's
 * @param control looked at after every step: a stop writes a checkpoint and ends cleanly
 * @throws NuwaError DATA, FILE or VALUE for what cannot be trained on, MEMORY when a batch cannot fit, TRAINING when
 *   the loss is not finite or a resumed run's settings changed
 */
export async function runTraining(
  job: TrainJob,
  onEvent: (event: TrainEvent) => void,
  control: TrainControl = never,
): Promise<DoneEvent> {
  const warn = (message: string): void => onEvent({ type: "warning", message });
  const prepared = await prepare(job);
  try {
    for (const message of prepared.objective.warnings) warn(message);
    const session = new Session(job, prepared, onEvent);
    return await session.run(control, warn);
  } finally {
    await prepared.objective.close();
  }
}

/** One run from start or checkpoint to its end: what is due after which step, and what is remembered between them. */
class Session {
  readonly #job: TrainJob;
  readonly #prepared: Prepared;
  readonly #onEvent: (event: TrainEvent) => void;
  readonly #folder: string;
  readonly #steps: number;

  constructor(job: TrainJob, prepared: Prepared, onEvent: (event: TrainEvent) => void) {
    this.#job = job;
    this.#prepared = prepared;
    this.#onEvent = onEvent;
    this.#folder = join(job.directory, "checkpoints");
    const { objective } = prepared;
    const tokensPerStep = objective.shape.B * objective.shape.T * job.settings.accumulate;
    this.#steps = totalSteps(job.settings, { stepsPerEpoch: objective.stepsPerEpoch, tokensPerStep });
  }

  async run(control: TrainControl, warn: (message: string) => void): Promise<DoneEvent> {
    const { device: wanted, threads, precision } = this.#job.settings;
    const device = await openDevice(wanted, { precision, threads, warn });
    try {
      return await this.#train(device, control, warn);
    } finally {
      device.dispose();
    }
  }

  async #train(device: Device, control: TrainControl, warn: (message: string) => void): Promise<DoneEvent> {
    const { settings, stage } = this.#job;
    const { objective, architecture } = this.#prepared;
    const { kernels, floatBytes } = device.capabilities;
    const checkpointing = settings.activation_checkpointing;
    const { T } = objective.shape;
    const factor = floatBytes / 4;
    requireTrainingMemory(architecture, { ...settings, T, factor });
    const measure = (B: number, microBatches: number) =>
      measureStep(architecture, { B, T, optimizer: settings.optimizer, microBatches, checkpointing });
    const bytes = (B: number): number => measure(B, 1).totalBytes * factor;
    const { parameters, flopsPerStep } = measure(settings.batch, settings.accumulate);

    const decisive = this.#decisive(device.name);
    const found = await findResumable(this.#folder, warn);
    if (found !== undefined) requireSameSettings(found.state.settings, decisive, found.path);
    if (found !== undefined && found.state.kernels !== kernels) {
      warn(`this run began with ${found.state.kernels} kernels and goes on with ${kernels}: its last bits will differ`);
    }
    await settleCheckpoints(this.#folder, found?.state, warn);

    const arena = device.createArena();
    try {
      const model = await this.#model(device, found);
      const optimizer = createOptimizer(settings.optimizer, model.parameters);
      if (found !== undefined) await loadTrainerTensors(found.path, model, optimizer, found.state.step);
      this.#onEvent({
        type: "started",
        device: device.name,
        parameters,
        flops_per_step: flopsPerStep,
        memory_bytes: bytes(settings.batch),
        steps: this.#steps,
        tokens_per_step: objective.shape.B * objective.shape.T * settings.accumulate,
        resumed_from: found?.state.step ?? 0,
      });
      const start = found?.state ?? freshState(stage, settings.seed, kernels, decisive);
      return await trainLoop({
        job: this.#job,
        prepared: this.#prepared,
        onEvent: this.#onEvent,
        folder: this.#folder,
        steps: this.#steps,
        model,
        optimizer,
        arena,
        start,
        kernels,
        control,
      });
    } finally {
      arena.dispose();
    }
  }

  /** What a resumed run must agree on: settings, length, shape of the model, data. */
  #decisive(device: string): Decisive {
    const { settings } = this.#job;
    const { objective, architecture, vocabularyFingerprint, initFingerprint } = this.#prepared;
    return decisiveSettings(settings, {
      steps: this.#steps,
      device,
      model: architecture.config,
      training_data: objective.fingerprint.slice(0, 16),
      tokenizer: vocabularyFingerprint.slice(0, 16),
      init: initFingerprint?.slice(0, 16),
    });
  }

  /** From the checkpoint, from a model given to begin with, or fresh. */
  async #model(device: Device, found: Resumable | undefined): Promise<CausalModel> {
    const { architecture } = this.#prepared;
    const source = found?.path ?? this.#job.init;
    if (source === undefined) return createCausal(architecture, device, { seed: this.#job.settings.seed });
    return loadModel(source, device, { architecture }); // a file may not say the dropout that this run trains with
  }
}

function freshState(stage: TrainJob["stage"], seed: number, kernels: string, settings: Decisive): TrainerState {
  const nothing = { step: 0, tokens: 0, elapsed_s: 0, loss: null, best: null, evaluation_due: true };
  return { stage, seed, ...nothing, kernels, settings };
}
