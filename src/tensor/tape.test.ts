import { describe, expect, it } from "vitest";

import { createDevice, nativeAvailable } from "./devices.ts";
import { MetaDevice } from "./meta.ts";
import { add, activation, dropout, scale } from "./ops/elementwise.ts";
import { attention } from "./ops/attention.ts";
import { embedding } from "./ops/embedding.ts";
import { linear } from "./ops/linear.ts";
import { linearCrossEntropy } from "./ops/linear-cross-entropy.ts";
import { rmsNorm } from "./ops/norms.ts";
import { reshape } from "./ops/reshape.ts";
import { PhiloxStream } from "./philox.ts";
import { ReferenceDevice } from "./reference/device.ts";
import { Tape } from "./tape.ts";
import { Parameter, type Tensor } from "./tensor.ts";
import type { Arena, Device } from "./device.ts";

const [B, T, H, D, V] = [2, 6, 2, 4, 11];
const C = H * D;

/** A one-layer transformer: each op that trains a language model, with residuals, dropout and tied embeddings. */
function network(device: Device) {
  const random = new PhiloxStream(1);
  const parameter = (name: string, shape: readonly number[]) => {
    const made = new Parameter(device, name, shape);
    device.write(
      made.storage,
      Array.from({ length: made.length }, () => random.normal() * 0.3),
    );
    return made;
  };
  const table = parameter("table", [V, C]);
  const query = parameter("query", [C, C]);
  const key = parameter("key", [C, C]);
  const up = parameter("up", [4 * C, C]);
  const down = parameter("down", [C, 4 * C]);
  const bias = parameter("bias", [C]);
  const parameters = [table, query, key, up, down, bias];
  const loss = (tape: Tape, ids: readonly number[]) => {
    const tokens = tape.constant(ids, [B, T], "int32");
    let x = dropout(tape, embedding(tape, table, tokens), 0.1);
    x = tape.scope(() => {
      const h = rmsNorm(tape, x, { epsilon: 1e-5 });
      const heads = (w: Tensor) => reshape(tape, linear(tape, h, w), [B, T, H, D]);
      const k = heads(key);
      const y = attention(tape, heads(query), k, k, { causal: true });
      return add(tape, x, reshape(tape, y, [B, T, C]));
    });
    x = tape.scope(() => {
      const hidden = activation(tape, linear(tape, rmsNorm(tape, x, { epsilon: 1e-5 }), up), "gelu");
      return add(tape, x, dropout(tape, linear(tape, hidden, down, bias), 0.1));
    });
    const targets = tape.constant([...ids.slice(1), 0], [B * T], "int32");
    return linearCrossEntropy(tape, reshape(tape, x, [B * T, C]), table, targets, { normalizer: B * T });
  };
  return { parameters, loss };
}

const IDS = Array.from({ length: B * T }, (_, i) => (i * 7) % V);

function step(device: Device, arena: Arena, model: ReturnType<typeof network>, number = 0): Tape {
  const tape = new Tape({ device, arena, recording: true, training: true, seed: 3, step: number });
  tape.backward(model.loss(tape, IDS).loss);
  for (const one of model.parameters) one.gradReady = false;
  return tape;
}

describe("Tape", () => {
  it("takes no more memory for fifty steps than for two", () => {
    for (const device of [new ReferenceDevice(), new MetaDevice()]) {
      const model = network(device);
      const arena = device.createArena();
      for (let i = 0; i < 2; i++) {
        step(device, arena, model, i);
        arena.reset();
      }
      const { peakBytes, reservedBytes } = arena;
      for (let i = 2; i < 50; i++) {
        step(device, arena, model, i);
        arena.reset();
      }
      expect(arena.peakBytes).toBe(peakBytes);
      expect(arena.reservedBytes).toBe(reservedBytes);
    }
  });

  it.skipIf(!nativeAvailable().available)(
    "gives on cpu the gradients of the reference, in flat memory (needs the native kernels)",
    () => {
      const device = createDevice("cpu", { threads: 2 });
      const oracle = new ReferenceDevice();
      const [model, expected] = [network(device), network(oracle)];
      const arena = device.createArena();
      for (let i = 0; i < 50; i++) {
        step(device, arena, model, i);
        if (i === 1) expect(arena.reservedBytes).toBe(16 * 2 ** 20);
        arena.reset();
      }
      expect(arena.reservedBytes).toBe(16 * 2 ** 20); // one block
      step(oracle, oracle.createArena(), expected, 49); // the same dropout
      for (const [p, parameter] of model.parameters.entries()) {
        const found = parameter.grad.toArray();
        for (const [i, value] of expected.parameters[p]?.grad.toArray().entries() ?? []) {
          expect(Math.abs((found[i] ?? Number.NaN) - value), `${parameter.name} ${i}`).toBeLessThan(1e-6);
        }
      }
      device.dispose();
    },
  );

  it("has given back everything but inputs and losses when backward is done", () => {
    const device = new ReferenceDevice();
    const arena = device.createArena();
    const model = network(device);
    const live = new Set<unknown>();
    const allocate = arena.allocate.bind(arena);
    const free = arena.free.bind(arena);
    arena.allocate = (dtype, length) => {
      const storage = allocate(dtype, length);
      live.add(storage);
      return storage;
    };
    arena.free = (storage) => {
      live.delete(storage);
      free(storage);
    };
    step(device, arena, model);
    expect(live.size).toBe(4); // tokens, targets, token losses and the loss
  });

  it("needs for evaluation little more than one layer, and gives the same loss", () => {
    const device = new ReferenceDevice();
    const model = network(device);
    const run = (recording: boolean) => {
      const arena = device.createArena();
      const tape = new Tape({ device, arena, recording, training: false });
      const { loss } = model.loss(tape, IDS);
      return { loss: loss.toArray()[0], peakBytes: arena.peakBytes };
    };
    const [training, evaluation] = [run(true), run(false)];
    expect(evaluation.loss).toBe(training.loss);
    expect(evaluation.peakBytes).toBeLessThan(training.peakBytes);
  });

  it("gives the same gradients for the same seed and step, others for another step", () => {
    const device = new ReferenceDevice();
    const model = network(device);
    const gradients = (number: number) => {
      step(device, device.createArena(), model, number);
      return model.parameters.map((one) => [...one.grad.toArray()]);
    };
    const first = gradients(1);
    expect(gradients(1)).toEqual(first);
    expect(gradients(2)).not.toEqual(first);
  });

  it("adds up gradients over micro-batches until they are taken as used", () => {
    const device = new ReferenceDevice();
    const w = new Parameter(device, "w", [2]);
    const pass = (alpha: number) => {
      const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
      tape.backward(scale(tape, w, alpha));
    };
    pass(2);
    pass(3);
    expect([...w.grad.toArray()]).toEqual([5, 5]);
    w.gradReady = false;
    pass(7);
    expect([...w.grad.toArray()]).toEqual([7, 7]);
  });

  it("seeds each element when asked, and does nothing when it does not record", () => {
    const device = new ReferenceDevice();
    const w = new Parameter(device, "w", [3]);
    const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
    tape.backward(scale(tape, w, 2), [1, 0, -1]);
    expect([...w.grad.toArray()]).toEqual([2, 0, -2]);
    const still = new Tape({ device, arena: device.createArena(), recording: false, training: true });
    still.backward(scale(still, w, 5));
    expect([...w.grad.toArray()]).toEqual([2, 0, -2]);
  });

  it("frees a shared storage with its last holder, and each tensor once", () => {
    const device = new ReferenceDevice();
    const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
    const x = tape.constant([1, 2], [2]);
    const y = tape.view(x, [1, 2]);
    tape.free(x);
    tape.free(x);
    expect([...y.toArray()]).toEqual([1, 2]);
    tape.free(y);
    expect([...y.toArray()]).toEqual([Number.NaN, Number.NaN]); // the reference arena marks what is given back
    const w = new Parameter(device, "w", [2]);
    tape.free(w);
    tape.free(tape.view(w, [1, 2]));
    expect([...w.toArray()]).toEqual([0, 0]);
  });

  it("keeps the results of nested scopes, also when they are views of what was made inside", () => {
    const device = new ReferenceDevice();
    const tape = new Tape({ device, arena: device.createArena(), recording: false, training: false });
    let inside: Tensor | undefined;
    const result = tape.scope(() => {
      const view = tape.scope(() => tape.view(tape.constant([1, 2], [2]), [2, 1]));
      inside = tape.constant([5], [1]);
      const kept = tape.constant([3], [1]);
      return [view, kept];
    });
    expect(result.map((tensor) => [...tensor.toArray()])).toEqual([[1, 2], [3]]);
    expect([...(inside?.toArray() ?? [])]).toEqual([Number.NaN]);
  });
});
