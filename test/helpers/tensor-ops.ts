import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Parameter, type ReferenceDevice, type Tensor } from "../../src/tensor/index.ts";

/** A tensor as test/fixtures/tensor_ops.py wrote it. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: number[];
}

interface Weights {
  readonly weights: Readonly<Record<string, { readonly value: Values; readonly gradient: Values }>>;
}

interface Fixture {
  readonly recurrent: Readonly<Record<string, Readonly<Record<string, Values>> & Weights>>;
  readonly experts: Weights & {
    readonly [name in "x" | "y" | "dy" | "dx"]: Values;
  } & { readonly balance: number; readonly z: number };
  readonly losses: {
    readonly [name in "logits" | "targets" | "weights" | "smoothed" | "losses" | "dout" | "dlogits"]: Values;
  } & {
    readonly binary: { readonly [name in "logits" | "targets" | "losses" | "dlogits"]: Values };
    readonly pairs: { readonly [name in "chosen" | "rejected" | "losses"]: Values } & { readonly mse: number };
  };
}

/** What PyTorch computed; see the script. */
export function tensorOpsFixture(): Fixture {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/tensor-ops.json"), "utf8")) as Fixture;
}

/** A trained tensor of given values, so that a gradient arrives in it. */
export function parameterOf(device: ReferenceDevice, { shape, values }: Values): Parameter {
  const parameter = new Parameter(device, "given", shape);
  device.write(parameter.storage, values);
  return parameter;
}

/** The fixture has ten digits, of inputs too. */
export function expectValues(
  found: Tensor | undefined,
  expected: Values | undefined,
  what: string,
  tolerance = 1e-8,
): void {
  expect(found?.shape, what).toEqual(expected?.shape);
  const values = found?.toArray() ?? [];
  for (const [i, value] of (expected?.values ?? []).entries()) {
    const distance = Math.abs((values[i] ?? Number.NaN) - value) / (Math.abs(value) + 1);
    expect(distance, `${what}, element ${i}: ${values[i]} for ${value}`).toBeLessThan(tolerance);
  }
}
