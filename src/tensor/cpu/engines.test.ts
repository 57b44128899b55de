import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { createCpuDevice, nativeStatus } from "./device.ts";

const status = nativeStatus();

/** The processor time that this process takes while it has nothing to do, as a share of the time that passes. */
async function idleShare(milliseconds: number): Promise<number> {
  // clock: the share of it that is used is the result; however long it takes, the share stays the same.
  const [begin, before] = [process.hrtime.bigint(), process.cpuUsage()];
  // clock: see above.
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const { user, system } = process.cpuUsage(before);
  // clock: see above.
  return (1000 * (user + system)) / Number(process.hrtime.bigint() - begin);
}

const file = new URL("../../../build/nuwa_cpu.node", import.meta.url).pathname;

/** An engine of two threads in a worker: products of 128×128×128 until `count` are done; answers how many they were. */
const source = `
  const { workerData, parentPort } = require("node:worker_threads");
  const native = require(workerData.file);
  const context = native.createContext(2, "", false);
  // Kept: the memory goes with its ArrayBuffer.
  const memories = [0, 1, 2].map(() => native.allocate(4 * 128 * 128, true));
  const [a, b, c] = memories.map((memory) => memory.address);
  const work = (count) => {
    for (let i = 0; i < count; i++) native.gemm(context, c, a, b, 0, 128, 128, 128, false, false, false);
  };
  work(50);
  parentPort.on("message", (count) => {
    if (memories.some((memory) => memory.buffer.byteLength === 0)) throw new Error("memory went");
    work(count);
    parentPort.postMessage(count);
  });
  parentPort.postMessage(0);
`;

class Engine {
  readonly #worker = new Worker(source, { eval: true, workerData: { file } });

  answer(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
    });
  }

  products(count: number): Promise<number> {
    const answer = this.answer();
    this.#worker.postMessage(count);
    return answer;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

describe.skipIf(!status.available)("engines in one process (needs the native kernels)", () => {
  it("share the processor: two at a time do not stall each other", async () => {
    const engines = [new Engine(), new Engine()] as const;
    await Promise.all(engines.map((engine) => engine.answer()));
    const count = 400;
    /** Processor time of all threads while something is done, in microseconds. */
    const cost = async (work: () => Promise<unknown>): Promise<number> => {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    let [alone, together] = [Infinity, Infinity];
    for (let round = 0; round < 6 && !(together / alone < 2); round++) {
      const one = await cost(() => engines[0].products(count));
      const other = await cost(() => engines[1].products(count));
      alone = Math.min(alone, one + other);
      together = Math.min(together, await cost(() => Promise.all(engines.map((engine) => engine.products(count)))));
    }
    await Promise.all(engines.map((engine) => engine.stop()));
    // The same products cost the same. A thread that span while it waits for the other engine's would cost far more.
    expect(together / alone).toBeLessThan(2);
  }, 60_000);

  it("take no processor time when idle: under a hundredth of what passes, right after work", async () => {
    const devices = [createCpuDevice({ threads: 4 }), createCpuDevice({ threads: 2 })];
    for (const device of devices) device.fill(device.allocate("float32", 1 << 20), 1);
    // Garbage collection and compilation of the test's own process may fall into one of the stretches, not into all.
    let least = Infinity;
    for (let stretch = 0; stretch < 5 && least >= 0.01; stretch++) least = Math.min(least, await idleShare(1000));
    for (const device of devices) device.dispose();
    expect(least).toBeLessThan(0.01);
  }, 30_000);
});
