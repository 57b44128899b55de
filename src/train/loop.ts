import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { plainSampling } from "../generate/sampler.ts";
import type { CausalModel } from "../models/index.ts";
import { createSchedule, type Optimizer } from "../optim/index.ts";
import type { Arena } from "../tensor/index.ts";
import { checkpointName, pointCheckpoint, pruneCheckpoints, type TrainerState, writeCheckpoint } from "./checkpoint.ts";
import { evaluate, type HeldOutScore } from "./evaluate.ts";
import type { DoneEvent, EvalEvent, TrainEvent } from "./events.ts";
import type { TrainControl, TrainJob } from "./job.ts";
import { type MetricsLine, MetricsLog } from "./metrics.ts";
import type { Prepared } from "./prepare.ts";
import { writeSample } from "./sample.ts";
import { Trainer } from "./trainer.ts";

export interface LoopOptions {
  readonly job: TrainJob;
  readonly prepared: Prepared;
  readonly onEvent: (event: TrainEvent) => void;
  /** Where checkpoints go. */
  readonly folder: string;
  /** Length of the whole run. */
  readonly steps: number;
  readonly model: CausalModel;
  readonly optimizer: Optimizer;
  readonly arena: Arena;
  /** Step 0, or the checkpoint that model and optimizer were loaded from. */
  readonly start: TrainerState;
  /** Noted in checkpoints. */
  readonly kernels: string;
  readonly control: TrainControl;
}

/**
 * The steps, and after each what is due: metrics, evaluation, samples, checkpoint. Evaluation and samples only look,
 * so how often they come changes nothing in the weights.
 */
export async function trainLoop(options: LoopOptions): Promise<DoneEvent> {
  const { job, prepared, folder, steps, model, optimizer, arena, start, control } = options;
  const { settings } = job;
  const { objective } = prepared;
  const trainer = new Trainer({
    model,
    optimizer,
    objective,
    schedule: createSchedule(settings.schedule, steps),
    learningRate: settings.optimizer.learning_rate,
    clip: settings.clip,
    seed: settings.seed,
    checkpointing: settings.activation_checkpointing,
    arena,
  });
  const metrics = MetricsLog.open(join(job.directory, "metrics.jsonl"), start.step === 0 ? -1 : start.step);
  const began = performance.now();
  const elapsed = (): number => start.elapsed_s + (performance.now() - began) / 1000;
  let { step, tokens, loss, best } = start;
  let saved = start.step === 0 ? -1 : start.step;
  let evaluationDue = start.evaluation_due && objective.heldOut !== undefined;

  const tell = (line: MetricsLine): void => {
    metrics.append(line);
    options.onEvent(line);
  };
  const dueAt = (every: number): boolean => step === 0 || step === steps || isDue(step, every);
  /** Evaluates and writes samples where due; a stop puts them off. @returns whether the weights are the best so far */
  const look = async (): Promise<boolean> => {
    let isBest = false;
    if (objective.heldOut !== undefined && dueAt(settings.eval_every)) {
      const score = await evaluate(model, arena, objective.heldOut, () => control.stopRequested);
      evaluationDue = score === undefined;
      if (score === undefined) return false;
      isBest = step > 0 && (best === null || score.loss < best.val_loss);
      if (isBest) best = { step, val_loss: score.loss };
      tell(evalEvent(step, score, isBest));
    }
    if (settings.sample_every > 0 && dueAt(settings.sample_every)) await showSamples(options, step, tell);
    return isBest;
  };
  const save = async (): Promise<void> => {
    metrics.flush();
    const progress = { step, tokens, loss, best, elapsed_s: elapsed(), evaluation_due: evaluationDue };
    const state = { ...start, ...progress, kernels: options.kernels };
    const { specialTokens } = prepared;
    const path = await writeCheckpoint(folder, { model, optimizer, tokenizer: job.tokenizer, specialTokens, state });
    await pointCheckpoint(folder, "latest", step);
    const isBest = best?.step === step;
    if (isBest) await pointCheckpoint(folder, "best", step);
    await pruneCheckpoints(folder, settings.keep, best?.step);
    saved = step;
    options.onEvent({ type: "checkpoint", step, path, best: isBest });
  };

  try {
    if ((step === 0 || evaluationDue) && (await look())) await save();
    while (step < steps && !control.stopRequested) {
      const before = performance.now();
      const result = await trainer.step(step);
      step++;
      ({ loss } = result);
      tokens += result.tokens;
      tell({
        type: "step",
        step,
        loss,
        lr: result.learningRate,
        grad_norm: result.gradientNorm,
        tokens,
        tokens_per_s: Math.round((1000 * result.tokens) / (performance.now() - before)),
        elapsed_s: Math.round(1000 * elapsed()) / 1000,
      });
      const improved = await look();
      if (step === steps || improved || isDue(step, settings.checkpoint_every)) await save();
      await setImmediate(); // lets a signal's handler run
    }
    if (saved !== step) await save();
  } finally {
    metrics.close();
    trainer.release();
  }
  return {
    type: "done",
    step,
    stopped: step < steps || evaluationDue,
    loss,
    best,
    checkpoint: join(folder, checkpointName(step)),
    elapsed_s: elapsed(),
  };
}

function isDue(step: number, every: number): boolean {
  return every > 0 && step % every === 0;
}

function evalEvent(step: number, score: HeldOutScore, best: boolean): EvalEvent {
  const { bitsPerByte, bitsPerCharacter } = score;
  return {
    type: "eval",
    step,
    val_loss: score.loss,
    perplexity: score.perplexity,
    tokens: score.tokens,
    ...(bitsPerByte === undefined ? {} : { bits_per_byte: bitsPerByte }),
    ...(bitsPerCharacter === undefined ? {} : { bits_per_character: bitsPerCharacter }),
    best,
  };
}

async function showSamples(options: LoopOptions, step: number, tell: (line: MetricsLine) => void): Promise<void> {
  const { job, prepared, model, arena } = options;
  const { settings } = job;
  for (const [index, { text: prompt, ids }] of prepared.prompts.entries()) {
    const text = await writeSample(model, prepared.tokenizer, arena, {
      prompt: ids,
      tokens: settings.sample_tokens,
      settings: { ...plainSampling, temperature: settings.sample_temperature },
      seed: settings.seed,
      stream: [step, index],
      stop: prepared.stop,
    });
    tell({ type: "sample", step, prompt, text });
  }
}
