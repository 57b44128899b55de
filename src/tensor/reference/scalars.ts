import type { Storage } from "../device.ts";
import type { UpdateFactors } from "../kernels.ts";
import { at, floats } from "./memory.ts";

/** The one element of a scale; none is 1. */
export function scaleOf(scale: Storage | null): number {
  return scale === null ? 1 : at(floats(scale), 0);
}

export function multiplyScalar(out: Storage, x: Storage, factor: Storage): void {
  const [y, input, by] = [floats(out), floats(x), at(floats(factor), 0)];
  for (let i = 0; i < y.length; i++) y[i] = by * at(input, i);
}

export function normalize(out: Storage, x: Storage, squares: Storage, epsilon: number): void {
  const [y, input, norm] = [floats(out), floats(x), Math.sqrt(at(floats(squares), 0))];
  for (let i = 0; i < y.length; i++) y[i] = at(input, i) / (norm + epsilon);
}

export function applyUpdate(parameter: Storage, update: Storage, scale: Storage | null, factors: UpdateFactors): void {
  if (scaleOf(scale) === 0) return;
  const [p, u] = [floats(parameter), floats(update)];
  for (let i = 0; i < p.length; i++) p[i] = factors.keep * at(p, i) + factors.rate * at(u, i);
}

/** Pascanu et al. 2013; the 10⁻⁶ is that of PyTorch's clip_grad_norm_. */
export function clipGradients(out: Storage, values: Storage | null, squares: Storage, maxNorm: number): void {
  const norm = Math.sqrt(floats(squares).reduce((total, value) => total + value, 0));
  const finite = Number.isFinite(norm) && (values === null || floats(values).every((value) => Number.isFinite(value)));
  floats(out).set([norm, finite ? Math.min(1, maxNorm / (norm + 1e-6)) : 0, finite ? 1 : 0]);
}
