import { describe, expect, it } from "vitest";

import { Registry } from "../text/registry.ts";
import {
  chooseDevice,
  createDevice,
  defineDevice,
  deviceChoices,
  devices,
  isDevice,
  nativeAvailable,
  openDevice,
} from "./devices.ts";
import { ReferenceDevice } from "./reference/device.ts";

describe("createDevice", () => {
  it("makes each device by name", () => {
    for (const name of ["reference", "meta"] as const) expect(createDevice(name).name).toBe(name);
  });

  it.skipIf(!nativeAvailable().available)(
    "makes the cpu device with a number of threads (needs the native kernels)",
    () => {
      const device = createDevice("cpu", { threads: 1 });
      expect(device.name).toBe("cpu");
      device.dispose();
    },
  );

  it("suggests the nearest name for one that does not exist", () => {
    const run = () => createDevice("refrence");
    expect(run).toThrow('unknown device "refrence"');
    expect(run).toThrow(expect.objectContaining({ code: "DEVICE", hint: 'did you mean "reference"?' }));
  });
});

describe("nativeAvailable", () => {
  it("says the instruction set, or why there is none", () => {
    const status = nativeAvailable();
    expect(status.available ? status.instructionSet : status.reason).toMatch(/\w/);
  });
});

describe("chooseDevice", () => {
  const missing = defineDevice({
    name: "gpu",
    summary: "A device that is not here.",
    automatic: true,
    computes: true,
    status: () => Promise.resolve({ available: false, reason: "no adapter", hint: "plug one in" }),
    create: () => Promise.reject(new Error("never")),
  });
  const late = defineDevice({
    name: "late",
    summary: "The reference device, a moment later.",
    automatic: true,
    computes: true,
    status: () => Promise.resolve({ available: true }),
    create: async (options) => new ReferenceDevice(options),
  });

  it("takes the first that is there for auto, and says what it passed over", async () => {
    const registry = new Registry("device", [missing, late, ...devices]);
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    expect((await chooseDevice("auto", warn, registry)).name).toBe("late");
    expect(warnings).toEqual(["computing on the late device (The reference device, a moment later.): no adapter"]);
    expect((await chooseDevice("reference", warn, registry)).name).toBe("reference");
    expect((await openDevice("auto", { warn, registry })).name).toBe("reference");
    expect(warnings).toHaveLength(2);
    expect(deviceChoices(registry)).toEqual(["auto", "gpu", "late", "cpu", "reference"]);
  });

  it("says why the one asked for cannot be had, and what to do", async () => {
    const registry = devices.with([missing]);
    const failure = { code: "DEVICE", message: "the gpu device cannot be loaded: no adapter", hint: "plug one in" };
    await expect(chooseDevice("gpu", undefined, registry)).rejects.toMatchObject(failure);
    const unknown = { code: "DEVICE", message: 'unknown device "gpo"', hint: 'did you mean "gpu"?' };
    await expect(openDevice("gpo", { registry })).rejects.toMatchObject(unknown);
  });

  it("refuses a precision that the device has not", async () => {
    class Plain extends ReferenceDevice {
      override readonly capabilities = { ...createDevice("reference").capabilities, precisions: ["float32"] as const };
    }
    const plain = defineDevice({ ...late, name: "plain", create: () => new Plain() });
    const opened = openDevice("plain", { precision: "bfloat16", registry: devices.with([plain]) });
    await expect(opened).rejects.toMatchObject({ code: "DEVICE", where: "precision" });
  });

  it("takes the fastest of this machine for auto, with a warning where that is slow", async () => {
    const warnings: string[] = [];
    const { name } = await chooseDevice("auto", (message) => warnings.push(message));
    const { available } = nativeAvailable();
    expect(name).toBe(available ? "cpu" : "reference");
    expect(warnings).toHaveLength(available ? 0 : 1);
  });

  it("knows a plugin's definition from something else", () => {
    expect(isDevice(late)).toBe(true);
    for (const value of [null, {}, { name: "x" }, () => late]) expect(isDevice(value)).toBe(false);
  });
});
