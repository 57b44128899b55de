import { NuwaError } from "../text/errors.ts";
import { didYouMean } from "../text/nearest.ts";
import { Registry } from "../text/registry.ts";
import { checkKernels } from "./checks.ts";
import { createCpuDevice, nativeStatus } from "./cpu/device.ts";
import type { Device, Precision } from "./device.ts";
import { MetaDevice } from "./meta.ts";
import { ReferenceDevice } from "./reference/device.ts";

/** How a device computes. */
export interface DeviceOptions {
  /** Threads of the cpu device; default: the environment's NUWA_THREADS, else one a core. The results are the same for any number. */
  readonly threads?: number | undefined;
  /** How products are computed; default float32. */
  readonly precision?: Precision;
}

/** Whether a device can be made on this machine, and if not, why. */
export interface DeviceStatus {
  readonly available: boolean;
  /** Why not. */
  readonly reason?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** Whether the native kernels can be loaded, and which instruction set they use. */
export interface NativeStatus extends DeviceStatus {
  /** Which kernels the processor got: "avx512", "avx2", "portable", … */
  readonly instructionSet?: string;
}

/** A kind of device: what it is called, and how to get one. */
export interface DeviceDefinition {
  /** As recipes and `--device` spell it. */
  readonly name: string;
  /** One line for a person. */
  readonly summary: string;
  /** Whether "auto" may take it; it takes the first one of the registry that is available. */
  readonly automatic: boolean;
  /** Whether it computes with numbers, so that something can be trained on it. */
  readonly computes: boolean;
  /** Whether it can be made here. Never throws. */
  status(): DeviceStatus | Promise<DeviceStatus>;
  create(options: DeviceOptions): Device | Promise<Device>;
}

/**
 * Defines a device for a registry, or for a plugin's `devices`.
 *
 * @example
 * export default { devices: [defineDevice({ name: "slow", summary: "Slow.", automatic: false, computes: true,
 *   status: () => ({ available: true }), create: () => new ReferenceDevice() })] };
 */
export function defineDevice(definition: DeviceDefinition): DeviceDefinition {
  return definition;
}

/** Whether a plugin's value is a {@link DeviceDefinition}. */
export function isDevice(value: unknown): value is DeviceDefinition {
  if (typeof value !== "object" || value === null) return false;
  const named = "name" in value && typeof value.name === "string" && "summary" in value;
  return named && "create" in value && typeof value.create === "function" && "status" in value && "computes" in value;
}

const cpu = defineDevice({
  name: "cpu",
  summary: "native kernels on the processor's cores",
  automatic: true,
  computes: true,
  status() {
    const { available, reason } = nativeStatus();
    if (available) return { available };
    const hint = 'install a C++ compiler and run "npm run build:native", or use the slow device "reference"';
    return { available, reason: reason ?? "unknown reason", hint };
  },
  create: (options) => createCpuDevice(options),
});

const reference = defineDevice({
  name: "reference",
  summary: "plain TypeScript in float64, slow",
  automatic: true,
  computes: true,
  status: () => ({ available: true }),
  create: (options) => new ReferenceDevice(options),
});

const meta = defineDevice({
  name: "meta",
  summary: "shapes without numbers: counts operations and bytes",
  automatic: false,
  computes: false,
  status: () => ({ available: true }),
  create: () => new MetaDevice(),
});

/** Every device, the one that "auto" prefers first. A new one is a file and a line here. */
export const devices = new Registry<DeviceDefinition>("device", [cpu, reference, meta]);

/** What a recipe or an option may ask for: "auto", or a device that computes. */
export function deviceChoices(registry: Registry<DeviceDefinition> = devices): [string, ...string[]] {
  return ["auto", ...[...registry].filter(({ computes }) => computes).map(({ name }) => name)];
}

/** Whether the native cpu device was built and loads here. Never throws. */
export function nativeAvailable(): NativeStatus {
  return nativeStatus();
}

/**
 * The definition of the device that a recipe or an option means.
 *
 * @param wanted a name, or "auto" for the first that is available
 * @param warn hears which ones "auto" would have liked better, and why they cannot be had
 * @throws NuwaError DEVICE for a name that there is none of, or one that cannot be had here
 */
export async function chooseDevice(
  wanted: string,
  warn: (message: string) => void = () => undefined,
  registry: Registry<DeviceDefinition> = devices,
): Promise<DeviceDefinition> {
  if (wanted !== "auto") {
    const definition = definitionOf(wanted, registry);
    requireAvailable(definition, await definition.status());
    return definition;
  }
  const reasons: string[] = [];
  for (const definition of registry) {
    if (!definition.automatic) continue;
    const { available, reason = "not available" } = await definition.status();
    if (available) {
      if (reasons.length > 0)
        warn(`computing on the ${definition.name} device (${definition.summary}): ${reasons.join("; ")}`);
      return definition;
    }
    reasons.push(reason);
  }
  throw new NuwaError("DEVICE", `no device is available: ${reasons.join("; ")}`);
}

/** How {@link openDevice} chooses, and whom it warns. */
export interface OpenDeviceOptions extends DeviceOptions {
  /** See {@link chooseDevice}. */
  readonly warn?: (message: string) => void;
  /** With the devices of plugins; default: those that there are. */
  readonly registry?: Registry<DeviceDefinition>;
}

/**
 * Makes a device, whichever it is; `device.dispose()` gives back what it holds.
 *
 * @param wanted a name, or "auto" for the first that is available
 * @throws NuwaError DEVICE for a name that there is none of, or one that cannot be had here, or cannot compute so
 * @example const device = await openDevice("auto", { threads: 2 });
 */
export async function openDevice(wanted: string, options: OpenDeviceOptions = {}): Promise<Device> {
  const { warn, registry, ...own } = options;
  const definition = await chooseDevice(wanted, warn, registry);
  return finished(await definition.create(own), own);
}

/**
 * {@link openDevice} for the devices that are there at once: cpu, reference and meta.
 *
 * @throws NuwaError DEVICE when the name is unknown, `cpu` cannot be loaded, or the device takes its time
 * @example const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
 */
export function createDevice(name: string, options: DeviceOptions = {}): Device {
  const definition = definitionOf(name, devices);
  const status = definition.status();
  if (!("available" in status)) throw late(name);
  requireAvailable(definition, status);
  const device = definition.create(options);
  if (!("allocate" in device)) throw late(name);
  return finished(device, options);
}

function definitionOf(name: string, registry: Registry<DeviceDefinition>): DeviceDefinition {
  const definition = registry.find(name);
  if (definition !== undefined) return definition;
  throw new NuwaError("DEVICE", `unknown device "${name}"`, { hint: didYouMean(name, registry.names) });
}

function late(name: string): NuwaError {
  return new NuwaError("DEVICE", `the ${name} device is not there at once`, { hint: "await openDevice() instead" });
}

function requireAvailable({ name }: DeviceDefinition, { available, reason, hint }: DeviceStatus): void {
  if (available) return;
  throw new NuwaError("DEVICE", `the ${name} device cannot be loaded: ${reason ?? "unknown reason"}`, { hint });
}

function finished(device: Device, { precision = "float32" }: DeviceOptions): Device {
  const { precisions } = device.capabilities;
  if (device.capabilities.values && !precisions.includes(precision)) {
    device.dispose();
    const message = `the ${device.name} device computes products in ${precisions.join(" or ")}, not in ${precision}`;
    throw new NuwaError("DEVICE", message, { where: "precision" });
  }
  checkKernels(device);
  return device;
}
