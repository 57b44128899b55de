import { attentionDims } from "./attention.ts";
import { CANCELLED, ELEMENTWISE, KINDS, LENGTHS, SUMS, type ParityCase, type Trial } from "./trial.ts";

export function* losses(): Generator<ParityCase> {
  for (const [rows, vocabulary] of [
    [1, 1],
    [3, 2],
    [9, 65],
    [4, 1003],
    [2, 9001],
  ] as const) {
    for (const [weighted, gradientScale, spread] of [
      [false, null, 1],
      [true, null, 30],
      [false, 0.25, 1],
      [true, 1.5, 1],
      [true, 1, 30],
    ] as const) {
      yield {
        kernel: "crossEntropy",
        label: `${rows} x ${vocabulary} weights ${weighted} gradient ${gradientScale} spread ${spread}`,
        tolerance: SUMS,
        floor: CANCELLED,
        run: (t) => {
          const logits = t.normal(rows * vocabulary, spread);
          if (gradientScale !== null) t.result("gradient", logits);
          const targets = t.integers(rows, rows > 2 ? -1 : 0, vocabulary);
          const weights = weighted ? t.positive(rows) : null;
          const dims = { rows, vocabulary, gradientScale };
          t.device.crossEntropy(t.written("losses", rows), logits, targets, weights, dims);
        },
      };
    }
  }
}

export function* optimizers(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    yield {
      kernel: "adamW",
      label: `${n}`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const [p, m, v] = [t.result("p", t.normal(n)), t.result("m", t.normal(n, 0.1)), t.result("v", t.positive(n))];
        for (const step of [1, 2, 1000]) {
          t.device.adamW(p, t.normal(n), m, v, t.values([0.5]), {
            learningRate: 1e-2,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weightDecay: 0.1,
            step,
          });
        }
      },
    };
  }
}

/** What is not finite must reach the result, so that a run can stop and say so. */
export function* notFinite(): Generator<ParityCase> {
  const bad = (t: Trial, n: number) => t.values(Array.from({ length: n }, (_, i) => (i === 11 ? Number.NaN : i / n)));
  const common = { tolerance: SUMS, label: "NaN comes through" };
  for (const kind of KINDS) {
    yield {
      ...common,
      kernel: `activation ${kind}`,
      run: (t) => t.device.activation(t.written("out", 40), bad(t, 40), kind),
    };
  }
  yield {
    ...common,
    kernel: "sumOfSquares",
    run: (t) => t.device.sumOfSquares(t.written("out", 1), 0, bad(t, 40)),
  };
  yield {
    ...common,
    kernel: "linear",
    run: (t) => {
      t.device.linear(t.written("out", 12), bad(t, 40), t.normal(30), null, { rows: 4, inputs: 10, outputs: 3 });
    },
  };
  yield {
    ...common,
    kernel: "rmsNorm",
    run: (t) => {
      const dims = { rows: 4, width: 10, epsilon: 1e-5 };
      t.device.rmsNorm(t.written("out", 40), t.written("rstd", 4), bad(t, 40), null, dims);
    },
  };
  yield {
    ...common,
    kernel: "attention",
    run: (t) => {
      const inputs = { q: bad(t, 40), k: t.normal(40), v: t.normal(40), relative: null, mask: null, segments: null };
      const dims = attentionDims({ B: 1, T: 5, S: 5, capacity: 5, H: 1, K: 1, D: 8 }, { causal: true, scale: 1 });
      t.device.attention(t.written("out", 40), t.written("logSumExp", 5), inputs, dims);
    },
  };
  yield {
    ...common,
    kernel: "crossEntropy",
    run: (t) => {
      const dims = { rows: 4, vocabulary: 10, gradientScale: null };
      t.device.crossEntropy(t.written("losses", 4), bad(t, 40), t.integers(4, 0, 10), null, dims);
    },
  };
}
