import { NuwaError } from "../../text/errors.ts";
import type { DType, WeightDType } from "../device.ts";
import type { Tape } from "../tape.ts";
import { Parameter, type Tensor } from "../tensor.ts";

/** `"q (2, 8, 4, 16)"`: a tensor as errors name it; a parameter also by its own name. */
export function describe(label: string, tensor: Tensor): string {
  const name = tensor instanceof Parameter ? `${label} "${tensor.name}"` : label;
  const type = tensor.dtype === "float32" ? "" : ` ${tensor.dtype}`;
  return `${name}${type} (${tensor.shape.join(", ")})`;
}

/** The error of an op whose inputs do not fit: names the op, what it expected, and every shape that came. */
export function shapeError(op: string, expected: string, inputs: Readonly<Record<string, Tensor>>): NuwaError {
  const got = Object.entries(inputs).map(([label, tensor]) => describe(label, tensor));
  return new NuwaError("SHAPE", `${op}: expected ${expected}, got ${got.join(" and ")}`);
}

/** Checks that every input is on the tape's device and of the dtype. @throws NuwaError SHAPE */
export function checkInputs(
  op: string,
  tape: Tape,
  inputs: Readonly<Record<string, Tensor | undefined>>,
  dtype: DType | WeightDType = "float32",
): void {
  for (const [label, tensor] of Object.entries(inputs)) {
    if (tensor === undefined) continue;
    if (tensor.device !== tape.device) {
      const devices = `the tape's device (${tape.device.name}), got ${describe(label, tensor)}`;
      throw new NuwaError("SHAPE", `${op}: expected every tensor on ${devices} on another (${tensor.device.name})`);
    }
    if (tensor.dtype !== dtype) {
      throw new NuwaError("SHAPE", `${op}: expected ${dtype} values, got ${describe(label, tensor)}`);
    }
  }
}

/** The same for a matrix that may be kept in fewer bits; gradients through one of those are refused. */
export function checkWeight(op: string, tape: Tape, label: string, weight: Tensor): void {
  const { dtype } = weight;
  checkInputs(op, tape, { [label]: weight }, dtype === "int32" ? "float32" : dtype);
  if (dtype === "float32" || !tape.recording) return;
  throw new NuwaError(
    "SHAPE",
    `${op}: expected float32 weights on a tape that records, got ${describe(label, weight)}`,
    {
      hint: "weights of fewer bits are for inference",
    },
  );
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Splits (..., C) into rows and C. A scalar shape () is one row of one. */
export function rowsOf(tensor: Tensor): { readonly rows: number; readonly width: number } {
  const width = tensor.shape.at(-1) ?? 1;
  return { rows: width === 0 ? 0 : tensor.length / width, width };
}

/**
 * Checks int32 ids against a table of `size` rows by their known bounds. Ids that the device made are not checked.
 * @param options.hint default: for ids that are tokens
 * @throws NuwaError SHAPE
 */
export function checkIds(
  op: string,
  label: string,
  ids: Tensor,
  size: number,
  options: { readonly negative: boolean; readonly hint?: string },
): void {
  const { bounds } = ids;
  if (bounds === undefined || ids.length === 0) return;
  if (bounds.max < size && (options.negative || bounds.min >= 0)) return;
  const wrong = bounds.max >= size ? bounds.max : bounds.min;
  throw new NuwaError("SHAPE", `${op}: expected ${label} from 0 to ${size - 1}, got ${wrong}`, {
    hint: options.hint ?? "the tokens were made with another tokenizer, or the vocabulary of the model is too small",
  });
}

export interface Smoothing {
  /**
   * ε of Szegedy et al. 2016, as torch.nn.CrossEntropyLoss has it: the target's probability is 1 − ε + ε/V, each
   * other's ε/V. From 0 (the default) to 1.
   */
  readonly labelSmoothing?: number | undefined;
  /** Each row's loss gains this times (log Σ exp logits)² (Chowdhery et al. 2022, PaLM: 1e-4). Default 0. */
  readonly zLoss?: number | undefined;
}

/** The same with the defaults filled in. @throws NuwaError VALUE */
export function checkSmoothing(op: string, options: Smoothing): { labelSmoothing: number; zLoss: number } {
  const { labelSmoothing = 0, zLoss = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new NuwaError("VALUE", `${op}: expected labelSmoothing from 0 to 1, got ${labelSmoothing}`);
  }
  if (!(zLoss >= 0 && Number.isFinite(zLoss))) {
    throw new NuwaError("VALUE", `${op}: expected a zLoss of 0 or more, got ${zLoss}`);
  }
  return { labelSmoothing, zLoss };
}
