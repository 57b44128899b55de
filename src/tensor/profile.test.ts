import { describe, expect, it } from "vitest";
import { MetaDevice } from "./meta.ts";
import { activation } from "./ops/elementwise.ts";
import { linear } from "./ops/linear.ts";
import { createProfiler, formatProfile } from "./profile.ts";
import { ReferenceDevice } from "./reference/device.ts";
import { Tape } from "./tape.ts";
import { Parameter } from "./tensor.ts";
import type { Device } from "./device.ts";

/** relu(x·wᵀ) twice, forward and backward; gives the weight's gradient. */
function work(device: Device): ArrayLike<number> {
  const weight = new Parameter(device, "w", [3, 2]);
  device.write(weight.storage, [1, 2, 3, 4, 5, -6]);
  const arena = device.createArena();
  for (let pass = 0; pass < 2; pass++) {
    const tape = new Tape({ device, arena, recording: true, training: true });
    const x = tape.constant([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
    tape.backward(activation(tape, linear(tape, x, weight), "relu"));
    arena.reset();
  }
  return weight.grad.toArray();
}

describe("createProfiler", () => {
  it("changes no result, and counts each kernel's calls by size", async () => {
    const { device, report } = createProfiler(new ReferenceDevice());
    expect(device.name).toBe("reference");
    expect(work(device)).toEqual(work(new ReferenceDevice()));
    const { kernels, wallMs, outsideMs } = await report();
    const calls = Object.fromEntries(kernels.map(({ kernel, size, calls: n }) => [`${kernel} ${size}`, n]));
    expect(calls).toMatchObject({ "linear 4×2→3": 2, "linearBackwardWeight 4×2→3": 2, "activation 12": 2 });
    expect(Object.keys(calls).some((name) => /allocate|createArena/.test(name))).toBe(false);
    const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
    expect(total + outsideMs).toBeCloseTo(wallMs, 6);
    expect(outsideMs).toBeGreaterThanOrEqual(0);
  });

  it("takes operations and bytes from the meta device", async () => {
    const { device, report } = createProfiler(new ReferenceDevice());
    work(device);
    const meta = new MetaDevice();
    work(meta);
    for (const { kernel, gflops, ms, gbytes } of (await report()).kernels) {
      const expected = meta.kernels.get(kernel);
      if (expected === undefined) continue; // read, write
      expect(gflops * ms * 1e6, kernel).toBeCloseTo(expected.flops, 3);
      expect(gbytes * ms * 1e6, kernel).toBeCloseTo(expected.bytes, 3);
    }
  });

  it("waits for a device that is not done when a kernel returns, before it stops a clock", async () => {
    let waiting = 0;
    class Late extends ReferenceDevice {
      override readonly capabilities = { ...new ReferenceDevice().capabilities, asynchronous: true };
      override synchronize(): Promise<void> {
        waiting++;
        return new Promise((resolve) => {
          setImmediate(() => {
            waiting--;
            resolve();
          });
        });
      }
    }
    const { device, reset, report } = createProfiler(new Late());
    work(device);
    await reset();
    expect(waiting).toBe(0);
    work(device);
    expect(waiting).toBeGreaterThan(0);
    const { kernels, wallMs, outsideMs } = await report();
    expect(waiting).toBe(0);
    for (const { kernel, ms } of kernels) expect(ms, kernel).toBeGreaterThan(0);
    const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
    expect(total + outsideMs).toBeCloseTo(wallMs, 6);
    expect(outsideMs).toBeGreaterThanOrEqual(0);
  });

  it("begins anew after reset, and still lets errors through", async () => {
    const { device, reset, report } = createProfiler(new ReferenceDevice());
    work(device);
    await reset();
    expect((await report()).kernels).toEqual([]);
    expect(() => device.write(device.allocate("float32", 2), [1])).toThrow();
  });
});

it("formatProfile: slowest first, per step, with a last line for all", () => {
  const kernel = { kernel: "linear", size: "4×2→3", calls: 8, ms: 3, share: 0.75, gflops: 1.5, gbytes: 0 };
  expect(formatProfile({ kernels: [kernel], wallMs: 4, outsideMs: 1 }, 2).split("\n")).toEqual([
    "kernel       size   calls    ms    share  GFLOP/s  GB/s",
    "linear       4×2→3      4  1.50   75.0 %      1.5",
    "(no kernel)                0.50   25.0 %",
    "all                        2.00  100.0 %",
    "",
  ]);
});
