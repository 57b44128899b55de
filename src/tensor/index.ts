/** The engine: tensors, automatic differentiation, and the devices that compute. */
export { ALIGNMENT, OffsetAllocator, type Placement } from "./arena.ts";
export { type Collective, partOf, type Reduction, single } from "./collective.ts";
export type * from "./device.ts";
export {
  chooseDevice,
  createDevice,
  defineDevice,
  type DeviceDefinition,
  deviceChoices,
  type DeviceOptions,
  devices,
  type DeviceStatus,
  isDevice,
  nativeAvailable,
  type NativeStatus,
  openDevice,
  type OpenDeviceOptions,
} from "./devices.ts";
export { FlatParameters, type FlatRange, FlatState, paddedLength } from "./flat.ts";
export { MetaDevice, type KernelCount } from "./meta.ts";
export * from "./ops/index.ts";
export { philox4x32, philoxKey, PhiloxStream } from "./philox.ts";
export { createProfiler, formatProfile, type KernelTime, type Profile, type Profiler } from "./profile.ts";
export { areNeighbours, byPlace, gradientRanges, memoryFrom } from "./ranges.ts";
export { ReferenceDevice } from "./reference/device.ts";
export { Tape, type Backward, type TapeOptions } from "./tape.ts";
export {
  allocateParameter,
  checkParameter,
  elementCount,
  Parameter,
  type ParameterOptions,
  type ParameterPlace,
  readNow,
  Tensor,
  type Bounds,
} from "./tensor.ts";
export {
  fromBfloat16,
  fromFloat16,
  INT8_BLOCK,
  type Int8Block,
  toBfloat16,
  toFloat16,
  toInt8Block,
  weightBytes,
} from "./weights.ts";
