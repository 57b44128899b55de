import { join } from "node:path";
import { hashFileAsync } from "../io/hash.ts";
import { createSchedule, type Schedule } from "../optim/index.ts";
import { type Device, openDevice } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import {
  findResumable,
  loadTrainerTensors,
  modelFolder,
  type Resumable,
  settleCheckpoints,
  type TrainerState,
} from "./checkpoints/checkpoint.ts";
import type { DoneEvent, TrainEvent } from "./events.ts";
import type { TrainControl, TrainJob } from "./job.ts";
import { describeSchedule, type Lengthening, lengthening } from "./lengthen.ts";
import { trainLoop } from "./loop.ts";
import { measureTraining, requireTrainingMemory } from "./memory.ts";
import type { Model } from "../models/index.ts";
import { type Models, trainedOf } from "./objectives/models.ts";
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
  readonly #checkpoints: string;
  readonly #tokensPerStep: number;
  readonly #steps: number;

  constructor(job: TrainJob, prepared: Prepared, onEvent: (event: TrainEvent) => void) {
    this.#job = job;
    this.#prepared = prepared;
    this.#onEvent = onEvent;
    this.#checkpoints = join(job.directory, "checkpoints");
    const { objective, settings, definition } = prepared;
    this.#tokensPerStep = settings.batch * objective.outline(1).T * settings.accumulate;
    const data = { stepsPerEpoch: objective.stepsPerEpoch, tokensPerStep: this.#tokensPerStep };
    let steps = totalSteps(settings, data, definition.defaultLength);
    while (objective.isStepWhole?.(steps) === false) steps++;
    this.#steps = steps;
  }

  async run(control: TrainControl, warn: (message: string) => void): Promise<DoneEvent> {
    const { settings, choices } = this.#prepared;
    const { device: wanted, threads, precision } = settings;
    const device = await openDevice(wanted, { precision, threads, warn, registry: choices.devices });
    try {
      return await this.#train(device, control, warn);
    } finally {
      device.dispose();
    }
  }

  async #train(device: Device, control: TrainControl, warn: (message: string) => void): Promise<DoneEvent> {
    const { settings, objective, choices } = this.#prepared;
    const { optimizers } = choices;
    const { kernels, floatBytes } = device.capabilities;
    const sizes = { ...settings, optimizers, factor: floatBytes / 4 };
    requireTrainingMemory(objective, sizes);
    const { parameters, totalBytes, flopsPerStep } = measureTraining(objective, sizes, settings.accumulate);

    const decisive = await this.#decisive(device.name);
    const found = await findResumable(this.#checkpoints, warn);
    const lengthened = found === undefined ? undefined : this.#requireSame(found, decisive);
    if (found !== undefined && found.state.kernels !== kernels) {
      warn(`this run began with ${found.state.kernels} kernels and goes on with ${kernels}: its last bits will differ`);
    }
    await settleCheckpoints(this.#checkpoints, found?.state, warn);

    const arena = device.createArena();
    try {
      const models = await this.#models(device, found);
      const trained = trainedOf(objective.models, models, settings.optimizer, optimizers);
      if (found !== undefined) {
        for (const [index, one] of trained.entries()) {
          await loadTrainerTensors(modelFolder(found.path, index, one.name), one, found.state.step);
        }
        if (found.state.objective !== undefined) objective.state?.load(found.state.objective);
      }
      this.#onEvent({
        type: "started",
        device: device.name,
        parameters,
        flops_per_step: flopsPerStep,
        memory_bytes: totalBytes,
        steps: this.#steps,
        tokens_per_step: this.#tokensPerStep,
        resumed_from: found?.state.step ?? 0,
        ...(lengthened && { lengthened: this.#describe(lengthened) }),
      });
      return await trainLoop({
        job: this.#job,
        prepared: this.#prepared,
        onEvent: this.#onEvent,
        checkpoints: this.#checkpoints,
        steps: this.#steps,
        device,
        models,
        trained,
        arena,
        start: { ...(found?.state ?? freshState(this.#job.stage, settings.seed, kernels)), settings: decisive },
        kernels,
        control,
      });
    } finally {
      arena.dispose();
    }
  }

  /** What a resumed run must agree on: settings, length, shapes of the models, data. */
  async #decisive(device: string): Promise<Decisive> {
    const { definition, settings, objective, vocabularyFingerprint, initFingerprint } = this.#prepared;
    const [main, ...others] = Object.entries(objective.models);
    const models: Record<string, object> = {};
    for (const [name, { architecture, init }] of others) {
      const weights = init === undefined ? undefined : await hashFileAsync(join(init, "model.safetensors"));
      models[name] = { ...architecture.config, weights: weights?.slice(0, 16) };
    }
    const more = {
      steps: this.#steps,
      device,
      model: main?.[1].architecture.config,
      models,
      training_data: objective.fingerprint.slice(0, 16),
      tokenizer: vocabularyFingerprint.slice(0, 16),
      init: initFingerprint?.slice(0, 16),
    };
    return decisiveSettings(settings, more, definition.implied(settings));
  }

  /**
   * @returns how a finished run is lengthened, if it is
   * @throws NuwaError TRAINING when the checkpoint is another stage's, or was made with other settings
   */
  #requireSame(found: Resumable, decisive: Decisive): Lengthening | undefined {
    const { stage } = this.#job;
    if (found.state.stage !== stage) {
      throw new NuwaError("TRAINING", `expected a checkpoint of "${stage}", got one of "${found.state.stage}"`, {
        where: found.path,
        hint: "train into another folder",
      });
    }
    const lengthened = lengthening(found, decisive);
    if (lengthened === undefined) requireSameSettings(found.state.settings, decisive, found.path);
    return lengthened;
  }

  #describe(lengthened: Lengthening): { readonly from: number; readonly schedule: string } {
    const { settings, choices } = this.#prepared;
    const factor = (length: number): Schedule => createSchedule(settings.schedule, length, choices.schedules);
    const schedule = describeSchedule(settings.schedule, factor, lengthened, settings.optimizer.learning_rate);
    return { from: lengthened.from, schedule };
  }

  /** From the checkpoint, from the models given to begin with, or fresh. */
  async #models(device: Device, found: Resumable | undefined): Promise<Models> {
    const { objective, settings } = this.#prepared;
    const models: Record<string, Model> = {};
    let index = 0; // among those that are trained
    for (const [position, [name, plan]] of Object.entries(objective.models).entries()) {
      const saved = found === undefined || !plan.trained ? undefined : modelFolder(found.path, index++, name);
      const source = saved ?? plan.init;
      models[name] =
        source === undefined ? plan.create(device, settings.seed + position) : await plan.load(source, device);
    }
    return models;
  }
}

function freshState(stage: string, seed: number, kernels: string): Omit<TrainerState, "settings"> {
  const nothing = { step: 0, tokens: 0, elapsed_s: 0, loss: null, best: null, evaluation_due: true };
  return { stage, seed, ...nothing, kernels };
}
