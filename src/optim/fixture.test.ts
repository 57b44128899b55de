import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createDevice, nativeAvailable, Parameter } from "../tensor/index.ts";
import { Adafactor } from "./adafactor.ts";
import { AdamW } from "./adamw.ts";
import { Lion } from "./lion.ts";
import { Muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";
import { Sgd } from "./sgd.ts";

/** Ten steps of PyTorch 2.13 and lion-pytorch: test/fixtures/optimizers.py. */
const numbers = z.record(z.string(), z.array(z.number()));
const fixture = z
  .object({
    shapes: numbers,
    gradientScale: z.number(),
    start: numbers,
    gradients: z.array(numbers),
    after: z.record(z.string(), z.array(numbers)),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../test/fixtures/optimizers.json"), "utf8")));

const group = (parameters: Parameter[], learningRate: number, weightDecay: number) => [
  { parameters, learningRate, weightDecay },
];
/** The settings of the script's cases. */
const makers: Readonly<Record<string, (parameters: Parameter[]) => Optimizer>> = {
  adamw: (p) => new AdamW(group(p, 0.02, 0.1), { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 }),
  muon: (p) => new Muon(p, { learningRate: 0.05, weightDecay: 0.1, momentum: 0.95, iterations: 5 }),
  adafactor: (p) => {
    const options = { beta2Decay: -0.8, epsilon1: 2 ** -23, epsilon2: 1e-3, clipThreshold: 1 };
    return new Adafactor(group(p, 0.05, 0.1), options);
  },
  "adafactor, small steps": (p) => {
    const options = { beta2Decay: -0.5, epsilon1: 2 ** -23, epsilon2: 1e-3, clipThreshold: 1.5 };
    return new Adafactor(group(p, 10, 0), options);
  },
  lion: (p) => new Lion(group(p, 0.02, 0.1), { beta1: 0.9, beta2: 0.99 }),
  sgd: (p) => new Sgd(group(p, 0.05, 0.1), { momentum: 0, nesterov: false, decoupled: false }),
  "sgd, momentum": (p) => new Sgd(group(p, 0.05, 0.1), { momentum: 0.9, nesterov: false, decoupled: false }),
  "sgd, nesterov": (p) => new Sgd(group(p, 0.05, 0.1), { momentum: 0.9, nesterov: true, decoupled: false }),
  "sgd, nesterov, decoupled": (p) => new Sgd(group(p, 0.05, 0.1), { momentum: 0.9, nesterov: true, decoupled: true }),
};

const devices = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);

describe.each(devices)("ten steps of each optimizer equal PyTorch's, on %s", (deviceName) => {
  test("the fixture has the cases, and ten steps", () => {
    expect(Object.keys(fixture.after)).toEqual(Object.keys(makers));
    expect(fixture.gradients).toHaveLength(10);
  });

  test.each(Object.entries(makers))("%s", (name, make) => {
    const device = createDevice(deviceName);
    const expected = fixture.after[name] ?? [];
    const parameters = Object.keys(expected[0] ?? {}).map((parameterName) => {
      const parameter = new Parameter(device, parameterName, fixture.shapes[parameterName] ?? []);
      device.write(parameter.storage, fixture.start[parameterName] ?? []);
      return parameter;
    });
    const optimizer = make(parameters);
    const gradientScale = device.allocate("float32", 1);
    device.write(gradientScale, [fixture.gradientScale]);
    for (const [step, gradients] of fixture.gradients.entries()) {
      for (const parameter of parameters) {
        device.write(parameter.grad.storage, gradients[parameter.name] ?? []);
        parameter.gradReady = true;
      }
      optimizer.step({ learningRateScale: 1 - step / 20, gradientScale });
      for (const parameter of parameters) {
        const found = parameter.toArray();
        for (const [i, value] of (expected[step]?.[parameter.name] ?? [Number.NaN]).entries()) {
          const difference = Math.abs((found[i] ?? Number.NaN) - value) / (Math.abs(value) + 0.1);
          expect(difference, `step ${step}, ${parameter.name}[${i}]`).toBeLessThan(2e-5);
        }
      }
    }
    device.dispose();
  });
});
