import type { CausalModel } from "../../models/index.ts";
import { Tape } from "../../tensor/index.ts";
import { causalLoss } from "./causal-loss.ts";
import type { Models } from "./models.ts";
import type { Batch, EvaluationContext, HeldOut, HeldOutScore, Objective, StepBatches } from "./objective.ts";

/** Held-out text, cut into batches that score each token once. */
export interface HeldOutText<M extends Models> {
  readonly batches: () => AsyncIterable<Batch> | Iterable<Batch>;
  /** Text that the scored tokens stand for, in UTF-8 bytes and characters, where known: for bits per byte. */
  readonly bytes?: number;
  readonly characters?: number;
  /** Whose loss it is. */
  model(models: M): CausalModel;
}

/**
 * The usual evaluation: the mean loss over the held-out tokens that count, without dropout. The sums are in float64 and
 * in a fixed order, so the same weights give the same score.
 */
export function heldOutLoss<M extends Models>(text: HeldOutText<M>): HeldOut<M> & HeldOutText<M> {
  return { ...text, evaluate: (models, context) => score(text.model(models), text, context) };
}

/** An objective of given texts: the batches of a step depend on its number alone. */
export type TextObjective<M extends Models> = Objective<M> & {
  next(step: number): Promise<StepBatches>;
  readonly heldOut: (HeldOut<M> & HeldOutText<M>) | undefined;
};

async function score<M extends Models>(
  model: CausalModel,
  text: HeldOutText<M>,
  { arena, isCancelled }: EvaluationContext,
): Promise<HeldOutScore | undefined> {
  let nats = 0;
  let weight = 0;
  let tokens = 0;
  for await (const batch of text.batches()) {
    if (isCancelled()) return undefined;
    const tape = new Tape({ device: model.device, arena, recording: false, training: false });
    const { tokenLosses } = causalLoss(tape, model, { ...batch, normalizer: 1 });
    const losses = await tokenLosses.read(); // (B·T), already times their weights
    for (let i = 0; i < batch.targets.length; i++) {
      const w = batch.weights?.[i] ?? 1;
      if ((batch.targets[i] ?? -1) < 0 || w === 0) continue;
      nats += losses[i] ?? 0;
      weight += w;
      tokens++;
    }
    arena.reset();
  }
  const loss = nats / weight;
  const bits = nats / Math.LN2;
  return {
    loss,
    perplexity: Math.exp(loss),
    tokens,
    bitsPerByte: text.bytes === undefined ? undefined : bits / text.bytes,
    bitsPerCharacter: text.characters === undefined ? undefined : bits / text.characters,
  };
}
