import { addOnto, dropout, type Tape, type Tensor } from "../tensor/index.ts";
import { type AttendOptions, Attention, type AttentionOptions } from "./attention.ts";
import { type FeedForward, GatedMlp, Mlp, type MlpOptions } from "./mlp.ts";
import { createNorm, type Norm, type NormKind } from "./norm.ts";
import type { ParameterStore } from "./parameters.ts";

/** Sizes and kinds of a Transformer block's parts. */
export interface BlockOptions {
  readonly attention: AttentionOptions;
  readonly mlp: MlpOptions & { readonly gated: boolean };
  readonly norm: { readonly kind: NormKind; readonly epsilon: number; readonly bias: boolean };
  /** Probability of dropping an element of what each half adds to the residual stream. */
  readonly dropout: number;
}

/** A pre-norm Transformer layer: x + attention(norm(x)), then x + mlp(norm(x)). */
export class Block {
  readonly attention: Attention;
  readonly mlp: FeedForward;
  readonly #inputNorm: Norm;
  readonly #middleNorm: Norm;
  readonly #dropout: number;

  constructor(store: ParameterStore, name: string, options: BlockOptions) {
    const { attention, mlp, norm } = options;
    const { hiddenSize: C } = attention;
    this.#inputNorm = createNorm(store, `${name}.input_layernorm`, C, norm);
    this.attention = new Attention(store, `${name}.self_attn`, attention);
    this.#middleNorm = createNorm(store, `${name}.post_attention_layernorm`, C, norm);
    this.mlp = mlp.gated ? new GatedMlp(store, `${name}.mlp`, mlp) : new Mlp(store, `${name}.mlp`, mlp);
    this.#dropout = options.dropout;
  }

  /** x (B, T, C) -> (B, T, C) */
  forward(tape: Tape, x: Tensor, options: AttendOptions = {}): Tensor {
    const attended = this.attention.forward(tape, this.#inputNorm.forward(tape, x), options);
    const middle = addOnto(tape, x, dropout(tape, attended, this.#dropout));
    const fed = this.mlp.forward(tape, this.#middleNorm.forward(tape, middle));
    return addOnto(tape, middle, dropout(tape, fed, this.#dropout));
  }
}
