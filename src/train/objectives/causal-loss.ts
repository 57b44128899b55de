import type { CausalModel, LossResult, TokenBatch } from "../../models/index.ts";
import type { Tape } from "../../tensor/index.ts";
import type { Batch } from "./objective.ts";

/** A batch's arrays on the device, for {@link CausalModel.loss} and {@link CausalModel.logProbabilities}. */
export function toDevice(tape: Tape, { B, T, tokens, targets, weights, segments, positions }: Batch): TokenBatch {
  const int32 = (values: ArrayLike<number>) => tape.constant(values, [B, T], "int32");
  return {
    tokens: int32(tokens),
    targets: int32(targets),
    ...(weights && { weights: tape.constant(weights, [B, T]) }),
    ...(segments && { segments: int32(segments) }),
    ...(positions && { positions: int32(positions) }),
  };
}

/**
 * Cross-entropy of each position's target, given the tokens up to it: what next-token training and fine-tuning share.
 * The loss (1) is the weighted sum over the batch divided by its normalizer.
 */
export function causalLoss(tape: Tape, model: CausalModel, batch: Batch): LossResult {
  return model.loss(tape, toDevice(tape, batch), { normalizer: batch.normalizer });
}
