import { createDevice, nativeAvailable, type Device } from "../tensor/index.ts";

/**
 * The device a recipe or an option asks for; `auto` is the native one where it is built, else the slow reference.
 * @throws NuwaError DEVICE when the one asked for cannot be loaded
 */
export function openDevice(wanted: "auto" | "cpu" | "reference", threads?: number): Device {
  const name = wanted !== "auto" ? wanted : nativeAvailable().available ? "cpu" : "reference";
  return createDevice(name, threads === undefined ? {} : { threads });
}
