import { NuwaError } from "../../text/errors.ts";
import type { Storage } from "../device.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkIds, checkInputs, checkSmoothing, sameShape, shapeError, type Smoothing } from "./check.ts";

/** What {@link linearCrossEntropy} takes beside its tensors. */
export interface LinearCrossEntropyOptions extends Smoothing {
  /** (N), weight of each token's loss; default 1. */
  readonly weights?: Tensor | undefined;
  /** The weighted sum is divided by this: usually the number of tokens, or the sum of weights, of the whole batch. */
  readonly normalizer: number;
  /** Whether a negative target is allowed, and left out of the loss. Default true; false refuses it. */
  readonly ignoreNegative?: boolean;
}

/** What {@link linearCrossEntropy} gives. */
export interface LinearCrossEntropyResult {
  /** (1): Σ tokenLosses / normalizer */
  readonly loss: Tensor;
  /**
   * (N): −log softmax(x · weightᵀ)[target] · weight, in nats, before the division; 0 where the target is negative.
   * Label smoothing and z-loss are in it, if there are any.
   */
  readonly tokenLosses: Tensor;
}

/**
 * Logits that stand in memory at one time: a quarter of them, but 16 MiB if that is less and 64 MiB if it is more.
 * Each chunk reads and packs the whole weight anew, so a few large ones are much faster than many small ones.
 */
const CHUNK_ELEMENTS = { least: 4 * 2 ** 20, most: 16 * 2 ** 20 };
const CHUNK_ROWS = 16;

/** Rows of logits that are computed at a time: the chunks are even. */
export function chunkRows(rows: number, vocabulary: number): number {
  const elements = Math.min(CHUNK_ELEMENTS.most, Math.max(CHUNK_ELEMENTS.least, (rows * vocabulary) / 4));
  const most = Math.max(CHUNK_ROWS, Math.floor(elements / vocabulary));
  return Math.ceil(rows / Math.ceil(rows / most));
}

/**
 * The last linear layer and the cross-entropy in one, chunk by chunk of rows, so that the logits (N, V) never stand
 * in memory whole. When the tape records, the gradients are computed in the forward, while a chunk's logits are
 * there: dx waits for backward, dweight is added to the weight's gradient at once. That takes the gradient of the
 * loss for 1; when backward brings another, dx is scaled and dweight is put right by a second pass.
 *
 * `tokenLosses` can be read until the arena is reset; no gradient flows through it.
 *
 * @param x (N, C)
 * @param weight (V, C)
 * @param targets (N) int32
 * @throws NuwaError SHAPE
 *
 * @example const { loss } = linearCrossEntropy(tape, hidden, head, targets, { normalizer: B * T });
 */
export function linearCrossEntropy(
  tape: Tape,
  x: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: LinearCrossEntropyOptions,
): LinearCrossEntropyResult {
  const { weights, normalizer } = options;
  const { rows, width, vocabulary } = checkShapes(tape, x, weight, targets, options);
  const smoothing = checkSmoothing("linearCrossEntropy", options);
  const { device } = tape;
  const loss = tape.output([1], [x, weight]);
  const tokenLosses = tape.empty([rows]);
  const recording = loss.requiresGrad;
  const dx = recording && x.requiresGrad ? tape.empty(x.shape) : undefined;
  const size = chunkRows(rows, vocabulary);

  /** One pass over all chunks: the losses, and if asked `scale` times the gradients: dx written, dweight added. */
  const pass = (gradient: { scale: number | Tensor; dx?: Tensor | undefined; dweight: boolean } | undefined) => {
    const scale = gradient?.scale ?? 1;
    const logits = tape.empty([size, vocabulary]);
    for (let start = 0; start < rows; start += size) {
      const count = Math.min(size, rows - start);
      const part = (storage: Storage, columns: number) => storage.slice(start * columns, count * columns);
      const chunk = logits.storage.slice(0, count * vocabulary);
      const dims = { rows: count, inputs: width, outputs: vocabulary };
      device.linear(chunk, part(x.storage, width), weight.storage, null, dims);
      const chunkWeights = weights === undefined ? null : part(weights.storage, 1);
      const gradientScale = gradient === undefined ? null : (typeof scale === "number" ? scale : 1) / normalizer;
      const entropy = { rows: count, vocabulary, gradientScale, ...smoothing };
      device.crossEntropy(part(tokenLosses.storage, 1), chunk, part(targets.storage, 1), chunkWeights, entropy);
      if (typeof scale !== "number") device.multiplyScalar(chunk, chunk, scale.storage);
      if (gradient?.dx !== undefined) {
        device.linearBackwardInput(part(gradient.dx.storage, width), chunk, weight.storage, dims, false);
      }
      if (gradient?.dweight === true) {
        const { tensor, accumulate } = tape.gradient(weight);
        device.linearBackwardWeight(tensor.storage, chunk, part(x.storage, width), dims, accumulate);
      }
    }
    tape.free(logits);
  };

  pass(recording ? { scale: 1, dx, dweight: weight.requiresGrad } : undefined);
  device.sum(loss.storage, 0, tokenLosses.storage);
  device.axpby(loss.storage, loss.storage, 1 / normalizer, loss.storage, 0);

  const backward = (dout: Tensor, known: number | undefined) => {
    if (known === undefined) {
      if (dx !== undefined) device.multiplyScalar(dx.storage, dx.storage, dout.storage);
      if (weight.requiresGrad) {
        const difference = tape.empty([1]); // dout − 1
        device.fill(difference.storage, -1);
        device.axpby(difference.storage, difference.storage, 1, dout.storage, 1);
        pass({ scale: difference, dweight: true });
        tape.free(difference);
      }
    } else if (known !== 1) {
      if (dx !== undefined) device.axpby(dx.storage, dx.storage, known, dx.storage, 0);
      if (weight.requiresGrad) pass({ scale: known - 1, dweight: true });
    }
    if (dx !== undefined) tape.passGradient(x, dx);
  };
  tape.record(loss, backward, dx === undefined ? [] : [dx]);
  return { loss, tokenLosses };
}

/**
 * log softmax(x · weightᵀ)[target] of each row, chunk by chunk like {@link linearCrossEntropy}, with a gradient from
 * each: for what is not a sum over tokens (DPO, PPO). Backward computes the logits again.
 *
 * @param x (N, C)
 * @param weight (V, C)
 * @param targets (N) int32
 * @returns (N): in nats, 0 or less; 0, without a gradient, where the target is negative
 * @throws NuwaError SHAPE
 *
 * @example const logProbs = linearLogProbs(tape, hidden, head, tokens);
 */
export function linearLogProbs(tape: Tape, x: Tensor, weight: Tensor, targets: Tensor): Tensor {
  const op = "linearLogProbs";
  const { rows, width, vocabulary } = checkShapes(tape, x, weight, targets, { normalizer: 1 }, op);
  const { device } = tape;
  const out = tape.output([rows], [x, weight]);
  const size = chunkRows(rows, vocabulary);
  const part = (tensor: Tensor, start: number, count: number, columns: number) =>
    tensor.storage.slice(start * columns, count * columns);

  /** Runs `work` on the logits of each chunk of rows. */
  const eachChunk = (work: (logits: Storage, start: number, count: number) => void) => {
    const logits = tape.empty([size, vocabulary]);
    for (let start = 0; start < rows; start += size) {
      const count = Math.min(size, rows - start);
      const chunk = logits.storage.slice(0, count * vocabulary);
      const dims = { rows: count, inputs: width, outputs: vocabulary };
      device.linear(chunk, part(x, start, count, width), weight.storage, null, dims);
      work(chunk, start, count);
    }
    tape.free(logits);
  };

  eachChunk((chunk, start, count) => {
    const losses = part(out, start, count, 1);
    const dims = { rows: count, vocabulary, gradientScale: null };
    device.crossEntropy(losses, chunk, part(targets, start, count, 1), null, dims);
  });
  device.axpby(out.storage, out.storage, -1, out.storage, 0);

  tape.record(out, (dout) => {
    const losses = tape.empty([size]);
    const dx = x.requiresGrad ? tape.gradient(x) : undefined;
    eachChunk((chunk, start, count) => {
      const [wanted, upstream] = [part(targets, start, count, 1), part(dout, start, count, 1)];
      const entropy = { rows: count, vocabulary, gradientScale: -1 };
      device.crossEntropy(losses.storage.slice(0, count), chunk, wanted, upstream, entropy);
      const dims = { rows: count, inputs: width, outputs: vocabulary };
      if (dx !== undefined) {
        device.linearBackwardInput(part(dx.tensor, start, count, width), chunk, weight.storage, dims, dx.accumulate);
      }
      if (weight.requiresGrad) {
        const { tensor, accumulate } = tape.gradient(weight);
        device.linearBackwardWeight(tensor.storage, chunk, part(x, start, count, width), dims, accumulate);
      }
    });
    tape.free(losses);
  });
  return out;
}

function checkShapes(
  tape: Tape,
  x: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: LinearCrossEntropyOptions,
  op = "linearCrossEntropy",
): { rows: number; width: number; vocabulary: number } {
  const { weights, normalizer } = options;
  checkInputs(op, tape, { x, weight, weights });
  checkInputs(op, tape, { targets }, "int32");
  const [rows, width] = x.shape;
  const [vocabulary, columns] = weight.shape;
  if (rows === undefined || width === undefined || x.shape.length !== 2) {
    throw shapeError(op, "x (N, C)", { x, weight });
  }
  if (vocabulary === undefined || columns !== width || weight.shape.length !== 2) {
    throw shapeError(op, "weight (V, C) for x (N, C)", { x, weight });
  }
  if (targets.length !== rows) throw shapeError(op, "a target for each row of x", { x, targets });
  if (weights !== undefined && !sameShape(weights.shape, targets.shape)) {
    throw shapeError(op, "a weight for each target", { targets, weights });
  }
  if (!(normalizer > 0 && Number.isFinite(normalizer))) {
    throw new NuwaError("VALUE", `${op}: expected a normalizer above 0, got ${normalizer}`);
  }
  checkIds(op, "targets", targets, vocabulary, { negative: options.ignoreNegative ?? true });
  return { rows, width, vocabulary };
}
