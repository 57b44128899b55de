import { didYouMean } from "../text/nearest.ts";
import { NuwaError } from "../text/errors.ts";
import { createCpuDevice, nativeStatus } from "./cpu/device.ts";
import type { Device, Precision } from "./device.ts";
import { MetaDevice } from "./meta.ts";
import { ReferenceDevice } from "./reference/device.ts";

export interface DeviceOptions {
  /** Threads of the cpu device; default: the environment's NUWA_THREADS, else one a core. The results are the same for any number. */
  readonly threads?: number;
  /** How the cpu and reference devices compute products; default float32. */
  readonly precision?: Precision;
}

export interface NativeStatus {
  readonly available: boolean;
  /** Why not, and what to do. */
  readonly reason?: string;
  /** Which kernels the processor got: "avx512", "avx2", "portable", … */
  readonly instructionSet?: string;
}

/** Whether the native cpu device was built and loads here. Never throws. */
export function nativeAvailable(): NativeStatus {
  return nativeStatus();
}

const DEVICE_NAMES = ["cpu", "reference", "meta"] as const;

/**
 * Makes a device; `device.dispose()` stops its threads and frees its memory.
 *
 * @throws NuwaError DEVICE when the name is unknown, or `cpu` cannot be loaded
 * @example const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
 */
export function createDevice(name: "cpu" | "reference" | "meta", options: DeviceOptions = {}): Device {
  switch (name) {
    case "reference":
      return new ReferenceDevice(options);
    case "meta":
      return new MetaDevice();
    case "cpu": {
      const status = nativeAvailable();
      if (status.available) return createCpuDevice(options);
      throw new NuwaError("DEVICE", `the cpu device cannot be loaded: ${status.reason ?? "unknown reason"}`, {
        hint: 'install a C++ compiler and run "npm run build:native", or use the slow device "reference"',
      });
    }
    default:
      throw new NuwaError("DEVICE", `unknown device "${String(name)}"`, {
        hint: didYouMean(String(name), DEVICE_NAMES),
      });
  }
}

/** What a recipe or an option may ask for. */
export const DEVICE_CHOICES = ["auto", "cpu", "reference"] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];

/**
 * The name of the device asked for; `auto` is the native one where it was built, else the slow reference, with a warning.
 * @example const device = createDevice(chooseDevice("auto", console.error), { threads: 4 });
 */
export function chooseDevice(
  wanted: DeviceChoice,
  warn: (message: string) => void = () => undefined,
): "cpu" | "reference" {
  if (wanted !== "auto") return wanted;
  const { available, reason } = nativeAvailable();
  if (available) return "cpu";
  warn(`computing on the slow reference device: ${reason ?? "the native kernels cannot be loaded"}`);
  return "reference";
}
