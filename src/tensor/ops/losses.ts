import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { mean } from "./axes.ts";
import { checkIds, checkInputs, checkSmoothing, rowsOf, sameShape, shapeError, type Smoothing } from "./check.ts";
import { add, multiply, scale, subtract } from "./elementwise.ts";
import { logSigmoid, square } from "./functions.ts";

/** What {@link crossEntropy} takes beside logits and targets. */
export interface CrossEntropyOptions extends Smoothing {
  /** (...), weight of each row's loss; default 1. No gradient flows to it. */
  readonly weights?: Tensor | undefined;
}

/**
 * −log softmax(logits)[target] of each row, for logits that are there. For a model's vocabulary use
 * `linearCrossEntropy`, which never holds them all.
 *
 * @param logits (..., V)
 * @param targets (...) int32; a negative one gives loss 0
 * @returns (...): the losses in nats, times their weights
 * @throws NuwaError SHAPE, VALUE
 * @example const loss = mean(tape, crossEntropy(tape, logits, labels)); // (B, classes) and (B)
 */
export function crossEntropy(tape: Tape, logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const op = "crossEntropy";
  const { weights } = options;
  checkInputs(op, tape, { logits, weights });
  checkInputs(op, tape, { targets }, "int32");
  const { rows, width: vocabulary } = rowsOf(logits);
  if (logits.shape.length === 0 || !sameShape(targets.shape, logits.shape.slice(0, -1))) {
    throw shapeError(op, "a target (...) for each row of logits (..., V)", { logits, targets });
  }
  if (weights !== undefined && !sameShape(weights.shape, targets.shape)) {
    throw shapeError(op, "a weight for each target", { targets, weights });
  }
  checkIds(op, "targets", targets, vocabulary, { negative: true });
  const dims = { rows, vocabulary, ...checkSmoothing(op, options) };
  const { device } = tape;
  const out = tape.output(targets.shape, [logits]);
  const scratch = tape.empty(logits.shape); // the kernel writes over its logits
  device.copy(scratch.storage, logits.storage);
  const w = weights?.storage ?? null;
  device.crossEntropy(out.storage, scratch.storage, targets.storage, w, { ...dims, gradientScale: null });
  tape.free(scratch);
  tape.record(out, (dout) => {
    const upstream = tape.empty(targets.shape);
    if (w === null) device.copy(upstream.storage, dout.storage);
    else device.multiply(upstream.storage, dout.storage, w, false);
    const unused = tape.empty(targets.shape);
    const dlogits = tape.gradientWrite(logits);
    device.copy(dlogits.storage, logits.storage);
    const backward = { ...dims, gradientScale: 1 };
    device.crossEntropy(unused.storage, dlogits.storage, targets.storage, upstream.storage, backward);
    dlogits.finish();
    tape.free(upstream);
    tape.free(unused);
  });
  return out;
}

/** Mean of (a − b)² over all elements: two tensors of one shape -> (1). @throws NuwaError SHAPE */
export function meanSquaredError(tape: Tape, a: Tensor, b: Tensor): Tensor {
  checkPair("meanSquaredError", tape, { a, b });
  return mean(tape, square(tape, subtract(tape, a, b)));
}

/**
 * −t·log σ(x) − (1 − t)·log σ(−x), element by element.
 *
 * @param logits any shape
 * @param targets the same shape, from 0 to 1; no gradient flows to them
 * @throws NuwaError SHAPE
 */
export function binaryCrossEntropy(tape: Tape, logits: Tensor, targets: Tensor): Tensor {
  checkPair("binaryCrossEntropy", tape, { logits, targets });
  const { device } = tape;
  const [yes, no] = [tape.empty(targets.shape), tape.empty(targets.shape)];
  device.axpby(yes.storage, targets.storage, -1, targets.storage, 0);
  device.fill(no.storage, -1);
  device.axpby(no.storage, no.storage, 1, targets.storage, 1);
  const ofYes = multiply(tape, yes, logSigmoid(tape, logits));
  const ofNo = multiply(tape, no, logSigmoid(tape, scale(tape, logits, -1)));
  return add(tape, ofYes, ofNo);
}

/**
 * −log σ(chosen − rejected): the loss of reward models (Ouyang et al. 2022, equation 1; Bradley & Terry 1952), pair by
 * pair.
 *
 * @param chosen scores, any shape
 * @param rejected scores, the same shape
 * @throws NuwaError SHAPE
 * @example const loss = mean(tape, preferenceLoss(tape, chosen, rejected)); // (B) and (B)
 */
export function preferenceLoss(tape: Tape, chosen: Tensor, rejected: Tensor): Tensor {
  checkPair("preferenceLoss", tape, { chosen, rejected });
  return scale(tape, logSigmoid(tape, subtract(tape, chosen, rejected)), -1);
}

function checkPair(op: string, tape: Tape, inputs: Readonly<Record<string, Tensor>>): void {
  checkInputs(op, tape, inputs);
  const [first, second] = Object.values(inputs);
  if (first !== undefined && second !== undefined && !sameShape(first.shape, second.shape)) {
    throw shapeError(op, "two tensors of one shape", inputs);
  }
}
