import { NuwaError } from "../text/errors.ts";
import type { FlatRange } from "./flat.ts";
import type { Device, DType, HostArray, Storage, WeightDType } from "./device.ts";

/** Product of the sizes: the number of elements. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Copies to host memory at once, for tests and checks; programs use {@link Device.read}, which every device has.
 * @throws NuwaError DEVICE on a device whose memory the host does not see
 */
export function readNow(device: Device, storage: Storage): HostArray {
  if (device.readNow !== undefined) return device.readNow(storage);
  throw new NuwaError("DEVICE", `the host does not see the memory of the ${device.name} device`, {
    hint: "await read() instead",
  });
}

/** Smallest and largest value of an int32 tensor. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * A contiguous row-major array on a device. Holds no history: the {@link Tape} does.
 * A tensor from a tape lives until that tape's step ends; a {@link Parameter} lives until it is released.
 */
export class Tensor {
  readonly device: Device;
  #storage: Storage | (() => Storage);
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly length: number;
  /** Whether a gradient has to reach it. */
  readonly requiresGrad: boolean;
  /** Same shape as the tensor; undefined until the first gradient arrives. */
  grad: Tensor | undefined = undefined;
  /**
   * What is known of the values of an int32 tensor that came from the host: ids are checked against a table with
   * this, so nothing is read back from the device. Undefined when the device made the values.
   */
  readonly bounds: Bounds | undefined;

  /** @param storage or what gives it when it is first asked for */
  constructor(
    device: Device,
    storage: Storage | (() => Storage),
    shape: readonly number[],
    requiresGrad = false,
    bounds?: Bounds,
  ) {
    this.device = device;
    this.#storage = storage;
    this.shape = shape;
    this.length = elementCount(shape);
    this.requiresGrad = requiresGrad;
    this.bounds = bounds;
  }

  get storage(): Storage {
    if (typeof this.#storage === "function") this.#storage = this.#storage();
    return this.#storage;
  }

  get dtype(): DType | WeightDType {
    return this.storage.dtype;
  }

  /** Copies to host memory what the tensor holds once every op called before is done. */
  read(): Promise<HostArray> {
    return this.device.read(this.storage);
  }

  /**
   * The same at once, for tests and checks. @throws NuwaError DEVICE on a device whose memory the host does not see
   */
  toArray(): HostArray {
    return readNow(this.device, this.storage);
  }
}

/** Memory of a parameter. */
export interface ParameterPlace {
  readonly values: Storage;
  /** As long as the values; null for a parameter that is not trained. */
  readonly gradient: Storage | null;
  /** Where that is in the flat buffers of a model; undefined for memory of its own. */
  readonly range?: FlatRange;
}

/** Whether a parameter is trained, how it is kept, and where its memory comes from. */
export interface ParameterOptions {
  readonly trainable?: boolean;
  readonly dtype?: WeightDType;
  /** Gives its memory when that is first needed: the place among its model's. Default: memory of its own, at once. */
  readonly place?: (() => ParameterPlace) | undefined;
}

/** A trained tensor: it has a name, and a gradient that lives as long as it does. */
export class Parameter extends Tensor {
  readonly name: string;
  override grad: Tensor;
  /** False until this step's first gradient is written: the first contribution overwrites, later ones add. */
  gradReady = false;
  readonly #dtype: WeightDType;
  readonly #place: () => ParameterPlace;
  /** Memory that is its own to release. */
  readonly #own: ParameterPlace | undefined;

  /** @throws NuwaError SHAPE for a dtype other than float32 of a tensor that is trained, or that is no matrix */
  constructor(device: Device, name: string, shape: readonly number[], options: ParameterOptions = {}) {
    const { trainable = true, dtype = "float32" } = options;
    const own = options.place === undefined ? allocateParameter(device, name, shape, { trainable, dtype }) : undefined;
    let known = own;
    const place = (): ParameterPlace => (known ??= options.place?.() ?? nowhere(name));
    super(device, () => place().values, shape, trainable);
    this.name = name;
    this.grad = new Tensor(device, () => place().gradient ?? nowhere(name), trainable ? shape : [0]);
    this.#dtype = dtype;
    this.#place = place;
    this.#own = own;
  }

  override get dtype(): WeightDType {
    return this.#dtype;
  }

  /** Where it lies in the flat buffers of its model. */
  get range(): FlatRange | undefined {
    return this.#place().range;
  }

  /** Gives back memory of its own; that of a model goes with the model. */
  release(): void {
    if (this.#own === undefined) return;
    this.device.release(this.#own.values);
    if (this.#own.gradient !== null) this.device.release(this.#own.gradient);
  }
}

function nowhere(name: string): never {
  throw new NuwaError("SHAPE", `parameter "${name}" has no memory of this kind`);
}

/**
 * Memory of a parameter alone, zeroed.
 * @throws NuwaError SHAPE for a dtype other than float32 of a tensor that is trained, or that is no matrix
 */
export function allocateParameter(
  device: Device,
  name: string,
  shape: readonly number[],
  { trainable, dtype }: { readonly trainable: boolean; readonly dtype: WeightDType },
): ParameterPlace {
  checkParameter(name, shape, { trainable, dtype });
  const [rows = 0, width = 0] = shape;
  const length = elementCount(shape);
  const isPlain = dtype === "float32";
  const values = isPlain ? device.allocate("float32", length) : device.allocateMatrix(dtype, rows, width);
  return { values, gradient: trainable ? device.allocate("float32", length) : null };
}

/** @throws NuwaError SHAPE for a dtype other than float32 of a tensor that is trained, or that is no matrix */
export function checkParameter(
  name: string,
  shape: readonly number[],
  { trainable, dtype }: { readonly trainable: boolean; readonly dtype: WeightDType },
): void {
  if (dtype === "float32" || (!trainable && shape.length === 2)) return;
  const subject = trainable ? "a trained parameter" : `shape (${shape.join(", ")})`;
  throw new NuwaError("SHAPE", `parameter "${name}": expected float32 for ${subject}, got ${dtype}`);
}
