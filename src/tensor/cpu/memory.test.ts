import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { NuwaError } from "../../text/errors.ts";
import { type CpuDevice, createCpuDevice, nativeStatus } from "./device.ts";
import { loadNative } from "./native.ts";

/** Of the engine: an ArrayBuffer that cannot be detached. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

const status = nativeStatus();
let device: CpuDevice | undefined;

function create(): CpuDevice {
  device = createCpuDevice({ threads: 2 });
  return device;
}

afterEach(() => {
  device?.dispose();
  device = undefined;
});

function codeOf(action: () => void): string | undefined {
  try {
    action();
  } catch (error) {
    return error instanceof NuwaError ? error.code : String(error);
  }
  return undefined;
}

describe.skipIf(!status.available)("cpu memory (needs the native kernels)", () => {
  it("gives zeroed persistent memory on cache lines, written and read without loss", () => {
    const cpu = create();
    const x = cpu.allocate("float32", 5);
    expect([...cpu.readNow(x)]).toEqual([0, 0, 0, 0, 0]);
    cpu.write(x, [1, 2.5, -3, 4, 5]);
    expect([...cpu.readNow(x.slice(1, 3))]).toEqual([2.5, -3, 4]);
    const ids = cpu.allocate("int32", 2);
    cpu.write(ids, [-1, 2 ** 31 - 1]);
    expect([...cpu.readNow(ids)]).toEqual([-1, 2 ** 31 - 1]);
  });

  it("says MEMORY when the machine has not that much, and works on", () => {
    const cpu = create();
    expect(codeOf(() => cpu.allocate("float32", 2 ** 50))).toBe("MEMORY");
    const arena = cpu.createArena();
    expect(codeOf(() => arena.allocate("float32", 2 ** 50))).toBe("MEMORY");
    const x = arena.allocate("float32", 4);
    cpu.fill(x, 7);
    expect([...cpu.readNow(x)]).toEqual([7, 7, 7, 7]);
  });

  it("refuses what was released, and what came from a disposed device", () => {
    const cpu = create();
    const [x, y] = [cpu.allocate("float32", 4), cpu.allocate("float32", 4)];
    cpu.release(x);
    expect(codeOf(() => cpu.readNow(x))).toBe("DEVICE");
    expect(() => cpu.fill(x, 1)).toThrow(/released/u);
    cpu.dispose();
    expect(() => cpu.fill(y, 1)).toThrow(/disposed/u);
    expect(cpu.bytes).toBe(0);
  });

  it("stays flat over 1,000 steps, and gives everything back", () => {
    const cpu = create();
    const arena = cpu.createArena();
    const residentAfter: number[] = [];
    for (let step = 0; step < 1000; step++) {
      const x = arena.allocate("float32", 200_000 + (step % 7) * 1000);
      const y = arena.allocate("float32", 200_000);
      cpu.fill(x, step);
      cpu.copy(y, y);
      arena.free(x);
      const state = cpu.allocate("float32", 100_000);
      cpu.fill(state, 1);
      cpu.release(state);
      arena.reset();
      if (step === 99 || step === 999) residentAfter.push(process.memoryUsage.rss());
    }
    expect(cpu.bytes).toBe(arena.reservedBytes);
    const [early = 0, late = 0] = residentAfter;
    expect((late - early) / 2 ** 20).toBeLessThan(32); // 1,000 leaked states would be 400 MB
    arena.dispose();
    expect(cpu.bytes).toBe(0);
    expect(arena.peakBytes).toBeGreaterThan(1_600_000);
  });

  it("keeps memory whose buffer cannot be detached, to give it back later", () => {
    const native = loadNative();
    const bytes = 128 * 2 ** 20;
    const memory = native.allocate(bytes, true);
    if (memory === null) throw new Error("no memory");
    const values = new Float32Array(memory.buffer).fill(1); // every page is there
    const { buffer: fixed } = new WebAssembly.Memory({ initial: 1 });
    expect(() => native.release(fixed, memory.block)).toThrow();
    expect(values.at(-1)).toBe(1);
    const before = process.memoryUsage.rss();
    native.release(memory.buffer, memory.block);
    expect(values).toHaveLength(0);
    expect(before - process.memoryUsage.rss()).toBeGreaterThan(bytes / 2);
  });

  it("loads in worker threads, several at once, and goes when they go", async () => {
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      const native = require(workerData.file);
      const context = native.createContext(2, "", false);
      const memory = native.allocate(4 * 100000, true);
      native.fill(context, memory.address, 100000, 2);
      parentPort.postMessage(new Float32Array(memory.buffer)[99999]);
    `;
    const file = new URL("../../../build/nuwa_cpu.node", import.meta.url).pathname;
    const answers = await Promise.all(
      [0, 1, 2].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(source, { eval: true, workerData: { file } });
            worker.on("message", resolve);
            worker.on("error", reject);
          }),
      ),
    );
    expect(answers).toEqual([2, 2, 2]);
  });
});
