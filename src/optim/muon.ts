import { z } from "zod";
import { AdamW } from "./adamw.ts";
import { adamWKeys, beta, defineOptimizer, rate } from "./define.ts";
import { type Device, FlatState, type Parameter, type Storage, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import {
  combineOptimizers,
  type KindedParameter,
  type NamedTensors,
  type Optimizer,
  type ParameterGroup,
  type StepOptions,
  writeState,
} from "./optimizer.ts";

/** Settings of {@link Muon}. */
export interface MuonOptions {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly momentum: number;
  /** Newton-Schulz iterations. */
  readonly iterations: number;
}

interface Slot {
  readonly parameter: Parameter;
  readonly momentum: Tensor;
  readonly rows: number;
  readonly columns: number;
}

/** Coefficients of the quintic iteration: steep at 0, so that five rounds are enough (Jordan et al. 2024). */
const A = 3.4445;
const B = -4.775;
const C = 2.0315;

/**
 * Muon: momentum, made orthogonal. Each update moves every direction of a weight matrix by about the same amount.
 * For hidden matrices only; the rest belongs to AdamW. One state value a weight, and scratch of the largest matrix.
 * Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
 *
 * @throws NuwaError SHAPE for a parameter that is not a matrix.
 */
export class Muon implements Optimizer {
  readonly #slots: readonly Slot[];
  readonly #options: MuonOptions;
  readonly #scratch: NewtonSchulz | undefined;
  readonly #memory: FlatState | undefined;
  #steps = 0;

  constructor(parameters: readonly Parameter[], options: MuonOptions) {
    this.#options = options;
    for (const { shape, name } of parameters) {
      if (shape.length === 2) continue;
      throw new NuwaError("SHAPE", `Muon expected a matrix, got shape ${JSON.stringify(shape)}`, { where: name });
    }
    const [first] = parameters;
    if (first === undefined) {
      this.#slots = [];
      return;
    }
    const memory = new FlatState(
      first.device,
      parameters.map(({ length }) => length),
    );
    this.#slots = parameters.flatMap((parameter, i) => {
      const { shape, device } = parameter;
      const [[rows = 0, columns = 0], slice] = [shape, memory.slices[i]];
      return slice === undefined ? [] : [{ parameter, momentum: new Tensor(device, slice, shape), rows, columns }];
    });
    this.#memory = memory;
    this.#scratch = new NewtonSchulz(first.device, this.#slots);
  }

  get steps(): number {
    return this.#steps;
  }

  step({ learningRateScale, gradientScale = null }: StepOptions): void {
    this.#steps++;
    const { momentum: beta, learningRate, weightDecay, iterations } = this.#options;
    const lr = learningRate * learningRateScale;
    for (const { parameter, momentum, rows, columns } of this.#slots) {
      if (!parameter.gradReady || this.#scratch === undefined) continue;
      const { device, grad, storage } = parameter;
      // The gradient is not needed again, so it holds the look-ahead.
      device.nesterov(momentum.storage, grad.storage, gradientScale, beta);
      const update = this.#scratch.orthogonalize(grad.storage, rows, columns, iterations);
      const factors = { keep: 1 - lr * weightDecay, rate: -lr * Math.sqrt(Math.max(1, rows / columns)) };
      device.applyUpdate(storage, update, gradientScale, factors);
      parameter.gradReady = false;
    }
  }

  state(): NamedTensors {
    return new Map(this.#slots.map(({ parameter, momentum }) => [`muon.momentum.${parameter.name}`, momentum]));
  }

  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void {
    writeState(this.state(), saved);
    this.#steps = steps;
  }

  release(): void {
    this.#memory?.release();
    this.#scratch?.release();
  }
}

/**
 * Replaces a matrix by the nearest one with (nearly) orthonormal rows or columns: every singular value goes to
 * between 0.7 and 1.2. X <- aX + (b(XXᵀ) + c(XXᵀ)²)X, begun at X/‖X‖. Scratch is allocated once, for the largest.
 *
 * @example
 * const newtonSchulz = new NewtonSchulz(device, [{ rows: 8, columns: 4 }]);
 * const orthogonal = newtonSchulz.orthogonalize(matrix.storage, 8, 4, 5);
 */
export class NewtonSchulz {
  readonly #device: Device;
  /** The matrix, and the next one. */ readonly #x: readonly [Storage, Storage];
  /** XXᵀ (or XᵀX, whichever is smaller), and the polynomial in it. */ readonly #square: readonly [Storage, Storage];
  readonly #squares: Storage;

  constructor(device: Device, sizes: readonly { readonly rows: number; readonly columns: number }[]) {
    const matrix = Math.max(0, ...sizes.map(({ rows, columns }) => rows * columns));
    const square = Math.max(0, ...sizes.map(({ rows, columns }) => Math.min(rows, columns) ** 2));
    this.#device = device;
    this.#x = [device.allocate("float32", matrix), device.allocate("float32", matrix)];
    this.#square = [device.allocate("float32", square), device.allocate("float32", square)];
    this.#squares = device.allocate("float32", 1);
  }

  /** matrix (rows, columns) stays as it is; the result is scratch, and valid until the next call. */
  orthogonalize(matrix: Storage, rows: number, columns: number, iterations: number): Storage {
    const device = this.#device;
    const small = Math.min(rows, columns);
    const wide = rows <= columns;
    let x = this.#x[0].slice(0, rows * columns);
    let next = this.#x[1].slice(0, rows * columns);
    const square = this.#square[0].slice(0, small * small);
    const polynomial = this.#square[1].slice(0, small * small);

    // The spectral norm is at most the Frobenius norm, so all singular values start in [0, 1].
    device.sumOfSquares(this.#squares, 0, matrix);
    device.normalize(x, matrix, this.#squares, 1e-7);

    const outer = { M: small, N: small, K: Math.max(rows, columns), accumulate: false };
    const plain = { transposeA: false, transposeB: false, accumulate: false };
    for (let i = 0; i < iterations; i++) {
      device.matmul(square, x, x, { ...outer, transposeA: !wide, transposeB: wide });
      device.matmul(polynomial, square, square, { ...plain, M: small, N: small, K: small });
      device.axpby(polynomial, square, B, polynomial, C);
      const factors = wide ? ([polynomial, x] as const) : ([x, polynomial] as const);
      device.matmul(next, ...factors, { ...plain, M: rows, N: columns, K: small });
      device.axpby(next, x, A, next, 1);
      [x, next] = [next, x];
    }
    return x;
  }

  release(): void {
    for (const storage of [...this.#x, ...this.#square, this.#squares]) this.#device.release(storage);
  }
}

/** Muon for the hidden matrices (Jordan et al. 2024), AdamW for all else. */
export const muon = defineOptimizer({
  name: "muon",
  summary: "Muon for the hidden matrices, AdamW for all else.",
  keys: {
    learning_rate: rate.default(0.02).describe("Muon's learning rate, for the hidden matrices."),
    weight_decay: z.number().min(0).default(0).describe("Decay of the hidden matrices."),
    momentum: beta.default(0.95).describe("Muon: how long the momentum remembers."),
    iterations: z.int().positive().default(5).describe("Muon: Newton-Schulz iterations."),
    embedding_learning_rate: rate.default(0.01).describe("AdamW's learning rate for token and position tables."),
    head_learning_rate: rate.default(0.004).describe("AdamW's learning rate for an untied head."),
    vector_learning_rate: rate.default(0.004).describe("AdamW's learning rate for biases and normalisations."),
    ...adamWKeys,
  },
  create(settings, parameters) {
    const { learning_rate: learningRate, weight_decay: weightDecay, momentum, iterations } = settings;
    const group = (kind: KindedParameter["kind"], own: number, decay = 0): ParameterGroup => ({
      parameters: parameters.filter((parameter) => parameter.kind === kind),
      learningRate: own,
      weightDecay: decay,
    });
    const { beta1, beta2, epsilon } = settings;
    const matrices = group("matrix", learningRate).parameters;
    const rest = [
      group("embedding", settings.embedding_learning_rate),
      group("head", settings.head_learning_rate),
      group("experts", settings.vector_learning_rate, weightDecay),
      group("vector", settings.vector_learning_rate),
    ];
    return combineOptimizers([
      new Muon(matrices, { learningRate, weightDecay, momentum, iterations }),
      new AdamW(rest, { beta1, beta2, epsilon }),
    ]);
  },
});
