import type { AdafactorSettings, AdamWSettings, LionSettings, SgdSettings, Storage } from "../device.ts";
import { at, floats } from "./memory.ts";
import { scaleOf } from "./scalars.ts";

/** Loshchilov & Hutter 2019, algorithm 2: the decay acts on the parameter before the update, both times lr. */
export function adamW(
  parameter: Storage,
  gradient: Storage,
  m: Storage,
  v: Storage,
  scale: Storage | null,
  settings: AdamWSettings,
): void {
  const gradientScale = scaleOf(scale);
  if (gradientScale === 0) return;
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = settings;
  const [p, g, first, second] = [floats(parameter), floats(gradient), floats(m), floats(v)];
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (let i = 0; i < p.length; i++) {
    const value = at(g, i) * gradientScale;
    const m1 = beta1 * at(first, i) + (1 - beta1) * value;
    const v1 = beta2 * at(second, i) + (1 - beta2) * value * value;
    first[i] = m1;
    second[i] = v1;
    const update = m1 / correction1 / (Math.sqrt(v1 / correction2) + epsilon);
    p[i] = at(p, i) - learningRate * (update + weightDecay * at(p, i));
  }
}

/** Chen et al. 2023, program 1. */
export function lion(
  parameter: Storage,
  gradient: Storage,
  m: Storage,
  scale: Storage | null,
  settings: LionSettings,
): void {
  const gradientScale = scaleOf(scale);
  if (gradientScale === 0) return;
  const { learningRate, beta1, beta2, weightDecay } = settings;
  const [p, g, mean] = [floats(parameter), floats(gradient), floats(m)];
  for (let i = 0; i < p.length; i++) {
    const value = at(g, i) * gradientScale;
    const update = Math.sign(beta1 * at(mean, i) + (1 - beta1) * value);
    p[i] = at(p, i) - learningRate * (update + weightDecay * at(p, i));
    mean[i] = beta2 * at(mean, i) + (1 - beta2) * value;
  }
}

/** Sutskever et al. 2013 as PyTorch has it: the momentum is a sum, not a mean. */
export function sgd(
  parameter: Storage,
  gradient: Storage,
  m: Storage | null,
  scale: Storage | null,
  settings: SgdSettings,
): void {
  const gradientScale = scaleOf(scale);
  if (gradientScale === 0) return;
  const { learningRate, momentum, nesterov: ahead, weightDecay, decoupled } = settings;
  const [p, g, sum] = [floats(parameter), floats(gradient), m === null ? undefined : floats(m)];
  for (let i = 0; i < p.length; i++) {
    const penalty = decoupled ? 0 : weightDecay * at(p, i);
    const value = at(g, i) * gradientScale + penalty;
    const kept = sum === undefined ? value : momentum * at(sum, i) + value;
    if (sum !== undefined) sum[i] = kept;
    const update = sum !== undefined && ahead ? value + momentum * kept : kept;
    p[i] = at(p, i) - learningRate * (update + (decoupled ? weightDecay * at(p, i) : 0));
  }
}

/** The momentum of Muon (Jordan et al. 2024), a mean with Nesterov's look-ahead. */
export function nesterov(m: Storage, gradient: Storage, scale: Storage | null, beta: number): void {
  const gradientScale = scaleOf(scale);
  if (gradientScale === 0) return;
  const [mean, g] = [floats(m), floats(gradient)];
  for (let i = 0; i < mean.length; i++) {
    const value = at(g, i) * gradientScale;
    mean[i] = beta * at(mean, i) + (1 - beta) * value;
    g[i] = (1 - beta) * value + beta * at(mean, i);
  }
}

/** Shazeer & Stern 2018, algorithms 4 and 5, with the bounds of torch.optim.Adafactor. */
export function adafactor(
  parameter: Storage,
  gradient: Storage,
  row: Storage,
  column: Storage | null,
  scale: Storage | null,
  settings: AdafactorSettings,
): void {
  const gradientScale = scaleOf(scale);
  if (gradientScale === 0) return;
  const { matrices, rows, columns, newShare, epsilon1, epsilon2, clipThreshold, step } = settings;
  const [p, g, r] = [floats(parameter), floats(gradient), floats(row)];
  const c = column === null ? undefined : floats(column);
  const value = (i: number): number => at(g, i) * gradientScale;
  const lerp = (means: typeof r, i: number, now: number): void => {
    means[i] = at(means, i) + newShare * (now - at(means, i));
  };
  const update = new Float64Array(p.length);
  for (let matrix = 0; matrix < matrices; matrix++) {
    const at0 = matrix * rows * columns;
    if (c === undefined) {
      for (let i = at0; i < at0 + rows * columns; i++) lerp(r, i, value(i) ** 2);
    } else {
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let j = 0; j < columns; j++) sum += value(at0 + i * columns + j) ** 2;
        lerp(r, matrix * rows + i, sum / columns);
      }
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let i = 0; i < rows; i++) sum += value(at0 + i * columns + j) ** 2;
        lerp(c, matrix * columns + j, sum / rows);
      }
    }
    let mean = 0;
    for (let i = 0; c !== undefined && i < rows; i++) mean += at(r, matrix * rows + i) / rows;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const k = at0 + i * columns + j;
        const factored = (): number =>
          (at(r, matrix * rows + i) * at(c ?? r, matrix * columns + j)) / Math.max(mean, epsilon1);
        const variance = c === undefined ? at(r, k) : factored();
        update[k] = value(k) / Math.sqrt(Math.max(variance, epsilon1 ** 2));
      }
    }
  }
  const rms = (x: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i] ?? 0) ** 2;
    return Math.sqrt(sum / x.length);
  };
  const { learningRate, weightDecay } = settings;
  const relative = Math.min(learningRate, 1 / Math.sqrt(step));
  const rate = (Math.max(epsilon2, rms(p)) * relative) / Math.max(1, rms(update) / clipThreshold);
  for (let i = 0; i < p.length; i++) {
    p[i] = at(p, i) * (1 - learningRate * weightDecay) - rate * (update[i] ?? 0);
  }
}
