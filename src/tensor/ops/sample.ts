import { NuwaError } from "../../text/errors.ts";
import type { DrawSettings } from "../device.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, shapeError } from "./check.ts";

/** How the token of one row is drawn. */
export interface TokenDraw extends DrawSettings {
  /** Ids that the repetition penalty looks at; needed where that is not 1. */
  readonly history?: ArrayLike<number>;
}

/**
 * Draws a token from each row of logits, on the device: what crosses to the host is a number for each, not V.
 *
 * @param logits (B, V)
 * @param draws (B); undefined for a row that needs no token
 * @returns ids (B) int32, −1 where no token can be drawn since a logit is NaN or infinite, or none is finite; and their
 *   log probabilities (B) under the logits as they come. Undefined where no token was asked for
 * @throws NuwaError SHAPE, and VALUE for settings out of range
 *
 * @example
 * const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
 * const [id] = await sampleTokens(tape, logits, [{ ...plain, uniform: random.uniform() }]).ids.read();
 */
export function sampleTokens(
  tape: Tape,
  logits: Tensor,
  draws: readonly (TokenDraw | undefined)[],
): { readonly ids: Tensor; readonly logprobs: Tensor } {
  checkInputs("sampleTokens", tape, { logits });
  const [B = 0, V = 0] = logits.shape;
  if (logits.shape.length !== 2 || V === 0) throw shapeError("sampleTokens", "logits (B, V)", { logits });
  if (draws.length !== B) throw shapeError("sampleTokens", `${draws.length} rows, one for each draw`, { logits });
  const [ids, logprobs] = [tape.empty([B], "int32"), tape.empty([B])];
  for (const [row, draw] of draws.entries()) {
    if (draw === undefined) continue;
    checkDraw(draw);
    const { history = [] } = draw;
    const seen = draw.repetitionPenalty === 1 ? undefined : tape.constant(history, [history.length], "int32");
    const own = logits.storage.slice(row * V, V);
    tape.device.sampleToken(ids.storage, logprobs.storage, row, own, seen?.storage ?? null, draw);
    if (seen !== undefined) tape.free(seen);
  }
  return { ids, logprobs };
}

/** @throws NuwaError VALUE */
function checkDraw({ temperature, topK, topP, minP, repetitionPenalty, uniform }: DrawSettings): void {
  const expect = (name: string, holds: boolean, range: string, value: number): void => {
    if (!holds) throw new NuwaError("VALUE", `sampleTokens: expected ${name} ${range}, got ${value}`);
  };
  expect("a temperature", temperature >= 0 && Number.isFinite(temperature), "of 0 or more", temperature);
  expect("top-k", Number.isInteger(topK) && topK >= 0, "a whole number of 0 or more", topK);
  expect("top-p", topP >= 0 && topP <= 1, "from 0 to 1", topP);
  expect("min-p", minP >= 0 && minP <= 1, "from 0 to 1", minP);
  expect("a repetition penalty", repetitionPenalty > 0, "above 0", repetitionPenalty);
  expect("a uniform number", uniform >= 0 && uniform < 1, "from 0 to below 1", uniform);
}
