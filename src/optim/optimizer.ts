import type { Parameter, Storage, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";

/** State to save and load, by name: `adamw.m.lm_head.weight`. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** Factors of one optimizer step. */
export interface StepOptions {
  /** The schedule's factor on every learning rate. */
  readonly learningRateScale: number;
  /**
   * One element on the device that every gradient is multiplied by first: what {@link clipByGlobalNorm} gives. Default 1.
   * Where it is 0 the gradients are not finite, and nothing changes but `steps`.
   */
  readonly gradientScale?: Storage | null;
}

/** Parameters that share a learning rate and a decay. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[];
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** Changes parameters by their gradients. State is allocated once, when the optimizer is made. */
export interface Optimizer {
  /**
   * One update. Parameters that got no gradient since the last one stay as they are. Afterwards all gradients count
   * as forgotten: the next backward overwrites them.
   */
  step(options: StepOptions): void;
  /** Updates made so far; to be saved beside the state. */
  readonly steps: number;
  /** The tensors to save. They are the state itself, not copies. */
  state(): NamedTensors;
  /**
   * Sets the state from what was saved; `steps` is the number of updates made by then. Tensors that belong to none
   * of this optimizer's are ignored, so that several can share a file.
   * @throws NuwaError CHECKPOINT when a tensor is missing or of another size.
   */
  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void;
  /** Gives the memory back to the device. */
  release(): void;
}

/** A parameter that says what it is for; see `ParameterKind` in src/nn. */
export type KindedParameter = Parameter & { readonly kind: "matrix" | "embedding" | "head" | "experts" | "vector" };

/** Writes saved tensors over the state of the same names. */
export function writeState(state: NamedTensors, saved: ReadonlyMap<string, ArrayLike<number>>): void {
  for (const [name, tensor] of state) {
    const values = saved.get(name);
    if (values === undefined) {
      throw new NuwaError("CHECKPOINT", `the saved optimizer state has no "${name}"`, {
        hint: "it was saved by another optimizer, or for another model",
      });
    }
    if (values.length !== tensor.length) {
      throw new NuwaError(
        "CHECKPOINT",
        `expected ${tensor.length} elements (shape ${JSON.stringify(tensor.shape)}) for "${name}" in the saved ` +
          `optimizer state, got ${values.length}`,
      );
    }
    tensor.device.write(tensor.storage, values);
  }
}

/** Several optimizers, each with parameters of its own, as one. */
export function combineOptimizers(parts: readonly Optimizer[]): Optimizer {
  return {
    step: (options) => parts.forEach((part) => part.step(options)),
    get steps() {
      return parts[0]?.steps ?? 0;
    },
    state: () => new Map(parts.flatMap((part) => [...part.state()])),
    loadState: (saved, steps) => parts.forEach((part) => part.loadState(saved, steps)),
    release: () => parts.forEach((part) => part.release()),
  };
}
