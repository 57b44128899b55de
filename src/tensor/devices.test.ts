import { describe, expect, it } from "vitest";

import { createDevice, nativeAvailable } from "./devices.ts";

describe("createDevice", () => {
  it("makes each device by name", () => {
    for (const name of ["reference", "meta"] as const) expect(createDevice(name).name).toBe(name);
  });

  it.skipIf(!nativeAvailable().available)("makes the cpu device with a number of threads", () => {
    const device = createDevice("cpu", { threads: 1 });
    expect(device.name).toBe("cpu");
    device.dispose();
  });

  it("suggests the nearest name for one that does not exist", () => {
    const name: string = "refrence";
    // A name that comes from a flag or a recipe is not known to be one of the three.
    const run = () => createDevice(name as "cpu");
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
