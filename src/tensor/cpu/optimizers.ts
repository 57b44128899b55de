/** Hands the storages and settings of optimizers, scalars and sampling to the native kernels. */
import type { Device } from "../device.ts";
import { at, atOptional, BYTES } from "./memory.ts";
import type { NativeAddon, NativeContext } from "./native.ts";

type Context = NativeContext | undefined;
type Kernel<Name extends keyof Device> = Device[Name] extends (...args: infer Arguments) => void
  ? (native: NativeAddon, c: Context, ...args: Arguments) => void
  : never;

export const adamW: Kernel<"adamW"> = (native, c, parameter, gradient, m, v, scale, settings) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = settings;
  const addresses = [at(parameter), at(gradient), at(m), at(v), atOptional(scale)] as const;
  native.adamW(c, ...addresses, parameter.length, learningRate, beta1, beta2, epsilon, weightDecay, step);
};

export const lion: Kernel<"lion"> = (native, c, parameter, gradient, m, scale, settings) => {
  const { learningRate, beta1, beta2, weightDecay } = settings;
  const addresses = [at(parameter), at(gradient), at(m), atOptional(scale)] as const;
  native.lion(c, ...addresses, parameter.length, learningRate, beta1, beta2, weightDecay);
};

export const sgd: Kernel<"sgd"> = (native, c, parameter, gradient, m, scale, settings) => {
  const { learningRate, momentum, weightDecay, nesterov: ahead, decoupled } = settings;
  const addresses = [at(parameter), at(gradient), atOptional(m), atOptional(scale)] as const;
  native.sgd(c, ...addresses, parameter.length, learningRate, momentum, weightDecay, ahead, decoupled);
};

export const nesterov: Kernel<"nesterov"> = (native, c, m, gradient, scale, beta) => {
  native.nesterov(c, at(m), at(gradient), atOptional(scale), m.length, beta);
};

export const adafactor: Kernel<"adafactor"> = (native, c, parameter, gradient, row, column, scale, settings) => {
  const { matrices, rows, columns, learningRate, newShare, epsilon1, epsilon2 } = settings;
  const addresses = [at(parameter), at(gradient), at(row), atOptional(column), atOptional(scale)] as const;
  const factors = [learningRate, newShare, epsilon1, epsilon2, settings.clipThreshold, settings.weightDecay] as const;
  native.adafactor(c, ...addresses, matrices, rows, columns, ...factors, settings.step);
};

export const multiplyScalar: Kernel<"multiplyScalar"> = (native, c, out, x, factor) => {
  native.multiplyScalar(c, at(out), at(x), at(factor), out.length);
};

export const normalize: Kernel<"normalize"> = (native, c, out, x, squares, epsilon) => {
  native.normalize(c, at(out), at(x), at(squares), out.length, epsilon);
};

export const applyUpdate: Kernel<"applyUpdate"> = (native, c, parameter, update, scale, { keep, rate }) => {
  native.applyUpdate(c, at(parameter), at(update), atOptional(scale), parameter.length, keep, rate);
};

export const clipGradients: Kernel<"clipGradients"> = (native, c, out, values, squares, maxNorm) => {
  native.clipGradients(c, at(out), atOptional(values), values?.length ?? 0, at(squares), squares.length, maxNorm);
};

export const sampleToken: Kernel<"sampleToken"> = (native, c, ids, logprobs, row, logits, history, settings) => {
  const { temperature, topK, topP, minP, repetitionPenalty, uniform } = settings;
  const [id, logprob] = [at(ids) + row * BYTES, at(logprobs) + row * BYTES];
  const [length, count] = [logits.length, history?.length ?? 0];
  const numbers = [temperature, topK, topP, minP, history === null ? 1 : repetitionPenalty, uniform] as const;
  native.sampleToken(c, id, logprob, at(logits), length, atOptional(history), count, ...numbers);
};
