import type { Tape, Tensor } from "../tensor/index.ts";
import type { LossOptions, LossResult, ReadOptions, TokenBatch } from "./causal-model.ts";
import type { Model } from "./model.ts";

/** What a model that sees both sides reads beside the tokens; each int32 (B, T). */
export interface MaskedReadOptions extends Omit<ReadOptions, "cache"> {
  /** Which of two sentences a token belongs to (BERT's `token_type_ids`). Default: all of the first. */
  readonly tokenTypes?: Tensor | undefined;
}

/**
 * A model that gives hidden tokens' probabilities from those on both sides (Devlin et al. 2019). In a batch's `tokens`
 * the hidden ones are replaced; its `targets` are what stood there, and negative elsewhere.
 */
export interface MaskedModel extends Model {
  readonly kind: "masked";
  /** tokens int32 (B, T) -> (B, T, C). @throws NuwaError VALUE when a text is longer than the model */
  hidden(tape: Tape, tokens: Tensor, options?: MaskedReadOptions): Tensor;
  /** hidden (…, C) -> (…, V), before softmax. */
  logits(tape: Tape, hidden: Tensor): Tensor;
  /** Mean cross-entropy of the targets. */
  loss(tape: Tape, batch: TokenBatch & Pick<MaskedReadOptions, "tokenTypes">, options: LossOptions): LossResult;
}
