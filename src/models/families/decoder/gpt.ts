import {
  Block,
  constant,
  createNorm,
  Embedding,
  KvCache,
  Linear,
  normal,
  type Norm,
  ParameterStore,
} from "../../../nn/index.ts";
import {
  type Device,
  dropout,
  add,
  alibiTable,
  linear,
  linearCrossEntropy,
  linearLogProbs,
  reshape,
  ropeTable,
  type Tape,
  type Tensor,
} from "../../../tensor/index.ts";
import { NuwaError } from "../../../text/index.ts";
import type { CausalModel, LossOptions, LossResult, ReadOptions, TokenBatch } from "../../causal-model.ts";
import type { ModelOptions } from "../../family.ts";
import type { Architecture } from "../../model.ts";
import type { GptConfig } from "./config.ts";

/**
 * A decoder-only Transformer: classic (GPT-2: learned positions, LayerNorm, GELU, tied head) or modern (RoPE,
 * QK-norm, RMSNorm, ReLU², zero-initialised projections), and what lies between, by config.
 *
 * @example
 * const model = createCausal(gpt.resolve({ vocab_size: 512, num_hidden_layers: 2 }), device, { seed: 1 });
 * const tape = new Tape({ device, arena, recording: true, training: true });
 * const { loss } = model.loss(tape, { tokens, targets }, { normalizer: B * T });
 * tape.backward(loss);
 */
export class Gpt implements CausalModel {
  readonly kind = "causal";
  readonly architecture: Architecture;
  readonly config: GptConfig;
  readonly device: Device;
  readonly parameters: ParameterStore;
  readonly #tokens: Embedding;
  readonly #positions: Embedding | undefined;
  readonly #ropeTable: Tensor | null;
  readonly #alibiTable: Tensor | null;
  readonly #blocks: readonly Block[];
  readonly #norm: Norm;
  /** (V, C): the token embedding itself when tied. */
  readonly #head: Tensor;

  constructor(config: GptConfig, device: Device, options: ModelOptions) {
    const { seed = 0, trainable = true, initialize = true, precision = "float32" } = options;
    const { hidden_size: C, vocab_size: V, head_dim: D, bias, activation, max_position_embeddings: positions } = config;
    this.architecture = options.architecture;
    this.config = config;
    this.device = device;
    const store = new ParameterStore(device, { trainable, precision });
    this.parameters = store;

    this.#tokens = new Embedding(store, "model.embed_tokens", V, C);
    const learned = config.position === "learned";
    this.#positions = learned ? new Embedding(store, "model.embed_positions", positions, C) : undefined;
    this.#ropeTable = config.position === "rope" ? ropeTable(device, positions, D, config.rope_theta) : null;
    const alibi = config.position === "alibi";
    this.#alibiTable = alibi ? alibiTable(device, config.num_attention_heads, positions) : null;
    const norm = { kind: config.norm, epsilon: config.norm_epsilon, bias };
    this.#blocks = Array.from(
      { length: config.num_hidden_layers },
      (_, layer) =>
        new Block(store, `model.layers.${layer}`, {
          attention: {
            hiddenSize: C,
            heads: config.num_attention_heads,
            keyValueHeads: config.num_key_value_heads,
            headSize: D,
            bias,
            causal: true,
            qkNorm: config.qk_norm ? norm : null,
            ropeTable: this.#ropeTable,
            relative: this.#alibiTable,
            slidingWindow: config.sliding_window,
            dropout: config.attention_dropout,
            layer,
          },
          mlp: {
            hiddenSize: C,
            intermediateSize: config.intermediate_size,
            activation: activation === "swiglu" ? "silu" : activation,
            gated: activation === "swiglu",
            bias,
          },
          norm,
          dropout: config.dropout,
        }),
    );
    this.#norm = createNorm(store, "model.norm", C, norm);
    this.#head = config.tie_word_embeddings
      ? this.#tokens.weight
      : new Linear(store, "lm_head", { inputs: C, outputs: V, bias: false, kind: "head" }).weight;
    if (initialize) initializeGpt(store, config, seed);
  }

  hidden(tape: Tape, tokens: Tensor, options: ReadOptions = {}): Tensor {
    const { segments, positions } = options;
    const cache = requireKvCache(options);
    const [B = 0, T = 0] = tokens.shape;
    // Texts of different lengths go on by single time steps only.
    const offsets = T === 1 && cache !== undefined ? cache.lengths : undefined;
    const offset = offsets === undefined ? (cache?.length ?? 0) : 0;
    const longestSoFar = offsets?.reduce((most, one) => Math.max(most, one), 0) ?? offset;
    this.#requireContext(positions?.bounds === undefined ? longestSoFar + T : positions.bounds.max + 1);
    if (this.#alibiTable !== null) this.#requireContext(T); // its biases go by distance in the row
    cache?.requireRoom(T);
    let x = this.#tokens.forward(tape, tokens); // (B, T) -> (B, T, C)
    if (this.#positions !== undefined) {
      const counted = (): Tensor =>
        tape.constant(positionIds(offsets ?? Array<number>(B).fill(offset), T), [B, T], "int32");
      x = add(tape, x, this.#positions.forward(tape, positions ?? counted()));
    }
    x = dropout(tape, x, this.config.dropout);
    for (const block of this.#blocks) {
      const input = x;
      x = tape.checkpoint(() => block.forward(tape, input, { cache, segments, positions })); // (B, T, C)
      if (!tape.recording) tape.free(input);
    }
    cache?.advance(T);
    return this.#norm.forward(tape, x);
  }

  get head(): Tensor {
    return this.#head;
  }

  logits(tape: Tape, hidden: Tensor): Tensor {
    return linear(tape, hidden, this.#head); // (…, C) -> (…, V)
  }

  loss(tape: Tape, batch: TokenBatch, options: LossOptions): LossResult {
    const { hidden, targets } = this.#rows(tape, batch);
    const { weights } = batch;
    return linearCrossEntropy(tape, hidden, this.#head, targets, {
      ...(weights && { weights: reshape(tape, weights, [weights.length]) }),
      ...options,
    });
  }

  logProbabilities(tape: Tape, batch: TokenBatch): Tensor {
    const { hidden, targets } = this.#rows(tape, batch);
    return linearLogProbs(tape, hidden, this.#head, targets); // (B·T)
  }

  /** hidden (B·T, C) and targets (B·T) */
  #rows(tape: Tape, { tokens, targets, segments, positions }: TokenBatch) {
    const N = tokens.length;
    const hidden = this.hidden(tape, tokens, { segments, positions });
    return { hidden: reshape(tape, hidden, [N, this.config.hidden_size]), targets: reshape(tape, targets, [N]) };
  }

  #requireContext(length: number): void {
    const { max_position_embeddings: longest } = this.config;
    if (length <= longest) return;
    throw new NuwaError("VALUE", `expected at most ${longest} tokens, got ${length}`, {
      hint: "the model's max_position_embeddings is its longest text",
    });
  }

  createCache(B: number, capacity: number): KvCache {
    const { num_hidden_layers: layers, num_key_value_heads: keyValueHeads, head_dim: headSize } = this.config;
    return KvCache.create(this.device, { batch: B, capacity, layers, keyValueHeads, headSize });
  }

  release(): void {
    this.parameters.release();
    for (const table of [this.#ropeTable, this.#alibiTable]) if (table !== null) this.device.release(table.storage);
  }
}

/**
 * All initialisation, in one place. Matrices and tables: normal, 0.02. What each layer adds to the residual stream
 * goes through `o_proj` and `down_proj`: either 0.02/√(2·layers), so that the sum of all layers keeps its size
 * (Radford et al. 2019), or zero, so that the first step sees each layer as the identity (Zhang et al. 2019, "Fixup").
 * Biases stay zero, weights of normalisations are one.
 */
export function initializeGpt(store: ParameterStore, config: GptConfig, seed: number): void {
  const std = config.initializer_range;
  const zero = config.zero_init_projections;
  for (const parameter of store) {
    const { name, kind } = parameter;
    const isResidual = name.endsWith(".o_proj.weight") || name.endsWith(".down_proj.weight");
    if (kind === "vector") constant(parameter, name.endsWith(".bias") ? 0 : 1);
    else if (zero && (isResidual || kind === "head")) constant(parameter, 0);
    else if (isResidual) normal(parameter, std / Math.sqrt(2 * config.num_hidden_layers), seed);
    else normal(parameter, std, seed);
  }
}

/** @throws NuwaError VALUE for another model's cache, or one together with packed texts */
function requireKvCache({ cache, segments, positions }: ReadOptions): KvCache | undefined {
  if (cache === undefined) return undefined;
  if (!(cache instanceof KvCache)) throw new NuwaError("VALUE", "expected a cache that this model made");
  if (segments === undefined && positions === undefined) return cache;
  throw new NuwaError("VALUE", "a cache goes on with whole texts: expected neither segments nor positions with it");
}

/** offset, offset + 1, … of T for each text's offset. */
function positionIds(offsets: readonly number[], T: number): Int32Array {
  return Int32Array.from({ length: offsets.length * T }, (_, i) => (offsets[Math.floor(i / T)] ?? 0) + (i % T));
}
