import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadPlugins, pluginAddresses, withPlugins } from "../../src/io/plugins.ts";
import { createCausal, resolveArchitecture } from "../../src/models/index.ts";
import { clipByGlobalNorm, createOptimizer, optimizerSettings } from "../../src/optim/index.ts";
import { type Device, deviceChoices, devices, isDevice, openDevice, Tape } from "../../src/tensor/index.ts";

const folder = mkdtempSync(join(tmpdir(), "nuwa-door-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A device of a user's own, which takes a moment to be there: a file, and a line of a plugin. */
const plugin = `
import { defineDevice, ReferenceDevice } from ${JSON.stringify(join(import.meta.dirname, "../../dist/src/tensor/index.js"))};
class Counting extends ReferenceDevice {
  products = 0;
  constructor() {
    super();
    const linear = this.linear;
    this.linear = (...args) => { this.products++; linear(...args); };
  }
}
export default {
  devices: [defineDevice({
    name: "counting",
    summary: "The reference device, which counts its products.",
    automatic: false,
    computes: true,
    status: async () => ({ available: true }),
    create: async () => new Counting(),
  })],
};
`;

/** Losses of a few steps, and the weights' sum afterwards. */
async function train(device: Device): Promise<{ losses: number[]; sum: number }> {
  const settings = { vocab_size: 7, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
  const model = createCausal(resolveArchitecture(settings), device, { seed: 1, trainable: true });
  const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
  const arena = device.createArena();
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    const tape = new Tape({ device, arena, recording: true, training: true });
    const tokens = tape.constant([1, 2, 3, 4, 5, 6], [1, 6], "int32");
    const targets = tape.constant([2, 3, 4, 5, 6, 0], [1, 6], "int32");
    const { loss } = model.loss(tape, { tokens, targets }, { normalizer: 6 });
    tape.backward(loss);
    const { scale } = clipByGlobalNorm(device, arena, model.parameters, { maxNorm: 1 });
    optimizer.step({ learningRateScale: 1, gradientScale: scale });
    const [value = Number.NaN] = await loss.read();
    losses.push(value);
    arena.reset();
  }
  let sum = 0;
  for (const parameter of model.parameters) for (const value of await parameter.read()) sum += value;
  device.dispose();
  return { losses, sum };
}

test("a device comes in by one registration, is chosen by name, and trains", async () => {
  const file = join(folder, "device.mjs");
  writeFileSync(file, plugin);
  const registry = withPlugins(devices, "devices", await loadPlugins(pluginAddresses([file], "/")), isDevice);
  expect(deviceChoices(registry)).toContain("counting");
  const device = await openDevice("counting", { registry });
  const trained = await train(device);
  expect(trained).toEqual(await train(await openDevice("reference")));
  expect(trained.losses.at(-1)).toBeLessThan(trained.losses[0] ?? 0);
  expect(Reflect.get(device, "products")).toBeGreaterThan(0);
  // Its kernels are checked like any other's.
  expect(() => device.copy(device.allocate("float32", 1), device.allocate("float32", 2))).toThrow(/copy: expected 2/);
  await expect(openDevice("countin", { registry })).rejects.toMatchObject({ hint: 'did you mean "counting"?' });
});
