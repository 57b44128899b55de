import type { Arena, Device, DType, DropoutDims, Storage } from "./device.ts";
import { philoxKey } from "./philox.ts";
import { elementCount, Parameter, Tensor, type Bounds } from "./tensor.ts";

/** Where a tape computes, what it keeps, and what dropout's random numbers are counted by. */
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
  /** Whether {@link Tape.checkpoint} drops what it computed and computes it again in backward. Default false. */
  readonly checkpointing?: boolean;
}

/**
 * Sends an output's gradient on to the op's inputs. `known` is the value of all its elements when the host knows it:
 * when the output is the loss itself, or a term of the loss.
 */
export type Backward = (dout: Tensor, known: number | undefined) => void;

interface Entry {
  readonly output: Tensor;
  readonly backward: Backward;
  /** What backward needs and nothing else does; freed after it. */
  readonly saved: readonly Tensor[];
}

/** Where a kernel writes a gradient when it can only write, not add; call `finish` after it. */
export interface GradientWrite {
  readonly storage: Storage;
  readonly finish: () => void;
}

/**
 * Records ops as they run, and runs their backwards in reverse. One tape serves one forward (and backward) pass:
 * everything it allocates comes from its arena and is invalid after `arena.reset()`.
 *
 * Memory is counted by holders: a storage that two tensors share (a view, a gradient handed to two inputs) goes
 * back to the arena when the last of them is freed.
 *
 * @example
 * const tape = new Tape({ device, arena, recording: true, training: true });
 * const { loss } = model.loss(tape, tokens, targets);
 * tape.backward(loss); // parameters' .grad are filled
 * arena.reset();
 */
export class Tape {
  readonly device: Device;
  readonly arena: Arena;
  readonly training: boolean;
  readonly checkpointing: boolean;
  #recording: boolean;
  readonly #seed: number;
  readonly #step: number;
  readonly #microBatch: number;
  /** Gradients whose elements all have a value that the host knows. */
  readonly #known = new WeakMap<Tensor, number>();
  #dropoutSite = 0;
  #entries: Entry[] = [];
  /** Tensors that this tape made and has not freed. */
  readonly #held = new Set<Tensor>();
  /** How many of them share each storage. */
  readonly #holders = new Map<Storage, number>();
  /** Tensors made since the innermost {@link scope} began. */
  #scope: Tensor[] | undefined = undefined;

  constructor(options: TapeOptions) {
    this.device = options.device;
    this.arena = options.arena;
    this.#recording = options.recording;
    this.training = options.training;
    this.#seed = options.seed ?? 0;
    this.#step = options.step ?? 0;
    this.#microBatch = options.microBatch ?? 0;
    this.checkpointing = options.checkpointing ?? false;
  }

  /** Whether ops keep what their backward needs; not while a {@link checkpoint} runs its part for the first time. */
  get recording(): boolean {
    return this.#recording;
  }

  /** A new tensor from the arena, contents undefined. */
  empty(shape: readonly number[], dtype: DType = "float32", requiresGrad = false, bounds?: Bounds): Tensor {
    const storage = this.arena.allocate(dtype, elementCount(shape));
    return this.#hold(new Tensor(this.device, storage, shape, requiresGrad, bounds));
  }

  /** A new tensor from host data. Of int32 data the smallest and largest value are noted, for checks without a read. */
  constant(data: ArrayLike<number>, shape: readonly number[], dtype: DType = "float32"): Tensor {
    // Where there are no values none are looked at: a batch far too large to be held is measured too.
    if (!this.device.capabilities.values) return this.empty(shape, dtype);
    const tensor = this.empty(shape, dtype, false, dtype === "int32" ? boundsOf(data) : undefined);
    this.device.write(tensor.storage, data);
    return tensor;
  }

  /** The output of an op: it needs a gradient when the tape records and any input needs one. */
  output(shape: readonly number[], inputs: readonly (Tensor | undefined)[]): Tensor {
    const requiresGrad = this.recording && inputs.some((input) => input?.requiresGrad === true);
    return this.empty(shape, "float32", requiresGrad);
  }

  /** The same elements in another shape, sharing memory. No gradient is recorded: the op `reshape` does that. */
  view(tensor: Tensor, shape: readonly number[]): Tensor {
    const requiresGrad = this.recording && tensor.requiresGrad;
    const view = new Tensor(this.device, tensor.storage, shape, requiresGrad, tensor.bounds);
    // Memory that did not come from this tape (a parameter, a cache) is not the tape's to count or to free.
    return this.#holders.has(tensor.storage) ? this.#hold(view) : view;
  }

  /**
   * Like {@link output}, in the memory of a tensor that nothing reads again. Memory that is not the tape's (a parameter,
   * a cache) is left as it is: the output gets its own then.
   */
  overwrite(tensor: Tensor, inputs: readonly Tensor[]): Tensor {
    if (!this.#held.has(tensor)) return this.output(tensor.shape, inputs);
    const requiresGrad = this.#recording && inputs.some((input) => input.requiresGrad);
    return this.#hold(new Tensor(this.device, tensor.storage, tensor.shape, requiresGrad));
  }

  /**
   * Remembers how to send `output`'s gradient on to the op's inputs; does nothing for outputs that need none.
   * Backward runs when every user of the output is done, so the output's memory is freed before it, unless it is
   * among the `saved`: tensors that the op made and its backward reads, freed after it.
   */
  record(output: Tensor, backward: Backward, saved: readonly Tensor[] = []): void {
    if (output.requiresGrad) this.#entries.push({ output, backward, saved });
    else for (const tensor of saved) if (tensor !== output) this.free(tensor);
  }

  /** Where an op's backward puts an input's gradient: write when `accumulate` is false, add when it is true. */
  gradient(input: Tensor): { readonly tensor: Tensor; readonly accumulate: boolean } {
    if (input instanceof Parameter) {
      const accumulate = input.gradReady;
      input.gradReady = true;
      return { tensor: input.grad, accumulate };
    }
    if (input.grad === undefined) {
      input.grad = this.empty(input.shape);
      return { tensor: input.grad, accumulate: false };
    }
    if (this.isShared(input.grad)) {
      // Another input still has to read this buffer as its own gradient: add to a copy.
      const own = this.empty(input.shape);
      this.device.copy(own.storage, input.grad.storage);
      this.free(input.grad);
      input.grad = own;
    }
    this.#known.delete(input.grad);
    return { tensor: input.grad, accumulate: true };
  }

  /**
   * {@link gradient} for kernels that cannot add: the first gradient is written in place, a later one beside it and
   * then added. For an input that needs no gradient the result is thrown away.
   */
  gradientWrite(input: Tensor): GradientWrite {
    if (input.requiresGrad) {
      const { tensor, accumulate } = this.gradient(input);
      if (!accumulate) return { storage: tensor.storage, finish: () => {} };
      const extra = this.empty(input.shape);
      const finish = () => {
        this.device.axpby(tensor.storage, tensor.storage, 1, extra.storage, 1);
        this.free(extra);
      };
      return { storage: extra.storage, finish };
    }
    const unused = this.empty(input.shape);
    return { storage: unused.storage, finish: () => this.free(unused) };
  }

  /**
   * Gives `input` the gradient `dout` as it is: the buffer itself when `input` has none yet, without a copy.
   * The last thing a backward does with `dout`, which may belong to several inputs from here on.
   */
  passGradient(input: Tensor, dout: Tensor): void {
    if (!input.requiresGrad) return;
    if (!(input instanceof Parameter) && input.grad === undefined) {
      input.grad = this.#hold(new Tensor(this.device, dout.storage, input.shape));
      const known = this.#known.get(dout);
      if (known !== undefined) this.#known.set(input.grad, known);
      return;
    }
    const { tensor, accumulate } = this.gradient(input);
    if (accumulate) this.device.axpby(tensor.storage, tensor.storage, 1, dout.storage, 1);
    else this.device.copy(tensor.storage, dout.storage);
  }

  /**
   * For elementwise kernels that may write over their input: runs `kernel(out)` on `dout`'s own buffer and hands
   * that on when it is free to be used, otherwise on another one.
   */
  transformGradient(input: Tensor, dout: Tensor, kernel: (out: Storage) => void): void {
    if (!input.requiresGrad) return;
    if (!this.isShared(dout)) {
      this.#known.delete(dout);
      kernel(dout.storage);
      this.passGradient(input, dout);
      return;
    }
    const write = this.gradientWrite(input);
    kernel(write.storage);
    write.finish();
  }

  /** Whether another tensor holds the same memory. */
  isShared(tensor: Tensor): boolean {
    return (this.#holders.get(tensor.storage) ?? 0) > 1;
  }

  /**
   * Runs every recorded backward, last first. `seedGradient` is d(final)/d(loss): one number for every element of
   * `loss`, or one for each.
   */
  backward(loss: Tensor, seedGradient: number | ArrayLike<number> = 1): void {
    if (!this.recording) return;
    if (loss.grad === undefined) loss.grad = this.empty(loss.shape);
    if (typeof seedGradient === "number") {
      this.device.fill(loss.grad.storage, seedGradient);
      this.#known.set(loss.grad, seedGradient);
    } else {
      this.device.write(loss.grad.storage, seedGradient);
    }
    this.#runBackward(loss);
  }

  /** Runs the entries there are, last first. `loss` outlives its own backward. */
  #runBackward(loss?: Tensor): void {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { output, backward, saved } = entry;
      const { grad } = output;
      if (output !== loss && !saved.includes(output)) this.free(output);
      if (grad !== undefined) {
        backward(grad, this.#known.get(grad));
        this.free(grad);
        output.grad = undefined;
      }
      for (const tensor of saved) if (tensor !== loss) this.free(tensor);
    }
  }

  /** Lets go of a tensor that this tape made: its memory goes back to the arena when no other tensor shares it. */
  free(tensor: Tensor): void {
    if (!this.#held.delete(tensor)) return; // not from this tape, or freed before
    const holders = this.#holders.get(tensor.storage) ?? 1;
    if (holders > 1) {
      this.#holders.set(tensor.storage, holders - 1);
    } else {
      this.#holders.delete(tensor.storage);
      this.arena.free(tensor.storage);
    }
  }

  /**
   * Runs a part of a forward pass, and frees all that it made but its results, so that evaluation and generation
   * need the memory of one layer, not of all. A tape that records keeps everything, for backward.
   *
   * @example
   * for (const block of blocks) x = tape.scope(() => block.forward(tape, x));
   */
  scope<Result extends Tensor | readonly Tensor[]>(run: () => Result): Result {
    if (this.recording) return run();
    const outer = this.#scope;
    const made: Tensor[] = [];
    this.#scope = made;
    try {
      const result = run();
      const kept = new Set<Tensor>(result instanceof Tensor ? [result] : result);
      for (const tensor of made) {
        if (kept.has(tensor)) outer?.push(tensor);
        else this.free(tensor);
      }
      return result;
    } finally {
      this.#scope = outer;
    }
  }

  /**
   * A part of a model, usually one layer, of which only the input and the output stay in memory where the tape was made
   * with `checkpointing`: backward computes the rest again (Chen et al. 2016, "Training deep nets with sublinear memory
   * cost"). The gradients have the same bits, since every kernel and every dropout mask give the same again; the cost is
   * one more forward. Elsewhere it is the same as {@link scope}.
   *
   * @param run must give the same each time: it reads tensors from outside, and changes none
   * @example
   * for (const block of blocks) { const input = x; x = tape.checkpoint(() => block.forward(tape, input)); }
   */
  checkpoint(run: () => Tensor): Tensor {
    if (!this.#recording || !this.checkpointing) return this.scope(run);
    const site = this.#dropoutSite;
    this.#recording = false;
    let first: Tensor;
    try {
      first = this.scope(run);
    } finally {
      this.#recording = true;
    }
    const output = this.#hold(new Tensor(this.device, first.storage, first.shape, true));
    this.free(first);
    this.record(output, (dout) => {
      const [entries, next] = [this.#entries, this.#dropoutSite];
      this.#entries = [];
      this.#dropoutSite = site;
      const again = run();
      // The gradient itself, not a second holder of it: whoever comes first may write over it, as without a checkpoint.
      again.grad = dout;
      this.#runBackward();
      this.#entries = entries;
      this.#dropoutSite = next;
    });
    return output;
  }

  /** Counter for the next dropout of this pass: the same in every run, whatever the number of threads. */
  nextDropout(p: number): Omit<DropoutDims, "accumulate"> {
    const site = this.#dropoutSite++;
    return { p, seed: philoxKey(this.#seed), counter: [this.#step, site, this.#microBatch] };
  }

  #hold(tensor: Tensor): Tensor {
    this.#held.add(tensor);
    this.#holders.set(tensor.storage, (this.#holders.get(tensor.storage) ?? 0) + 1);
    this.#scope?.push(tensor);
    return tensor;
  }
}

function boundsOf(data: ArrayLike<number>): Bounds {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] ?? 0;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
