import type { CrossEntropyDims, Storage } from "../device.ts";
import { at, floats, integers } from "./memory.ts";

/** loss = −log softmax(logits)[target]; its gradient is softmax(logits) − onehot(target). */
export function crossEntropy(
  losses: Storage,
  logits: Storage,
  targets: Storage,
  weights: Storage | null,
  dims: CrossEntropyDims,
): void {
  const { rows, vocabulary, gradientScale } = dims;
  const [result, scores, wanted] = [floats(losses), floats(logits), integers(targets)];
  const w = weights === null ? null : floats(weights);
  for (let row = 0; row < rows; row++) {
    const z = scores.subarray(row * vocabulary, (row + 1) * vocabulary);
    const target = at(wanted, row);
    const weight = target < 0 ? 0 : w === null ? 1 : at(w, row);
    const largest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = z.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    const logSumExp = largest + Math.log(total);
    result[row] = target < 0 ? 0 : (logSumExp - at(z, target)) * weight;
    if (gradientScale === null) continue;
    for (let i = 0; i < vocabulary; i++) {
      const probability = Math.exp(at(z, i) - logSumExp);
      z[i] = weight === 0 ? 0 : (probability - (i === target ? 1 : 0)) * weight * gradientScale;
    }
  }
}
