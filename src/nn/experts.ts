import {
  activation,
  type Activation,
  combineExperts,
  dispatchTokens,
  gated,
  groupedLinear,
  loadBalancingLoss,
  reshape,
  routerZLoss,
  routeTokens,
  type Routing,
  type Tape,
  type Tensor,
} from "../tensor/index.ts";
import { Linear } from "./linear.ts";
import type { FeedForward } from "./mlp.ts";
import type { ModelParameter, ParameterStore } from "./parameters.ts";

/** Sizes of a layer of experts, and how rows are routed to them. */
export interface ExpertsOptions {
  /** C */ readonly hiddenSize: number;
  /** Width of each expert. */ readonly intermediateSize: number;
  /** E */ readonly experts: number;
  /** Experts that each token goes to. */ readonly topK: number;
  readonly activation: Activation;
  /** down(activation(gate(x)) ⊙ up(x)) rather than down(activation(up(x))). */ readonly gated: boolean;
  /** Whether a token's weights sum to 1 over its experts; default true, as in Mixtral. */
  readonly renormalize?: boolean;
  /**
   * An expert takes at most this times N·topK/E tokens, rounded up, and adds nothing to further ones (Fedus et al.
   * 2022: 1 to 1.25 in training). Default: no limit.
   */
  readonly capacityFactor?: number | undefined;
}

/** What a layer of experts gives: its output, and losses that keep the routing even and small. */
export interface ExpertsOutput {
  /** (B, T, C) */ readonly output: Tensor;
  /** (1): see `loadBalancingLoss`; Mixtral adds 0.02 of it to the model's loss, Switch 0.01. */
  readonly balanceLoss: Tensor;
  /** (1): see `routerZLoss`; ST-MoE adds 0.001 of it. */ readonly zLoss: Tensor;
  readonly routing: Routing;
}

/**
 * A mixture of experts in place of a feed-forward layer (Shazeer et al. 2017; Jiang et al. 2024, Mixtral): a router
 * sends each token to `topK` of E feed-forward networks, without biases, and adds up what they give.
 */
export class Experts implements FeedForward {
  readonly router: Linear;
  /** (E, intermediate, C), when gated */ readonly gate: ModelParameter | undefined;
  /** (E, intermediate, C) */ readonly up: ModelParameter;
  /** (E, C, intermediate) */ readonly down: ModelParameter;
  readonly #options: ExpertsOptions;

  constructor(store: ParameterStore, name: string, options: ExpertsOptions) {
    const { hiddenSize: C, intermediateSize, experts: E } = options;
    this.#options = options;
    this.router = new Linear(store, `${name}.gate`, { inputs: C, outputs: E, bias: false });
    const part = (label: string, shape: readonly number[]) =>
      store.parameter(`${name}.experts.${label}`, shape, "experts");
    this.gate = options.gated ? part("gate_proj", [E, intermediateSize, C]) : undefined;
    this.up = part("up_proj", [E, intermediateSize, C]);
    this.down = part("down_proj", [E, C, intermediateSize]);
  }

  /** x (B, T, C) -> (B, T, C) */
  forward(tape: Tape, x: Tensor): Tensor {
    return this.#mix(tape, x).output;
  }

  /** The same, with the losses that keep the router balanced. */
  forwardWithLosses(tape: Tape, x: Tensor): ExpertsOutput {
    const { output, logits, routing } = this.#mix(tape, x);
    return { output, routing, balanceLoss: loadBalancingLoss(tape, routing), zLoss: routerZLoss(tape, logits) };
  }

  #mix(tape: Tape, x: Tensor): { output: Tensor; logits: Tensor; routing: Routing } {
    const { hiddenSize: C, experts: E, topK, renormalize = true, capacityFactor } = this.#options;
    const N = x.length / C;
    const rows = reshape(tape, x, [N, C]);
    const logits = this.router.forward(tape, rows); // (N, E)
    const capacity = capacityFactor === undefined ? undefined : Math.max(1, Math.ceil((capacityFactor * N * topK) / E));
    const routing = routeTokens(tape, logits, { topK, renormalize, capacity });
    const grouped = dispatchTokens(tape, rows, routing); // (N·k, C)
    const raised = groupedLinear(tape, grouped, this.up, routing); // (N·k, intermediate)
    const kind = this.#options.activation;
    const active =
      this.gate === undefined
        ? activation(tape, raised, kind)
        : gated(tape, groupedLinear(tape, grouped, this.gate, routing), raised, kind); // (N·k, intermediate)
    const lowered = groupedLinear(tape, active, this.down, routing); // (N·k, C)
    return { output: reshape(tape, combineExperts(tape, lowered, routing), x.shape), logits, routing };
  }
}
