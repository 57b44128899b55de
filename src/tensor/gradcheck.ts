import { PhiloxStream } from "./philox.ts";
import { ReferenceDevice } from "./reference/device.ts";
import { Tape } from "./tape.ts";
import { elementCount, Parameter, type Tensor } from "./tensor.ts";

export interface GradientCheckOptions {
  /** Half the distance between the two points of each difference; default 1e-5. */
  readonly step?: number;
  /** Largest error allowed, absolute for small gradients and relative for large ones; default 1e-7. */
  readonly tolerance?: number;
  /** For the inputs' values when none are given, and for the weights of the outputs; default 0. */
  readonly seed?: number;
  /** Whether dropout drops; default true. */
  readonly training?: boolean;
}

/** A shape, for random normal values, or values to use. */
export type GradientCheckInput = readonly number[] | { readonly shape: readonly number[]; readonly values: number[] };

/**
 * Checks an op's backward against central finite differences in float64, on the reference device:
 * (f(x + h) − f(x − h)) / 2h for every element of every input, f being a random weighting of all outputs.
 *
 * @param run builds the op from its inputs; called many times, with tensors of the given shapes
 * @returns the largest error found
 * @throws Error naming input, element and both gradients when one is beyond the tolerance
 *
 * @example
 * checkGradients((tape, [x, w]) => linear(tape, x, w), [[2, 3], [4, 3]]);
 */
export function checkGradients(
  run: (tape: Tape, inputs: readonly [Tensor, ...Tensor[]]) => Tensor,
  inputs: readonly GradientCheckInput[],
  options: GradientCheckOptions = {},
): number {
  const { step = 1e-5, tolerance = 1e-7, seed = 0, training = true } = options;
  const device = new ReferenceDevice();
  const random = new PhiloxStream(seed, [0x67726164, 0, 0]);
  const draw = (shape: readonly number[]) => Array.from({ length: elementCount(shape) }, () => random.normal());
  const parameters = inputs.map((input, i) => {
    const shape = "shape" in input ? input.shape : input;
    const parameter = new Parameter(device, `input ${i}`, shape);
    device.write(parameter.storage, "shape" in input ? input.values : draw(shape));
    return parameter;
  });
  const [first, ...others] = parameters;
  if (first === undefined) throw new Error("checkGradients: expected at least one input");

  const forward = (recording: boolean) => {
    const tape = new Tape({ device, arena: device.createArena(), recording, training, seed });
    return { tape, output: run(tape, [first, ...others]) };
  };

  const { tape, output } = forward(true);
  const weights = draw(output.shape);
  tape.backward(output, weights);
  const analytic = parameters.map((parameter) => {
    if (!parameter.gradReady) throw new Error(`checkGradients: no gradient reached ${parameter.name}`);
    return parameter.grad.toArray();
  });

  const evaluate = () => {
    const values = forward(false).output.toArray();
    return weights.reduce((sum, weight, i) => sum + weight * (values[i] ?? Number.NaN), 0);
  };
  let worst = 0;
  for (const [which, parameter] of parameters.entries()) {
    const values = parameter.toArray();
    for (let i = 0; i < values.length; i++) {
      const original = values[i] ?? 0;
      const valueAt = (x: number) => {
        values[i] = x;
        device.write(parameter.storage, values);
        return evaluate();
      };
      const numeric = (valueAt(original + step) - valueAt(original - step)) / (2 * step);
      valueAt(original);
      const found = analytic[which]?.[i] ?? Number.NaN;
      const error = Math.abs(found - numeric) / Math.max(1, Math.abs(numeric));
      if (!(error <= tolerance)) {
        throw new Error(`${parameter.name}, element ${i}: backward gives ${found}, finite differences ${numeric}`);
      }
      worst = Math.max(worst, error);
    }
  }
  return worst;
}
