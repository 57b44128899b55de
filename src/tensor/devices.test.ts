import { describe, expect, it } from "vitest";

import { chooseDevice, createDevice, nativeAvailable } from "./devices.ts";

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
    const name: string = "refrence";
    // A name that comes from a flag or a recipe is not known to be one of the three.
    const run = () => createDevice(name as "cpu");
    expect(run).toThrow('unknown device "refrence"');
    expect(run).toThrow(expect.objectContaining({ code: "DEVICE", hint: 'did you mean "reference"?' }));
  });
});

describe("chooseDevice", () => {
  it("takes the one asked for, and for auto the fastest there is, with a warning where that is slow", () => {
    const warnings: string[] = [];
    expect(chooseDevice("cpu")).toBe("cpu");
    expect(chooseDevice("reference", (message) => warnings.push(message))).toBe("reference");
    expect(warnings).toEqual([]);
    const { available } = nativeAvailable();
    expect(chooseDevice("auto", (message) => warnings.push(message))).toBe(available ? "cpu" : "reference");
    expect(warnings).toHaveLength(available ? 0 : 1);
  });
});

describe("nativeAvailable", () => {
  it("says the instruction set, or why there is none", () => {
    const status = nativeAvailable();
    expect(status.available ? status.instructionSet : status.reason).toMatch(/\w/);
  });
});
