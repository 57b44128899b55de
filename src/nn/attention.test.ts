import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  alibiTable,
  createDevice,
  nativeAvailable,
  Parameter,
  PhiloxStream,
  ropeTable,
  Tape,
  type Tensor,
} from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { type AttendOptions, Attention, type AttentionOptions } from "./attention.ts";
import { normal } from "./initializers.ts";
import { KvCache } from "./kv-cache.ts";
import { ParameterStore } from "./parameters.ts";

/** Made by test/fixtures/attention_layer.py with PyTorch and Hugging Face transformers. */
const tensor = z.object({ shape: z.array(z.number()), values: z.array(z.number()) });
const layerCase = z.object({
  x: tensor,
  dout: tensor,
  y: tensor,
  dx: tensor,
  source: tensor.optional(),
  dsource: tensor.optional(),
  visible: z.array(z.number()).optional(),
  segments: z.array(z.number()).optional(),
  positions: z.array(z.number()).optional(),
  parameters: z.record(z.string(), z.object({ value: tensor, gradient: tensor })),
});
const fixture = z
  .object({
    sizes: z.record(z.enum(["B", "T", "S", "C", "source", "H", "K", "D"]), z.number()),
    bidirectional: layerCase,
    causal: layerCase,
    cross: layerCase,
    llama: layerCase,
    llamaPacked: layerCase,
    qwen3: layerCase,
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../test/fixtures/attention-layer.json"), "utf8")));
type Values = z.infer<typeof tensor>;

const { B, T, S, C, source: sourceSize, H, K, D } = fixture.sizes;
const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);

describe.each(names)("the attention layer on %s", (name) => {
  const device = createDevice(name);
  afterAll(() => device.dispose());
  // The fixture keeps nine decimals, but transformers computes the angles of RoPE in float32.
  const tolerance = name === "cpu" ? 1e-5 : 2e-6;

  function near(found: Tensor | undefined, expected: Values | undefined, what: string): void {
    const values = found?.toArray() ?? [];
    expect(values.length, what).toBe(expected?.values.length);
    for (const [i, value] of (expected?.values ?? []).entries()) {
      const error = Math.abs((values[i] ?? Number.NaN) - value) / Math.max(1, Math.abs(value));
      expect(error, `${what}[${i}]`).toBeLessThan(tolerance);
    }
  }

  function parameter(label: string, { shape, values }: Values): Parameter {
    const made = new Parameter(device, label, shape);
    device.write(made.storage, values);
    return made;
  }

  const torchLayer = { hiddenSize: C, heads: H, keyValueHeads: H, headSize: C / H, bias: true, causal: false };
  const rotary = { hiddenSize: C, heads: H, keyValueHeads: K, headSize: D, bias: true, causal: true };
  const table = () => ropeTable(device, 16, D, 100);

  test.each([
    ["bidirectional", () => torchLayer],
    ["causal", () => ({ ...torchLayer, causal: true })],
    ["cross", () => ({ ...torchLayer, sourceSize })],
    ["llama", () => ({ ...rotary, ropeTable: table() })],
    ["llamaPacked", () => ({ ...rotary, ropeTable: table() })],
    [
      "qwen3",
      () => ({ ...rotary, bias: false, ropeTable: table(), qkNorm: { kind: "rmsnorm" as const, epsilon: 1e-6 } }),
    ],
  ] as const)("%s: what PyTorch gives, and its gradients", (label, options) => {
    const expected = fixture[label];
    const store = new ParameterStore(device);
    const layer = new Attention(store, "a", options());
    expect(store.names.map((one) => one.slice(2)).toSorted()).toEqual(Object.keys(expected.parameters).toSorted());
    for (const [key, { value }] of Object.entries(expected.parameters)) {
      expect(store.byName(`a.${key}`).shape).toEqual(value.shape);
      device.write(store.byName(`a.${key}`).storage, value.values);
    }
    const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
    const x = parameter("x", expected.x);
    const source = expected.source && parameter("source", expected.source);
    const ints = (values: readonly number[] | undefined, shape: readonly number[]) =>
      values && tape.constant(values, shape, "int32");
    const y = layer.forward(tape, x, {
      source,
      mask: ints(expected.visible, [B, 1, 1, S]),
      segments: ints(expected.segments, [B, T]),
      positions: ints(expected.positions, [B, T]),
    });
    near(y, expected.y, "y");
    tape.backward(y, expected.dout.values);
    near(x.grad, expected.dx, "dx");
    if (source !== undefined) near(source.grad, expected.dsource, "dsource");
    for (const [key, { gradient }] of Object.entries(expected.parameters)) {
      near(store.byName(`a.${key}`).grad, gradient, key);
    }
  });

  test("a source projected once gives what the source itself gives, step by step", () => {
    const store = new ParameterStore(device, { trainable: false });
    const qkNorm = { kind: "layernorm", epsilon: 1e-5 } as const;
    const layer = new Attention(store, "a", { ...torchLayer, sourceSize, keyValueHeads: K, qkNorm });
    for (const one of store) normal(one, 0.5, 3);
    const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
    const x = tape.constant(fixture.cross.x.values, [B, T, C]);
    const source = tape.constant(fixture.cross.source?.values ?? [], [B, S, sourceSize]);
    const whole = layer.forward(tape, x, { source }).toArray();
    const projected = layer.project(tape, source);
    expect(projected.keys.shape).toEqual([B, S, K, C / H]);
    for (let t = 0; t < T; t++) {
      const rows = Array.from({ length: B }, (_, b) =>
        fixture.cross.x.values.slice((b * T + t) * C, (b * T + t + 1) * C),
      );
      const step = layer.forward(tape, tape.constant(rows.flat(), [B, 1, C]), { source: projected }).toArray();
      for (const [i, value] of step.entries()) {
        expect(value).toBeCloseTo(
          whole[(Math.floor(i / C) * T + t) * C + (i % C)] ?? Number.NaN,
          name === "cpu" ? 5 : 12,
        );
      }
    }
  });
});

/** Every option appears in one of them. */
const gradientCases: Record<string, { options: Partial<AttentionOptions>; call?: (tape: Tape) => AttendOptions }> = {
  "grouped heads, RoPE at positions, segments, QK-norm, dropout": {
    options: { causal: true, qkNorm: { kind: "layernorm", epsilon: 1e-5 }, dropout: 0.3 },
    call: (tape) => ({
      segments: tape.constant([0, 0, 0, 1, 1, 4, 4, 2, 2, -1], [B, T], "int32"),
      positions: tape.constant([0, 1, 2, 0, 1, 5, 6, 0, 1, 0], [B, T], "int32"),
    }),
  },
  "both sides within a window, ALiBi": { options: { causal: false, slidingWindow: 2, ropeTable: null } },
  "one key-value head, a mask of numbers": {
    options: { causal: false, keyValueHeads: 1, ropeTable: null },
    call: (tape) => ({
      mask: tape.constant(
        Array.from({ length: T * T }, (_, i) => (i % 7 === 3 ? Number.NEGATIVE_INFINITY : Math.sin(i))),
        [1, 1, T, T],
      ),
    }),
  },
};

describe("gradients agree with finite differences", () => {
  const device = createDevice("reference");
  const random = new PhiloxStream(21);
  const draw = (length: number) => Float64Array.from({ length }, () => random.normal());
  afterAll(() => device.dispose());

  test.each([...Object.entries(gradientCases), ["another sequence, masked", undefined] as const])(
    "%s",
    (label, one) => {
      const cross = one === undefined;
      const store = new ParameterStore(device);
      const common = { hiddenSize: C, heads: H, keyValueHeads: K, headSize: D, bias: true, causal: false };
      const layer = new Attention(store, "a", {
        ...common,
        ...(cross ? { sourceSize } : { ropeTable: ropeTable(device, 8, D, 100) }),
        ...(label.includes("ALiBi") && { relative: alibiTable(device, H, 8) }),
        ...one?.options,
      });
      const x = store.parameter("x", [B, T, C], "matrix");
      const source = cross ? store.parameter("source", [B, S, sourceSize], "matrix") : undefined;
      for (const parameter of store) device.write(parameter.storage, draw(parameter.length));
      const weights = draw(B * T * C);
      const run = (recording: boolean) => {
        const tape = new Tape({ device, arena: device.createArena(), recording, training: true, seed: 2 });
        const mask = cross ? tape.constant([1, 1, 0, 1, 1, 0, 1], [1, 1, 1, S], "int32") : undefined;
        const y = layer.forward(tape, x, { source, mask, ...one?.call?.(tape) });
        return { tape, y };
      };
      const { tape, y } = run(true);
      tape.backward(y, weights);
      const objective = (): number => {
        let sum = 0;
        for (const [i, value] of run(false).y.toArray().entries()) sum += value * (weights[i] ?? 0);
        return sum;
      };
      const h = 1e-5;
      for (const parameter of store) {
        const values = parameter.toArray();
        const gradient = parameter.grad.toArray();
        for (let i = 0; i < values.length; i += Math.max(1, Math.floor(values.length / 9))) {
          const original = values[i] ?? 0;
          const at = (value: number): number => {
            values[i] = value;
            device.write(parameter.storage, values);
            return objective();
          };
          const numeric = (at(original + h) - at(original - h)) / (2 * h);
          at(original);
          const error = Math.abs((gradient[i] ?? Number.NaN) - numeric) / Math.max(1, Math.abs(numeric));
          expect(error, `${parameter.name}[${i}]`).toBeLessThan(1e-7);
        }
      }
    },
  );
});

test("options that exclude each other are refused", () => {
  const device = createDevice("reference");
  const options = { hiddenSize: C, heads: H, keyValueHeads: H, headSize: 2, bias: false };
  const causal = new Attention(new ParameterStore(device), "a", { ...options, causal: true });
  const both = new Attention(new ParameterStore(device), "b", { ...options, causal: false });
  const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
  const x = tape.constant(new Float32Array(B * T * C), [B, T, C]);
  const segments = tape.constant(new Int32Array(B * T), [B, T], "int32");
  const cache = KvCache.create(device, { batch: B, capacity: 8, layers: 1, keyValueHeads: H, headSize: 2 });
  expect(() => both.forward(tape, x, { cache })).toThrow(NuwaError);
  expect(() => causal.forward(tape, x, { cache, segments })).toThrow(/a cache goes with/);
  expect(() => causal.forward(tape, x, { source: x })).toThrow(/another sequence is not causal/);
  expect(() => both.forward(tape, x, { source: x, segments })).toThrow(/another sequence/);
  device.dispose();
});
