import type { Activation, DropoutDims, Storage } from "../device.ts";
import { philox4x32 } from "../philox.ts";
import { activate, slope } from "./activations.ts";
import { at, floats, ReferenceStorage } from "./memory.ts";

export function fill(x: Storage, value: number): void {
  if (x instanceof ReferenceStorage) x.values.fill(value);
}

export function copy(out: Storage, x: Storage): void {
  if (out instanceof ReferenceStorage && x instanceof ReferenceStorage) out.values.set(x.values);
}

export function axpby(out: Storage, a: Storage, alpha: number, b: Storage, beta: number): void {
  const [y, p, q] = [floats(out), floats(a), floats(b)];
  for (let i = 0; i < y.length; i++) y[i] = alpha * at(p, i) + beta * at(q, i);
}

export function multiply(out: Storage, a: Storage, b: Storage, accumulate: boolean): void {
  const [y, p, q] = [floats(out), floats(a), floats(b)];
  for (let i = 0; i < y.length; i++) y[i] = (accumulate ? at(y, i) : 0) + at(p, i) * at(q, i);
}

export function activation(out: Storage, x: Storage, kind: Activation): void {
  const [y, input] = [floats(out), floats(x)];
  for (let i = 0; i < y.length; i++) y[i] = activate(kind, at(input, i));
}

export function activationBackward(
  dx: Storage,
  dout: Storage,
  x: Storage,
  kind: Activation,
  accumulate: boolean,
): void {
  const [result, upstream, input] = [floats(dx), floats(dout), floats(x)];
  for (let i = 0; i < result.length; i++) {
    result[i] = (accumulate ? at(result, i) : 0) + at(upstream, i) * slope(kind, at(input, i));
  }
}

export function gated(out: Storage, gate: Storage, up: Storage, kind: Activation): void {
  const [y, g, u] = [floats(out), floats(gate), floats(up)];
  for (let i = 0; i < y.length; i++) y[i] = activate(kind, at(g, i)) * at(u, i);
}

export function gatedBackward(
  dgate: Storage,
  dup: Storage,
  dout: Storage,
  gate: Storage,
  up: Storage,
  kind: Activation,
): void {
  const [dg, du, d, g, u] = [floats(dgate), floats(dup), floats(dout), floats(gate), floats(up)];
  for (let i = 0; i < d.length; i++) {
    const [upstream, gateValue, upValue] = [at(d, i), at(g, i), at(u, i)];
    dg[i] = upstream * upValue * slope(kind, gateValue);
    du[i] = upstream * activate(kind, gateValue);
  }
}

export function dropout(out: Storage, x: Storage, dims: DropoutDims): void {
  const [y, input] = [floats(out), floats(x)];
  const { p, seed, counter, accumulate } = dims;
  const words = new Uint32Array(4);
  for (let i = 0; i < y.length; i++) {
    if (i % 4 === 0) philox4x32(words, Math.floor(i / 4), ...counter, ...seed);
    const dropped = at(words, i % 4) < p * 2 ** 32;
    const value = dropped ? 0 : at(input, i) / (1 - p);
    y[i] = (accumulate ? at(y, i) : 0) + value;
  }
}
