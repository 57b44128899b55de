import { layerNorm, rmsNorm, type Tape, type Tensor } from "../tensor/index.ts";
import type { ModelParameter, ParameterStore } from "./parameters.ts";

/** A normalisation over the last axis: the shape stays. */
export interface Norm {
  forward(tape: Tape, x: Tensor): Tensor;
}

/** Ba, Kiros & Hinton 2016: (x − mean)/√(variance + ε) · weight + bias. */
export class LayerNorm implements Norm {
  readonly weight: ModelParameter;
  readonly bias: ModelParameter | undefined;
  readonly #epsilon: number;

  constructor(store: ParameterStore, name: string, width: number, options: { epsilon: number; bias: boolean }) {
    this.weight = store.parameter(`${name}.weight`, [width], "vector");
    this.bias = options.bias ? store.parameter(`${name}.bias`, [width], "vector") : undefined;
    this.#epsilon = options.epsilon;
  }

  forward(tape: Tape, x: Tensor): Tensor {
    const { weight, bias } = this;
    return layerNorm(tape, x, { weight, ...(bias && { bias }), epsilon: this.#epsilon });
  }
}

/** Zhang & Sennrich 2019: x/√(mean square + ε), times a weight if there is one. */
export class RMSNorm implements Norm {
  readonly weight: ModelParameter | undefined;
  readonly #epsilon: number;

  constructor(store: ParameterStore, name: string, width: number, options: { epsilon: number; weight: boolean }) {
    this.weight = options.weight ? store.parameter(`${name}.weight`, [width], "vector") : undefined;
    this.#epsilon = options.epsilon;
  }

  forward(tape: Tape, x: Tensor): Tensor {
    const { weight } = this;
    return rmsNorm(tape, x, { ...(weight && { weight }), epsilon: this.#epsilon });
  }
}

/**
 * Normalisations: by mean and variance (Ba et al. 2016), by the root mean square (Zhang & Sennrich 2019), the latter
 * without a weight.
 */
export type NormKind = "layernorm" | "rmsnorm" | "rmsnorm_no_weight";

/** Makes the normalisation that a model's config names. `bias` matters for `layernorm` only. */
export function createNorm(
  store: ParameterStore,
  name: string,
  width: number,
  options: { readonly kind: NormKind; readonly epsilon: number; readonly bias: boolean },
): Norm {
  const { kind, epsilon, bias } = options;
  if (kind === "layernorm") return new LayerNorm(store, name, width, { epsilon, bias });
  return new RMSNorm(store, name, width, { epsilon, weight: kind === "rmsnorm" });
}
