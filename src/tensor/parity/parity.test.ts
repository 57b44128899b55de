import { afterAll, describe, expect, it } from "vitest";

import type { Device, HostArray } from "../device.ts";
import { loadNative } from "../cpu/native.ts";
import { createDevice, nativeAvailable } from "../devices.ts";
import { parityCases } from "./cases.ts";
import { Trial, type ParityCase } from "./trial.ts";
import { ReferenceDevice } from "../reference/device.ts";
import { readNow } from "../tensor.ts";

const native = nativeAvailable();
const cases = parityCases();
const byKernel = [...new Set(cases.map((one) => one.kernel))].map((kernel) => {
  return [kernel, cases.filter((one) => one.kernel === kernel)] as const;
});
const reference = new ReferenceDevice();

type Values = HostArray;
type Results = ReadonlyMap<string, Values>;

const expectations = new Map<ParityCase, Results>();

/** The reference's results, computed once for all tests. */
function expectationOf(one: ParityCase): Results {
  const results = expectations.get(one) ?? resultsOn(reference, one);
  expectations.set(one, results);
  return results;
}

function resultsOn(device: Device, one: ParityCase): Results {
  const trial = new Trial(device, cases.indexOf(one));
  one.run(trial);
  const results = new Map([...trial.results].map(([name, storage]) => [name, readNow(device, storage)] as const));
  trial.release();
  return results;
}

/** The largest difference of one output, in units of the case's tolerance: see {@link ParityCase}. */
function compare(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  floor = 0,
): string | undefined {
  const finite = Array.from(expected).filter((value) => Number.isFinite(value));
  const rms = Math.sqrt(finite.reduce((sum, value) => sum + value * value, 0) / Math.max(1, finite.length));
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [found[i] ?? Number.NaN, expected[i] ?? Number.NaN];
    const equal = Number.isNaN(b) ? Number.isNaN(a) : a === Math.fround(b) || a === b;
    if (equal) continue;
    const difference = Math.max(0, Math.abs(a - b) - floor) / (Math.abs(b) + rms);
    if (!(difference <= tolerance)) return `element ${i}: got ${a}, the reference has ${b} (${difference} apart)`;
  }
  return undefined;
}

function sameBits(a: Values | undefined, b: Values | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const bytes = (values: Values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return bytes(a).equals(bytes(b));
}

describe.skipIf(!native.available)(
  `the cpu device, ${native.instructionSet ?? ""}, equals the reference (needs the native kernels)`,
  () => {
    const device = native.available ? createDevice("cpu", { threads: 2 }) : reference;
    const single = native.available ? createDevice("cpu", { threads: 1 }) : reference;
    afterAll(() => {
      device.dispose();
      single.dispose();
    });

    it.each(byKernel)("%s", (_kernel, group) => {
      for (const one of group) {
        const found = resultsOn(device, one);
        const alone = resultsOn(single, one);
        for (const [name, expected] of expectationOf(one)) {
          const where = `${one.kernel}, ${one.label}, ${name}`;
          const problem = compare(found.get(name) ?? [], expected, one.tolerance, one.floor);
          expect(problem, where).toBeUndefined();
          expect(sameBits(alone.get(name), found.get(name)), `${where}: 1 thread and 2 threads`).toBe(true);
        }
      }
    });
  },
);

/** A device whose kernels are of one instruction set. */
function forced(instructionSet: string): Device {
  const before = process.env["NUWA_CPU"];
  process.env["NUWA_CPU"] = instructionSet;
  try {
    return createDevice("cpu", { threads: 2 });
  } finally {
    if (before === undefined) delete process.env["NUWA_CPU"];
    else process.env["NUWA_CPU"] = before;
  }
}

const others = native.available
  ? loadNative()
      .runnable()
      .filter((set) => set !== native.instructionSet)
  : [];

describe.each(others)("the cpu device, forced to %s, equals the reference", (instructionSet) => {
  const device = forced(instructionSet);
  afterAll(() => device.dispose());

  it.each(byKernel)("%s", (_kernel, group) => {
    for (const one of group) {
      const found = resultsOn(device, one);
      for (const [name, expected] of expectationOf(one)) {
        const problem = compare(found.get(name) ?? [], expected, one.tolerance, one.floor);
        expect(problem, `${one.kernel}, ${one.label}, ${name}`).toBeUndefined();
      }
    }
  });
});

describe("the cases", () => {
  it("write every output, and the reference has no kernel that reads what was not written", () => {
    for (const one of cases) {
      for (const [name, values] of expectationOf(one)) {
        const wild = Array.from(values).some((value) => Number.isNaN(value));
        expect(wild, `${one.kernel}, ${one.label}, ${name}`).toBe(one.label === "NaN comes through");
      }
    }
  });

  it("notice a wrong element", () => {
    expect(compare([1, 2, 3], [1, 2, 3], 0)).toBeUndefined();
    expect(compare([1, 2.001, 3], [1, 2, 3], 1e-5)).toMatch(/^element 1: got 2.001/);
    expect(compare([1, Number.NaN], [1, 2], 1e-5)).toMatch(/^element 1/);
    expect(compare([1], [Number.NaN], 1)).toMatch(/^element 0/);
    expect(compare([], [1], 1)).toMatch(/^element 0/);
    expect(compare([3e-13], [1e-13], 1e-5, 1e-9)).toBeUndefined();
    expect(compare([3e-9], [1e-13], 1e-5, 1e-9)).toMatch(/^element 0/);
    expect(compare([Number.NaN], [1e-13], 1e-5, 1e-9)).toMatch(/^element 0/);
  });
});
