import { NuwaError } from "../text/errors.ts";
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

  get dtype(): DType | WeightDType {
    return this.storage.dtype;
  }

  get length(): number {
    return this.storage.length;
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

/** A trained tensor: it has a name, and a gradient that lives as long as it does. */
export class Parameter extends Tensor {
  readonly name: string;
  override grad: Tensor;
  /** False until this step's first gradient is written: the first contribution overwrites, later ones add. */
  gradReady = false;

  /** @throws NuwaError SHAPE for a dtype other than float32 of a tensor that is trained, or that is no matrix */
  constructor(
    device: Device,
    name: string,
    shape: readonly number[],
    options: { trainable?: boolean; dtype?: WeightDType } = {},
  ) {
    const { trainable = true, dtype = "float32" } = options;
    const length = elementCount(shape);
    super(device, allocateParameter(device, name, shape, { trainable, dtype }), shape, trainable);
    this.name = name;
    this.grad = new Tensor(device, device.allocate("float32", trainable ? length : 0), trainable ? shape : [0]);
  }

  release(): void {
    this.device.release(this.storage);
    this.device.release(this.grad.storage);
  }
}

function allocateParameter(
  device: Device,
  name: string,
  shape: readonly number[],
  { trainable, dtype }: { trainable: boolean; dtype: WeightDType },
): Storage {
  if (dtype === "float32") return device.allocate("float32", elementCount(shape));
  const [rows, width] = shape;
  if (trainable || shape.length !== 2 || rows === undefined || width === undefined) {
    const what = trainable ? "a trained parameter" : `shape (${shape.join(", ")})`;
    throw new NuwaError("SHAPE", `parameter "${name}": expected float32 for ${what}, got ${dtype}`);
  }
  return device.allocateMatrix(dtype, rows, width);
}
