import {
  allocateParameter,
  checkParameter,
  type Device,
  FlatParameters,
  paddedLength,
  Parameter,
  type ParameterOptions,
  type ParameterPlace,
  type WeightDType,
} from "../tensor/index.ts";
import { didYouMean, NuwaError } from "../text/index.ts";

/**
 * What a parameter is for, so that an optimizer can treat each kind in its own way:
 * - `matrix`: a hidden weight matrix (outputs, inputs): decayed, and the kind that Muon takes
 * - `embedding`: a table whose rows are looked up: tokens, positions
 * - `head`: the last matrix, from hidden size to vocabulary; a tied one is an `embedding`
 * - `experts`: one matrix an expert, (E, outputs, inputs): decayed, but not for Muon, which takes single matrices
 * - `vector`: a bias, or the weight of a normalisation: never decayed
 */
export type ParameterKind = "matrix" | "embedding" | "head" | "experts" | "vector";

/** In the flat buffers, the decayed ones come first and the vectors last, so that each group of an optimizer is one run. */
const KINDS: readonly ParameterKind[] = ["matrix", "embedding", "head", "experts", "vector"];

/** A {@link Parameter} that knows what it is for. */
export class ModelParameter extends Parameter {
  readonly kind: ParameterKind;

  constructor(
    device: Device,
    name: string,
    shape: readonly number[],
    options: ParameterOptions & { readonly kind: ParameterKind },
  ) {
    super(device, name, shape, options);
    this.kind = options.kind;
  }
}

/**
 * All parameters of one model, in the order in which they were made. Layers ask it for theirs when they are built;
 * new parameters are zero until something is written to them.
 *
 * Their values, and their gradients, are slices of one flat buffer each, by kind and then in the order of making. It is
 * allocated when the first of them is used, for all that were made by then: a model makes all its parameters before it
 * writes to one. Those made later get buffers of their own, and so does each matrix of fewer bits.
 *
 * @example
 * const store = new ParameterStore(device);
 * const weight = store.parameter("model.layers.0.mlp.up_proj.weight", [4 * C, C], "matrix");
 * for (const parameter of store) console.log(parameter.name, parameter.shape);
 */
export class ParameterStore implements Iterable<ModelParameter> {
  readonly device: Device;
  /** False for a model that only runs: its parameters have no gradients, which saves half the memory. */
  readonly trainable: boolean;
  /** How matrices and tables are kept; vectors are always float32. Other than float32 only for a model that only runs. */
  readonly precision: WeightDType;
  readonly #parameters = new Map<string, ModelParameter>();
  readonly #places = new Map<string, ParameterPlace>();
  readonly #flat: FlatParameters[] = [];

  constructor(device: Device, options: { readonly trainable?: boolean; readonly precision?: WeightDType } = {}) {
    this.device = device;
    this.trainable = options.trainable ?? true;
    this.precision = options.precision ?? "float32";
  }

  /** Makes a parameter, zeroed. @throws NuwaError SHAPE when the name is taken, or precision and shape do not fit */
  parameter(name: string, shape: readonly number[], kind: ParameterKind): ModelParameter {
    if (this.#parameters.has(name)) {
      throw new NuwaError("SHAPE", `expected a new name for a parameter, but there is already a "${name}"`);
    }
    const { trainable } = this;
    const dtype = kind === "vector" ? "float32" : this.precision;
    checkParameter(name, shape, { trainable, dtype });
    const place = (): ParameterPlace => this.#place(name);
    const parameter = new ModelParameter(this.device, name, shape, { kind, trainable, dtype, place });
    this.#parameters.set(name, parameter);
    return parameter;
  }

  #place(name: string): ParameterPlace {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    if (!this.#parameters.has(name)) throw new NuwaError("SHAPE", `parameter "${name}" has been released`);
    this.#placeAll();
    return this.#place(name);
  }

  /** Gives memory to every parameter that has none yet. */
  #placeAll(): void {
    const { device, trainable } = this;
    const waiting = [...this].filter(({ name }) => !this.#places.has(name));
    for (const { name, shape, dtype } of waiting) {
      if (dtype !== "float32") this.#places.set(name, allocateParameter(device, name, shape, { trainable, dtype }));
    }
    const plain = waiting
      .filter(({ dtype }) => dtype === "float32")
      .toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
    const total = plain.reduce((sum, { length }) => sum + paddedLength(length), 0);
    const buffers = new FlatParameters(device, total, trainable);
    this.#flat.push(buffers);
    let start = 0;
    for (const { name, length } of plain) {
      const range = { buffers, start, length: paddedLength(length) };
      const values = buffers.values.slice(start, length);
      this.#places.set(name, { values, gradient: buffers.gradients?.slice(start, length) ?? null, range });
      start += range.length;
    }
  }

  [Symbol.iterator](): Iterator<ModelParameter> {
    return this.#parameters.values();
  }

  /** @throws NuwaError CHECKPOINT when there is none of that name. */
  byName(name: string): ModelParameter {
    const parameter = this.#parameters.get(name);
    if (parameter !== undefined) return parameter;
    throw new NuwaError("CHECKPOINT", `the model has no parameter "${name}"`, {
      hint: didYouMean(name, this.#parameters.keys()),
    });
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** The parameters of the given kinds, in order of creation. */
  ofKind(...kinds: readonly ParameterKind[]): ModelParameter[] {
    return [...this].filter((parameter) => kinds.includes(parameter.kind));
  }

  get names(): string[] {
    return [...this.#parameters.keys()];
  }

  /** Number of weights. */
  get totalElements(): number {
    let total = 0;
    for (const parameter of this) total += parameter.length;
    return total;
  }

  /** Forgets this step's gradients, as `zero_grad`: the next backward overwrites them. Optimizers call it in `step`. */
  clearGradients(): void {
    for (const parameter of this) parameter.gradReady = false;
  }

  /** Gives all memory back to the device. */
  release(): void {
    for (const { values, range } of this.#places.values()) if (range === undefined) this.device.release(values);
    for (const buffers of this.#flat) buffers.release();
    this.#flat.length = 0;
    this.#places.clear();
    this.#parameters.clear();
  }
}
