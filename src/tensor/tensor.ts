import type { Device, DType, Storage } from "./device.ts";

/** Product of the sizes: the number of elements. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
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
  readonly storage: Storage;
  readonly shape: readonly number[];
  /** Whether a gradient has to reach it. */
  readonly requiresGrad: boolean;
  /** Same shape as the tensor; undefined until the first gradient arrives. */
  grad: Tensor | undefined = undefined;
  /**
   * What is known of the values of an int32 tensor that came from the host: ids are checked against a table with
   * this, so nothing is read back from the device. Undefined when the device made the values.
   */
  readonly bounds: Bounds | undefined;

  constructor(device: Device, storage: Storage, shape: readonly number[], requiresGrad = false, bounds?: Bounds) {
    this.device = device;
    this.storage = storage;
    this.shape = shape;
    this.requiresGrad = requiresGrad;
    this.bounds = bounds;
  }

  get dtype(): DType {
    return this.storage.dtype;
  }

  get length(): number {
    return this.storage.length;
  }

  /** Copies to host memory. */
  toArray(): Float32Array | Float64Array | Int32Array {
    return this.device.read(this.storage);
  }
}

/** A trained tensor: it has a name, and a gradient that lives as long as it does. */
export class Parameter extends Tensor {
  readonly name: string;
  override grad: Tensor;
  /** False until this step's first gradient is written: the first contribution overwrites, later ones add. */
  gradReady = false;

  constructor(device: Device, name: string, shape: readonly number[], options: { trainable?: boolean } = {}) {
    const trainable = options.trainable ?? true;
    const length = elementCount(shape);
    super(device, device.allocate("float32", length), shape, trainable);
    this.name = name;
    this.grad = new Tensor(device, device.allocate("float32", trainable ? length : 0), trainable ? shape : [0]);
  }

  release(): void {
    this.device.release(this.storage);
    this.device.release(this.grad.storage);
  }
}
