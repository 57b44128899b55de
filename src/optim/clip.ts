import type { Arena, Device, Parameter, Storage } from "../tensor/index.ts";

/** Bounds of {@link clipByGlobalNorm}, and where its result goes. */
export interface ClipOptions {
  /** Infinity to measure only. */
  readonly maxNorm: number;
  /** What has to be finite too for the step to be taken: its loss. */
  readonly values?: Storage | undefined;
  /** Where the result goes, three elements; default: from the arena. */
  readonly out?: Storage | undefined;
}

/** Elements of one vector on the device. */
export interface ClipResult {
  /** √(Σ gradient²) over all parameters; NaN or infinite when any gradient is. */
  readonly norm: Storage;
  /** What an optimizer multiplies gradients by: 1, less when the norm is above the maximum, 0 when not finite. */
  readonly scale: Storage;
  /** 0 when any gradient is NaN or infinite: the step must not be taken; else 1. */
  readonly finite: Storage;
}

/**
 * Measures the norm of all gradients together, and says how to scale them so that it is at most `maxNorm`
 * (Pascanu et al. 2013). Changes no gradient: the optimizer applies the scale as it reads them. Nothing crosses to the
 * host; the sums are in the order of the parameters.
 *
 * @param arena where the sums go; they are freed at once
 * @example
 * const { scale } = clipByGlobalNorm(device, arena, model.parameters, { maxNorm: 1 });
 * optimizer.step({ learningRateScale: 1, gradientScale: scale });
 */
export function clipByGlobalNorm(
  device: Device,
  arena: Arena,
  parameters: Iterable<Parameter>,
  options: ClipOptions,
): ClipResult {
  const { maxNorm, values = null, out = arena.allocate("float32", 3) } = options;
  const ready = [...parameters].filter((parameter) => parameter.gradReady);
  const squares = arena.allocate("float32", ready.length);
  for (const [index, parameter] of ready.entries()) device.sumOfSquares(squares, index, parameter.grad.storage);
  device.clipGradients(out, values, squares, maxNorm);
  arena.free(squares);
  return { norm: out.slice(0, 1), scale: out.slice(1, 1), finite: out.slice(2, 1) };
}
