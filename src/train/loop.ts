import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { plainSampling } from "../generate/sampler.ts";
import { createSchedule } from "../optim/index.ts";
import type { Arena, Device } from "../tensor/index.ts";
import {
  checkpointName,
  pointCheckpoint,
  pruneCheckpoints,
  type TrainerState,
  writeCheckpoint,
} from "./checkpoints/checkpoint.ts";
import type { DoneEvent, EvalEvent, TrainEvent } from "./events.ts";
import type { TrainControl, TrainJob } from "./job.ts";
import { type MetricsLine, MetricsLog } from "./metrics/metrics.ts";
import { TensorBoardLog } from "./metrics/tensorboard.ts";
import type { Models, TrainedModel } from "./objectives/models.ts";
import type { HeldOutScore } from "./objectives/objective.ts";
import type { Prepared } from "./prepare.ts";
import { writeSample } from "./sample.ts";
import { Trainer } from "./trainer.ts";

export interface LoopOptions {
  readonly job: TrainJob;
  readonly prepared: Prepared;
  readonly onEvent: (event: TrainEvent) => void;
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** Length of the whole run. */
  readonly steps: number;
  readonly device: Device;
  /** All that the objective names. */
  readonly models: Models;
  /** Those that are trained. */
  readonly trained: readonly TrainedModel[];
  readonly arena: Arena;
  /** Step 0, or the checkpoint that models and optimizers were loaded from. */
  readonly start: TrainerState;
  /** Noted in checkpoints. */
  readonly kernels: string;
  readonly control: TrainControl;
}

/**
 * The steps, and after each what is due: metrics, evaluation, samples, checkpoint. Evaluation and samples change
 * nothing, so how often they come changes nothing in the weights. What is due inside a step that is not whole comes
 * after the next that is.
 */
export async function trainLoop(options: LoopOptions): Promise<DoneEvent> {
  const { job, prepared, checkpoints, steps, device, models, trained, arena, start, control } = options;
  const { settings, objective } = prepared;
  const { heldOut } = objective;
  const trainer = new Trainer({
    objective,
    models,
    trained,
    device,
    schedule: createSchedule(settings.schedule, steps, prepared.choices.schedules),
    learningRate: settings.optimizer.learning_rate,
    clip: settings.clip,
    seed: settings.seed,
    checkpointing: settings.activation_checkpointing,
    arena,
  });
  const metrics = MetricsLog.open(join(job.directory, "metrics.jsonl"), start.step === 0 ? -1 : start.step);
  const board = new TensorBoardLog(join(job.directory, "tensorboard"), start.step);
  const began = performance.now();
  const elapsed = (): number => start.elapsed_s + (performance.now() - began) / 1000;
  let { step, tokens, loss, best } = start;
  let saved = start.step === 0 ? -1 : start.step;
  let evaluationDue = start.evaluation_due && heldOut !== undefined;
  let wholeBefore = evaluationDue ? start.step - 1 : start.step; // what a stop has put off is still due

  const report = (line: MetricsLine): void => {
    metrics.append(line);
    board.append(line);
    options.onEvent(line);
  };
  const isWhole = (): boolean => objective.isStepWhole?.(step) ?? true;
  /** Whether a multiple of `every` has come since the last whole step. */
  const isDue = (every: number): boolean => every > 0 && Math.floor(step / every) > Math.floor(wholeBefore / every);
  const isDueOrAtEnd = (every: number): boolean => step === 0 || step === steps || isDue(every);
  /** Evaluates and writes samples where due; a stop puts them off. @returns whether the weights are the best so far */
  const evaluate = async (): Promise<boolean> => {
    let isBest = false;
    if (heldOut !== undefined && (evaluationDue || isDueOrAtEnd(settings.eval_every))) {
      const score = await heldOut.evaluate(models, { arena, isCancelled: () => control.stopRequested });
      evaluationDue = score === undefined;
      if (score === undefined) return false;
      isBest = step > 0 && (best === null || score.loss < best.val_loss);
      if (isBest) best = { step, val_loss: score.loss };
      report(evalEvent(step, score, isBest));
    }
    if (settings.sample_every > 0 && isDueOrAtEnd(settings.sample_every)) await writeSamples(options, step, report);
    return isBest;
  };
  const save = async (): Promise<void> => {
    metrics.flush();
    const state: TrainerState = {
      ...start,
      step,
      tokens,
      loss,
      best,
      elapsed_s: elapsed(),
      evaluation_due: evaluationDue,
      kernels: options.kernels,
      objective: objective.state?.save(),
    };
    const { specialTokens } = prepared;
    const path = await writeCheckpoint(checkpoints, { trained, tokenizer: job.tokenizer, specialTokens, state });
    await pointCheckpoint(checkpoints, "latest", step);
    const isBest = best?.step === step;
    if (isBest) await pointCheckpoint(checkpoints, "best", step);
    await pruneCheckpoints(checkpoints, settings.keep, best?.step);
    saved = step;
    options.onEvent({ type: "checkpoint", step, path, best: isBest });
  };

  try {
    if ((step === 0 || evaluationDue) && (await evaluate())) await save();
    wholeBefore = step;
    while (step < steps && !(control.stopRequested && isWhole())) {
      const before = performance.now();
      const result = await trainer.step(step);
      step++;
      ({ loss } = result);
      tokens += result.tokens;
      report({
        type: "step",
        step,
        loss,
        lr: result.learningRate,
        grad_norm: result.gradientNorm,
        tokens,
        tokens_per_s: Math.round((1000 * result.tokens) / (performance.now() - before)),
        elapsed_s: Math.round(1000 * elapsed()) / 1000,
        ...(Object.keys(result.scalars).length > 0 && { scalars: result.scalars }),
      });
      if (isWhole()) {
        const improved = await evaluate();
        if (step === steps || improved || isDue(settings.checkpoint_every)) await save();
        wholeBefore = step;
      }
      await setImmediate(); // lets a signal's handler run
    }
    if (saved !== step) await save();
  } finally {
    metrics.close();
    board.close();
    trainer.release();
  }
  return {
    type: "done",
    step,
    stopped: step < steps || evaluationDue,
    loss,
    best,
    checkpoint: join(checkpoints, checkpointName(step)),
    elapsed_s: elapsed(),
  };
}

function evalEvent(step: number, score: HeldOutScore, best: boolean): EvalEvent {
  const { perplexity, bitsPerByte, bitsPerCharacter, scalars } = score;
  return {
    type: "eval",
    step,
    val_loss: score.loss,
    ...(perplexity === undefined ? {} : { perplexity }),
    tokens: score.tokens,
    ...(bitsPerByte === undefined ? {} : { bits_per_byte: bitsPerByte }),
    ...(bitsPerCharacter === undefined ? {} : { bits_per_character: bitsPerCharacter }),
    ...(scalars === undefined ? {} : { scalars }),
    best,
  };
}

async function writeSamples(options: LoopOptions, step: number, report: (line: MetricsLine) => void): Promise<void> {
  const { prepared, models, arena } = options;
  const { settings, objective, tokenizer } = prepared;
  const { samples, endTokens } = objective;
  if (samples === undefined) return;
  for (const [index, { text: prompt, ids }] of samples.prompts.entries()) {
    const text = await writeSample(samples.writer(models), tokenizer, arena, {
      prompt: ids,
      tokens: settings.sample_tokens,
      settings: { ...plainSampling, temperature: settings.sample_temperature },
      seed: settings.seed,
      stream: [step, index],
      stop: new Set(endTokens),
    });
    report({ type: "sample", step, prompt, text });
  }
}
