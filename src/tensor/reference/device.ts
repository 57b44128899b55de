import { checkKernels } from "../checks.ts";
import { notWhole } from "../storage.ts";
import type { Arena, Device, DeviceCapabilities, DType, Precision, Storage, WeightDType } from "../device.ts";
import { roundToWeights } from "../weights.ts";
import * as attention from "./attention.ts";
import * as arrays from "./arrays.ts";
import { attentionStep } from "./attention-step.ts";
import * as elementwise from "./elementwise.ts";
import * as embedding from "./embedding.ts";
import * as experts from "./experts.ts";
import * as functions from "./functions.ts";
import * as loss from "./loss.ts";
import { allocateReference, ReferenceArena, ReferenceMatrix, ReferenceStorage } from "./memory.ts";
import * as norms from "./norms.ts";
import * as optimizers from "./optimizers.ts";
import { createProducts, type Products } from "./products.ts";
import * as recurrent from "./recurrent.ts";
import * as reductions from "./reductions.ts";
import { sampleToken } from "./sampling.ts";
import * as scalars from "./scalars.ts";

/**
 * Plain TypeScript in float64: every kernel written the obvious way. The oracle that other devices are tested
 * against, and what runs where no compiler exists.
 *
 * @example const device = new ReferenceDevice();
 */
export class ReferenceDevice implements Device {
  readonly name = "reference";
  readonly capabilities: DeviceCapabilities = {
    values: true,
    asynchronous: false,
    floatBytes: 8,
    weightDTypes: ["float32", "bfloat16", "int8"],
    precisions: ["float32", "bfloat16"],
    kernels: "reference",
  };
  readonly matmul: Products["matmul"];
  readonly linear: Products["linear"];
  readonly linearBackwardInput: Products["linearBackwardInput"];
  readonly linearBackwardWeight: Products["linearBackwardWeight"];
  readonly linearBackwardBias: Products["linearBackwardBias"];
  readonly groupedLinear: experts.GroupedProducts["groupedLinear"];
  readonly groupedLinearBackwardInput: experts.GroupedProducts["groupedLinearBackwardInput"];
  readonly groupedLinearBackwardWeight: experts.GroupedProducts["groupedLinearBackwardWeight"];

  constructor(options: { readonly precision?: Precision } = {}) {
    const products = createProducts(options.precision ?? "float32");
    this.matmul = products.matmul;
    this.linear = products.linear;
    this.linearBackwardInput = products.linearBackwardInput;
    this.linearBackwardWeight = products.linearBackwardWeight;
    this.linearBackwardBias = products.linearBackwardBias;
    const grouped = experts.createGroupedProducts(products);
    this.groupedLinear = grouped.groupedLinear;
    this.groupedLinearBackwardInput = grouped.groupedLinearBackwardInput;
    this.groupedLinearBackwardWeight = grouped.groupedLinearBackwardWeight;
    checkKernels(this);
  }

  allocate(dtype: DType, length: number): Storage {
    return allocateReference(dtype, length, true);
  }

  allocateMatrix(dtype: WeightDType, rows: number, width: number): Storage {
    return dtype === "float32" ? this.allocate(dtype, rows * width) : new ReferenceMatrix(dtype, rows, width);
  }

  release(storage: Storage): void {
    if (!(storage instanceof ReferenceStorage && storage.isWhole)) throw notWhole();
  }

  async synchronize(): Promise<void> {}

  createArena(): Arena {
    return new ReferenceArena();
  }

  write(storage: Storage, data: ArrayLike<number>): void {
    if (storage.length !== data.length) {
      throw new RangeError(`write: ${data.length} elements into a storage of ${storage.length}`);
    }
    if (storage instanceof ReferenceMatrix) {
      storage.values.set(roundToWeights(storage.weightDType, data, storage.width));
    } else if (storage instanceof ReferenceStorage) storage.values.set(data);
  }

  async read(storage: Storage): Promise<Float64Array | Int32Array> {
    return this.readNow(storage);
  }

  readNow(storage: Storage): Float64Array | Int32Array {
    if (!(storage instanceof ReferenceStorage)) throw new TypeError("read: a storage of another device");
    return storage.values.slice();
  }

  dispose(): void {}

  readonly fill = elementwise.fill;
  readonly copy = elementwise.copy;
  readonly axpby = elementwise.axpby;
  readonly multiply = elementwise.multiply;
  readonly activation = elementwise.activation;
  readonly activationBackward = elementwise.activationBackward;
  readonly gated = elementwise.gated;
  readonly gatedBackward = elementwise.gatedBackward;
  readonly dropout = elementwise.dropout;
  readonly sum = reductions.sum;
  readonly sumOfSquares = reductions.sumOfSquares;
  readonly argmax = reductions.argmax;
  readonly embedding = embedding.embedding;
  readonly embeddingBackward = embedding.embeddingBackward;
  readonly layerNorm = norms.layerNorm;
  readonly layerNormBackward = norms.layerNormBackward;
  readonly rmsNorm = norms.rmsNorm;
  readonly rmsNormBackward = norms.rmsNormBackward;
  readonly rope = attention.rope;
  readonly attention = attention.attention;
  readonly attentionStep = attentionStep;
  readonly attentionBackward = attention.attentionBackward;
  readonly crossEntropy = loss.crossEntropy;
  readonly unary = functions.unary;
  readonly unaryBackward = functions.unaryBackward;
  readonly softmax = functions.softmax;
  readonly softmaxBackward = functions.softmaxBackward;
  readonly logSumExp = functions.logSumExp;
  readonly logSumExpBackward = functions.logSumExpBackward;
  readonly copyBlocks = arrays.copyBlocks;
  readonly swapAxes = arrays.swapAxes;
  readonly gather = arrays.gather;
  readonly gatherBackward = arrays.gatherBackward;
  readonly sumAxis = arrays.sumAxis;
  readonly broadcastAxis = arrays.broadcastAxis;
  readonly recurrent = recurrent.recurrent;
  readonly recurrentBackward = recurrent.recurrentBackward;
  readonly topK = experts.topK;
  readonly groupRows = experts.groupRows;
  readonly combineRows = experts.combineRows;
  readonly combineRowsBackward = experts.combineRowsBackward;
  readonly adamW = optimizers.adamW;
  readonly lion = optimizers.lion;
  readonly sgd = optimizers.sgd;
  readonly nesterov = optimizers.nesterov;
  readonly adafactor = optimizers.adafactor;
  readonly multiplyScalar = scalars.multiplyScalar;
  readonly normalize = scalars.normalize;
  readonly applyUpdate = scalars.applyUpdate;
  readonly clipGradients = scalars.clipGradients;
  readonly sampleToken = sampleToken;
}
