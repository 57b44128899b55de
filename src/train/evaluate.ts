import type { CausalModel } from "../models/index.ts";
import { type Arena, Tape } from "../tensor/index.ts";
import type { HeldOut } from "./objectives/objective.ts";

export interface HeldOutScore {
  /** Mean loss over the tokens that count, nats. */
  readonly loss: number;
  /** exp(loss) */
  readonly perplexity: number;
  /** Tokens scored. */
  readonly tokens: number;
  /** Nats over ln 2 times the UTF-8 bytes of the text: comparable between tokenizers and languages. */
  readonly bitsPerByte: number | undefined;
  readonly bitsPerCharacter: number | undefined;
}

/**
 * Scores held-out data without learning from it: no dropout, each token once.
 * The sums are in float64 and in a fixed order, so the same weights give the same score.
 *
 * @param isCancelled looked at before each batch
 * @returns undefined when it was cancelled
 */
export async function evaluate(
  model: CausalModel,
  arena: Arena,
  heldOut: HeldOut,
  isCancelled: () => boolean = () => false,
): Promise<HeldOutScore | undefined> {
  let nats = 0;
  let weight = 0;
  let tokens = 0;
  for await (const batch of heldOut.batches()) {
    if (isCancelled()) return undefined;
    const { B, T } = batch;
    const tape = new Tape({ device: model.device, arena, recording: false, training: false });
    const { tokenLosses } = model.loss(
      tape,
      {
        tokens: tape.constant(batch.tokens, [B, T], "int32"),
        targets: tape.constant(batch.targets, [B, T], "int32"),
        ...(batch.weights && { weights: tape.constant(batch.weights, [B, T]) }),
      },
      { normalizer: 1 },
    );
    const losses = await tokenLosses.read(); // (B·T), already times their weights
    for (const [i, target] of batch.targets.entries()) {
      const w = batch.weights?.[i] ?? 1;
      if (target < 0 || w === 0) continue;
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
    bitsPerByte: heldOut.bytes === undefined ? undefined : bits / heldOut.bytes,
    bitsPerCharacter: heldOut.characters === undefined ? undefined : bits / heldOut.characters,
  };
}
