import type { Storage } from "../device.ts";
import type { DrawSettings } from "../kernels.ts";
import { at, floats, integers } from "./memory.ts";

/** Penalty, temperature, top-k, top-p, min-p, in the order of Hugging Face's generation. */
export function sampleToken(
  ids: Storage,
  logprobs: Storage,
  row: number,
  logits: Storage,
  history: Storage | null,
  settings: DrawSettings,
): void {
  const { repetitionPenalty, temperature, topK, topP, minP, uniform } = settings;
  const values = floats(logits);
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity); // NaN stays
  if (!Number.isFinite(largest)) {
    integers(ids)[row] = -1;
    floats(logprobs)[row] = Number.NaN;
    return;
  }
  const scores = values.slice();
  for (const id of new Set(history === null ? [] : integers(history))) {
    const score = scores[id];
    if (score !== undefined) scores[id] = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
  }
  const ranked = Array.from(scores, (_, id) => id).toSorted((a, b) => at(scores, b) - at(scores, a) || a - b);
  const id = temperature === 0 ? (ranked[0] ?? 0) : draw();
  integers(ids)[row] = id;
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  floats(logprobs)[row] = at(values, id) - largest - Math.log(total);

  function draw(): number {
    const best = at(scores, ranked[0] ?? 0) / temperature;
    const candidates = topK > 0 ? ranked.slice(0, topK) : ranked;
    const weights = candidates.map((token) => Math.exp(at(scores, token) / temperature - best));
    const sum = (count: number): number => weights.slice(0, count).reduce((all, weight) => all + weight, 0);
    let kept = candidates.length;
    if (topP < 1) {
      const enough = topP * sum(kept);
      let reached = 0;
      for (let i = 0; i < kept; i++) {
        reached += weights[i] ?? 0;
        if (reached >= enough) kept = i + 1;
      }
    }
    while (kept > 1 && (weights[kept - 1] ?? 0) < minP) kept--;
    let left = uniform * sum(kept);
    for (let i = 0; i < kept; i++) {
      left -= weights[i] ?? 0;
      if (left < 0) return candidates[i] ?? 0;
    }
    return candidates[kept - 1] ?? 0;
  }
}
