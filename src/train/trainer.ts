import { clipByGlobalNorm, type Schedule } from "../optim/index.ts";
import {
  type Arena,
  type Collective,
  type Device,
  gradientRanges,
  type Parameter,
  single,
  Tape,
} from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Models, TrainedModel } from "./objectives/models.ts";
import type { Batch, Objective } from "./objectives/objective.ts";
import { ScalarSums } from "./scalar-sums.ts";

/** What a {@link Trainer} works with. */
export interface TrainerOptions {
  readonly objective: Objective;
  /** All that the objective names. */
  readonly models: Models;
  /** Those of them that are trained. */
  readonly trained: readonly TrainedModel[];
  /** Where all of them are. */
  readonly device: Device;
  readonly schedule: Schedule;
  /** The full learning rate, for reports. */
  readonly learningRate: number;
  /** Largest global norm of the gradients. */
  readonly clip: number;
  /** Of dropout. */
  readonly seed: number;
  /** Whether each layer's activations are computed again in backward instead of kept. Default false. */
  readonly checkpointing?: boolean;
  readonly arena: Arena;
  /**
   * Ranks that train together: each one's objective gives its own share of a step's batches, with the whole step's
   * normalizer, and all get gradients for the same parameters. Default: this process alone.
   */
  readonly collective?: Collective;
}

/** What one training step came to. */
export interface StepResult {
  /** Mean loss over the step's tokens that count, nats, before the update. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly tokens: number;
  /** What else the objective gives to plot. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** Before the names of scalars among the sums, so that none is taken for the loss. */
const SCALAR = "scalar.";

/**
 * One step is: batches, loss, backward, clip, optimizer. It depends on the weights, the optimizer's state and the
 * step's number, and on nothing else, so a run that is interrupted goes on as if it had not been.
 *
 * @example
 * const trainer = new Trainer({ objective, models, trained, device, schedule, learningRate: 1e-3, clip: 1, seed: 1, arena });
 * for (let step = 0; step < 2000; step++) console.log((await trainer.step(step)).loss);
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #sums: ScalarSums;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#sums = new ScalarSums(options.device);
  }

  /** Gives the trainer's own memory back; models, optimizers and arena stay. */
  release(): void {
    this.#sums.release();
  }

  /**
   * Everything is on its way to the device before the one read, at the end: of the loss, the gradients' norm, and
   * whether all is finite. The optimizer itself leaves the weights alone where it is not.
   *
   * @param step 0 for the first
   * @throws NuwaError TRAINING when the loss or a gradient is not finite; the weights are as before the step then
   */
  async step(step: number): Promise<StepResult> {
    const { objective, models, trained, device, schedule, clip, arena, collective = single } = this.#options;
    const { batches, tokens, scalars: known } = await objective.next(step, models, arena);
    arena.reset();
    const scale = schedule(step);
    const learningRate = this.#options.learningRate * scale;
    for (const { model } of trained) model.parameters.clearGradients();
    this.#sums.clear();
    for (const [microBatch, batch] of batches.entries()) this.#backward(batch, step, microBatch);
    const all = trained.flatMap(({ model }) => [...model.parameters]);
    const ready = all.filter((parameter) => parameter.gradReady);
    const { names } = this.#sums;
    const report = arena.allocate("float32", 3 + names.length); // norm, scale, finite, sums
    const sums = report.slice(3, names.length);
    this.#sums.write(sums);
    await collective.allReduce(sums);
    for (const gradients of gradientRanges(ready)) await collective.allReduce(gradients);
    const { scale: gradientScale } = clipByGlobalNorm(device, arena, ready, {
      maxNorm: clip,
      values: sums.slice(0, 1), // the loss: a scalar that is only plotted stops nothing
      out: report.slice(0, 3),
    });
    for (const { optimizer } of trained) optimizer.step({ learningRateScale: scale, gradientScale });
    const reading = device.read(report);
    arena.reset();
    const [norm = Number.NaN, , finite, loss = Number.NaN, ...rest] = await reading;
    if (finite !== 1) throw await this.#notFinite(ready, step, loss, norm, learningRate);
    const plotted = names
      .slice(1)
      .map((name, index) => [name.slice(SCALAR.length), rest[index] ?? Number.NaN] as const);
    const scalars = { ...known, ...Object.fromEntries(plotted) };
    return { loss, learningRate, gradientNorm: norm, tokens, scalars };
  }

  /** Adds one micro-batch's gradients to the parameters', and its loss and scalars to the sums. */
  #backward(batch: Batch, step: number, microBatch: number): void {
    const { objective, models, device, arena, seed, checkpointing = false } = this.#options;
    const counters = { seed, step, microBatch };
    const tape = new Tape({ device, arena, recording: true, training: true, checkpointing, ...counters });
    const { loss, scalars = {} } = objective.loss(tape, models, batch);
    this.#sums.add("loss", loss);
    for (const [name, scalar] of Object.entries(scalars)) this.#sums.add(SCALAR + name, scalar);
    tape.backward(loss);
    arena.reset();
  }

  /** @param ready the parameters that got a gradient, which are as they were: the optimizer did nothing */
  async #notFinite(
    ready: readonly Parameter[],
    step: number,
    loss: number,
    norm: number,
    learningRate: number,
  ): Promise<NuwaError> {
    let culprit: Parameter | undefined;
    for (const parameter of ready) {
      const values = await parameter.grad.read();
      if (values.every((value) => Number.isFinite(value))) continue;
      culprit = parameter;
      break;
    }
    const where = culprit === undefined ? "" : `, first non-finite gradient in ${culprit.name}`;
    return new NuwaError(
      "TRAINING",
      `loss ${loss} and gradient norm ${norm} at step ${step + 1} (learning rate ${Number(learningRate.toPrecision(4))}${where}): training cannot go on`,
      {
        hint:
          "the last checkpoint is from before this; try a learning rate 3 to 10 times smaller, a longer warm-up, " +
          "or a smaller clip",
      },
    );
  }
}
