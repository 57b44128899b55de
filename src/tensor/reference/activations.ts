import type { Activation } from "../device.ts";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/**
 * The error function to about 1e-15: its Taylor series where it converges quickly, otherwise the continued fraction
 * of erfc (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 100 && term > sum / 1e18; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
  }
  let fraction = a;
  for (let n = 80; n >= 1; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction));
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function activate(kind: Activation, x: number): number {
  switch (kind) {
    case "gelu":
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "gelu_tanh":
      return 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x ** 3)));
    case "silu":
      return x * sigmoid(x);
    case "relu":
      return x < 0 ? 0 : x; // not x > 0: NaN has to come through
    case "relu2":
      return x < 0 ? 0 : x * x;
  }
}

/** The derivative of {@link activate}; 0 at 0 for relu. */
export function slope(kind: Activation, x: number): number {
  switch (kind) {
    case "gelu": {
      const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
      return 0.5 * (1 + erf(x / Math.SQRT2)) + x * density;
    }
    case "gelu_tanh": {
      const t = Math.tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x ** 3));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    }
    case "silu": {
      const s = sigmoid(x);
      return s * (1 + x * (1 - s));
    }
    case "relu":
      return x > 0 ? 1 : 0;
    case "relu2":
      return x > 0 ? 2 * x : 0;
  }
}
