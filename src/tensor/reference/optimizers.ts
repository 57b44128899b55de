import type { AdamWSettings, Storage } from "../device.ts";
import { at, floats } from "./memory.ts";

/** Loshchilov & Hutter 2019, algorithm 2: the decay acts on the parameter before the update, both times lr. */
export function adamW(parameter: Storage, gradient: Storage, m: Storage, v: Storage, settings: AdamWSettings): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale } = settings;
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
