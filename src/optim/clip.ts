import type { Arena, Parameter } from "../tensor/index.ts";

export interface ClipResult {
  /** √(Σ gradient²) over all parameters, after `gradientScale`; NaN or infinite when any gradient is. */
  readonly norm: number;
  /** What an optimizer multiplies gradients by: `gradientScale`, and less when the norm is above the maximum. */
  readonly scale: number;
  /** False when any gradient is NaN or infinite: the step must not be taken. */
  readonly finite: boolean;
}

/**
 * Measures the norm of all gradients together, and says how to scale them so that it is at most `maxNorm`
 * (Pascanu et al. 2013). Changes nothing: the optimizer applies the scale as it reads the gradients.
 *
 * @param arena where the sums go; they are freed at once
 * @param options.maxNorm Infinity to measure only
 * @param options.gradientScale what gradients are to be multiplied by anyway, default 1
 */
export function clipByGlobalNorm(
  arena: Arena,
  parameters: Iterable<Parameter>,
  options: { readonly maxNorm: number; readonly gradientScale?: number },
): ClipResult {
  const { maxNorm, gradientScale = 1 } = options;
  const ready = [...parameters].filter((parameter) => parameter.gradReady);
  const [first] = ready;
  if (first === undefined) return { norm: 0, scale: gradientScale, finite: true };
  const { device } = first;
  const sums = arena.allocate("float32", ready.length);
  for (const [index, parameter] of ready.entries()) device.sumOfSquares(sums, index, parameter.grad.storage);
  let total = 0;
  for (const value of device.read(sums)) total += value;
  arena.free(sums);
  const norm = Math.sqrt(total) * gradientScale;
  const finite = Number.isFinite(norm);
  // 1e-6 as in PyTorch's clip_grad_norm_
  return { norm, scale: finite ? gradientScale * Math.min(1, maxNorm / (norm + 1e-6)) : 0, finite };
}
