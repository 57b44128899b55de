import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { createCpuDevice, nativeStatus } from "./device.ts";

const status = nativeStatus();
const file = new URL("../../../build/nuwa_cpu.node", import.meta.url).pathname;

/** An engine of two threads in a worker: products of 128×128×128 until `count` are done; answers the seconds taken. */
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
    const start = performance.now();
    work(count);
    parentPort.postMessage((performance.now() - start) / 1000);
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

describe.skipIf(!status.available)("engines in one process", () => {
  it("share the processor: two at a time do not stall each other", async () => {
    const engines = [new Engine(), new Engine()] as const;
    await Promise.all(engines.map((engine) => engine.answer()));
    const count = 400;
    let best = Infinity;
    for (let round = 0; round < 3; round++) {
      const alone = Math.min(await engines[0].products(count), await engines[1].products(count));
      const together = Math.max(...(await Promise.all(engines.map((engine) => engine.products(count)))));
      best = Math.min(best, together / alone);
    }
    await Promise.all(engines.map((engine) => engine.stop()));
    // Half the processor each takes twice as long. A worker that waited for the other engine's would take far more.
    expect(best).toBeLessThan(4);
  }, 60_000);

  it("take no processor time when idle: under 10 ms in a second, right after work", async () => {
    const devices = [createCpuDevice({ threads: 4 }), createCpuDevice({ threads: 2 })];
    for (const device of devices) device.fill(device.allocate("float32", 1 << 20), 1);
    // Timers and garbage collection of the test's own process may fall into one of the seconds, not into all.
    let least = Infinity;
    for (let second = 0; second < 3 && least > 10; second++) {
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / 1000);
    }
    for (const device of devices) device.dispose();
    expect(least).toBeLessThan(10);
  }, 10_000);
});
