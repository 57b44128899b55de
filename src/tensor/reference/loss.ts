import type { CrossEntropyDims, Storage } from "../device.ts";
import { at, floats, integers } from "./memory.ts";

/**
 * loss = Σ −q·log softmax(logits) + z·logSumExp², with q = (1 − ε)·onehot(target) + ε/V; its gradient is
 * softmax(logits)·(1 + 2·z·logSumExp) − q.
 */
export function crossEntropy(
  losses: Storage,
  logits: Storage,
  targets: Storage,
  weights: Storage | null,
  dims: CrossEntropyDims,
): void {
  const { rows, vocabulary, gradientScale, labelSmoothing = 0, zLoss = 0 } = dims;
  const [result, scores, classes] = [floats(losses), floats(logits), integers(targets)];
  const w = weights === null ? null : floats(weights);
  for (let row = 0; row < rows; row++) {
    const z = scores.subarray(row * vocabulary, (row + 1) * vocabulary);
    const target = at(classes, row);
    const weight = target < 0 ? 0 : w === null ? 1 : at(w, row);
    const largest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = z.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    const logSumExp = largest + Math.log(total);
    const mean = z.reduce((sum, score) => sum + score / vocabulary, 0);
    const entropy = (1 - labelSmoothing) * (logSumExp - at(z, target)) + labelSmoothing * (logSumExp - mean);
    result[row] = target < 0 ? 0 : (entropy + zLoss * logSumExp ** 2) * weight;
    if (gradientScale === null) continue;
    for (let i = 0; i < vocabulary; i++) {
      const probability = Math.exp(at(z, i) - logSumExp);
      const wanted = (i === target ? 1 - labelSmoothing : 0) + labelSmoothing / vocabulary;
      const slope = probability * (1 + 2 * zLoss * logSumExp) - wanted;
      z[i] = weight === 0 ? 0 : slope * weight * gradientScale;
    }
  }
}
