import type { Arena, Device, DType, DropoutDims } from "./device.ts";
import { elementCount, Parameter, Tensor } from "./tensor.ts";

export interface TapeOptions {
  readonly device: Device;
  readonly arena: Arena;
  /** Whether ops keep what their backward needs. False for evaluation and generation. */
  readonly recording: boolean;
  /** Whether dropout drops. */
  readonly training: boolean;
  /** For dropout: the run's seed. */
  readonly seed?: number;
  /** For dropout: counts optimizer steps. */
  readonly step?: number;
  /** For dropout: counts micro-batches inside a step. */
  readonly microBatch?: number;
}

interface Entry {
  readonly output: Tensor;
  readonly backward: (dout: Tensor) => void;
  /** What backward needs beside the output; freed after it. */
  readonly saved: readonly Tensor[];
}

/**
 * Records ops as they run, and runs their backwards in reverse. One tape serves one forward (and backward) pass:
 * everything it allocates comes from its arena and is invalid after `arena.reset()`.
 *
 * @example
 * const tape = new Tape({ device, arena, recording: true, training: true });
 * const loss = model.loss(tape, tokens, targets);
 * tape.backward(loss); // parameters' .grad are filled
 * arena.reset();
 */
export class Tape {
  readonly device: Device;
  readonly arena: Arena;
  readonly recording: boolean;
  readonly training: boolean;
  readonly #seed: number;
  readonly #step: number;
  readonly #microBatch: number;
  #dropoutSite = 0;
  readonly #entries: Entry[] = [];

  constructor(options: TapeOptions) {
    this.device = options.device;
    this.arena = options.arena;
    this.recording = options.recording;
    this.training = options.training;
    this.#seed = options.seed ?? 0;
    this.#step = options.step ?? 0;
    this.#microBatch = options.microBatch ?? 0;
  }

  /** A new tensor from the arena, contents undefined. */
  empty(shape: readonly number[], dtype: DType = "float32", requiresGrad = false): Tensor {
    return new Tensor(this.device, this.arena.allocate(dtype, elementCount(shape)), shape, requiresGrad);
  }

  /** A new tensor from host data. */
  constant(data: ArrayLike<number>, shape: readonly number[], dtype: DType = "float32"): Tensor {
    const tensor = this.empty(shape, dtype);
    this.device.write(tensor.storage, data);
    return tensor;
  }

  /** The output of an op: it needs a gradient when the tape records and any input needs one. */
  output(shape: readonly number[], inputs: readonly (Tensor | undefined)[]): Tensor {
    const requiresGrad = this.recording && inputs.some((input) => input?.requiresGrad === true);
    return this.empty(shape, "float32", requiresGrad);
  }

  /**
   * Remembers how to send `output`'s gradient on to the op's inputs. Not called for outputs that need no gradient.
   * `saved` tensors, the output and its gradient are freed once the backward has run, so an op may save only
   * tensors that it allocated itself.
   */
  record(output: Tensor, backward: (dout: Tensor) => void, saved: readonly Tensor[] = []): void {
    if (output.requiresGrad) this.#entries.push({ output, backward, saved });
    else for (const tensor of saved) this.free(tensor);
  }

  /** Where an op's backward puts an input's gradient: write when `accumulate` is false, add when it is true. */
  gradient(input: Tensor): { readonly tensor: Tensor; readonly accumulate: boolean } {
    if (input instanceof Parameter) {
      const accumulate = input.gradReady;
      input.gradReady = true;
      return { tensor: input.grad, accumulate };
    }
    const accumulate = input.grad !== undefined;
    const tensor = input.grad ?? this.empty(input.shape);
    input.grad = tensor;
    return { tensor, accumulate };
  }

  /** Runs every recorded backward, last first. `seedGradient` is d(final)/d(loss) for each element of `loss`. */
  backward(loss: Tensor, seedGradient = 1): void {
    if (!this.recording) return;
    if (loss.grad === undefined) loss.grad = this.empty(loss.shape);
    this.device.fill(loss.grad.storage, seedGradient);
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { output, backward, saved } = entry;
      const { grad } = output;
      if (grad !== undefined) {
        backward(grad);
        this.free(grad);
        output.grad = undefined;
      }
      for (const tensor of saved) this.free(tensor);
      if (output !== loss) this.free(output);
    }
  }

  /** Gives a tensor's memory back to the arena. */
  free(tensor: Tensor): void {
    this.arena.free(tensor.storage);
  }

  /** Counter for the next dropout of this pass: the same in every run, whatever the number of threads. */
  nextDropout(p: number): Omit<DropoutDims, "accumulate"> {
    const site = this.#dropoutSite++;
    const seedHigh = Math.floor(this.#seed / 2 ** 32) >>> 0;
    return { p, seed: [this.#seed >>> 0, seedHigh], counter: [this.#step, site, this.#microBatch] };
  }
}
