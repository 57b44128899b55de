import { NuwaError } from "../text/errors.ts";

/** How the next token is drawn. Names and meanings as in Hugging Face's generation_config.json. */
export interface SamplingSettings {
  /** Divides the logits; 0 takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens; 0 for all. */
  readonly top_k: number;
  /** Only the fewest tokens whose probabilities reach p together; 1 for all (Holtzman et al. 2020). */
  readonly top_p: number;
  /** Only tokens at least this share as likely as the likeliest; 0 for all (Nguyen et al. 2024). */
  readonly min_p: number;
  /** Divides the positive logits of tokens seen before and multiplies their negative ones; 1 for none (CTRL, 2019). */
  readonly repetition_penalty: number;
}

/** Plain sampling from the model's own distribution. */
export const plainSampling: SamplingSettings = {
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
};

/** A token that was drawn, and its log probability. */
export interface SampledToken {
  readonly id: number;
  /** Natural logarithm of the token's probability under the model, before any setting is applied. */
  readonly logprob: number;
}

/**
 * Draws one token: repetition penalty, temperature, top-k, top-p, min-p, in that order, as Hugging Face does.
 * Equal logits are ranked by id, so the result depends on the arguments alone.
 *
 * @param logits (V), not changed
 * @param random gives a number in [0, 1); called once, and not at all when temperature is 0
 * @param history ids that the repetition penalty looks at
 * @throws NuwaError CHECKPOINT when no logit is a finite number
 *
 * @example
 * sampleToken([0, 2, 1], { ...plainSampling, temperature: 0 }, Math.random).id; // 1
 */
export function sampleToken(
  logits: ArrayLike<number>,
  settings: SamplingSettings,
  random: () => number,
  history: Iterable<number> = [],
): SampledToken {
  const scores = penalise(logits, settings.repetition_penalty, history);
  if (settings.temperature === 0) return withLogprob(argmax(scores), logits);
  for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] ?? 0) / settings.temperature;

  const ranked = mostLikely(scores, settings);
  const best = scores[ranked[0] ?? 0] ?? 0;
  const weights = Float64Array.from(ranked, (id) => Math.exp((scores[id] ?? -Infinity) - best));
  const kept = cut(weights, settings);
  let total = 0;
  for (let i = 0; i < kept; i++) total += weights[i] ?? 0;
  let left = random() * total;
  for (let i = 0; i < kept; i++) {
    left -= weights[i] ?? 0;
    if (left < 0) return withLogprob(ranked[i] ?? 0, logits);
  }
  return withLogprob(ranked[kept - 1] ?? 0, logits); // rounding ate the last of the sum
}

/** A copy of the logits with the penalty applied once to each distinct id of the history. */
function penalise(logits: ArrayLike<number>, penalty: number, history: Iterable<number>): Float64Array {
  const scores = Float64Array.from(logits);
  let finite = 0;
  for (const score of scores) {
    if (Number.isNaN(score)) throw notFinite();
    if (score !== -Infinity) finite++;
  }
  if (finite === 0 || scores.includes(Infinity)) throw notFinite();
  if (penalty === 1) return scores;
  for (const id of new Set(history)) {
    const score = scores[id];
    if (score !== undefined) scores[id] = score > 0 ? score / penalty : score * penalty;
  }
  return scores;
}

/** The error of logits from which no token can be drawn. */
export function notFinite(): NuwaError {
  return new NuwaError("CHECKPOINT", "the model's logits are not finite numbers", {
    hint: "its weights are damaged or its training diverged; use an earlier checkpoint",
  });
}

function argmax(scores: Float64Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  return best;
}

/** Ids from the likeliest down: the first top_k of them, or all when a later cut needs an order, else in id order. */
function mostLikely(scores: Float64Array, settings: SamplingSettings): readonly number[] {
  const { top_k: k } = settings;
  if (k <= 0 || k >= scores.length) {
    return Array.from(scores, (_, id) => id).toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  }
  // One pass with a short sorted list: k is small beside V.
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? 0;
    if (ids.length === k && score <= (scores[ids[k - 1] ?? 0] ?? 0)) continue;
    let rank = Math.min(ids.length, k - 1);
    for (; rank > 0 && score > (scores[ids[rank - 1] ?? 0] ?? 0); rank--) ids[rank] = ids[rank - 1] ?? 0;
    ids[rank] = id;
  }
  return ids;
}

/** How many of the leading weights (sorted, largest first; the largest is 1) top-p and min-p leave: at least one. */
function cut(weights: Float64Array, settings: SamplingSettings): number {
  let kept = weights.length;
  if (settings.top_p < 1) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    for (let i = 0; i < kept; i++) {
      sum += weights[i] ?? 0;
      if (sum >= settings.top_p * total) kept = i + 1;
    }
  }
  // min-p compares with the likeliest token, whose weight is 1.
  while (kept > 1 && (weights[kept - 1] ?? 0) < settings.min_p) kept--;
  return kept;
}

function withLogprob(id: number, logits: ArrayLike<number>): SampledToken {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i] ?? -Infinity);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] ?? -Infinity) - max);
  return { id, logprob: (logits[id] ?? -Infinity) - max - Math.log(sum) };
}
