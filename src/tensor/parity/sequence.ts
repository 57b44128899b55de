import { CANCELLED, ELEMENTWISE, KINDS, LENGTHS, SUMS, type ParityCase, type Trial } from "./trial.ts";

interface AttentionSize {
  readonly B: number;
  readonly T: number;
  readonly S: number;
  readonly capacity: number;
  readonly H: number;
  readonly K: number;
  readonly D: number;
}

export function* attentions(): Generator<ParityCase> {
  yield* attentionsOf([
    { B: 1, T: 1, S: 1, capacity: 1, H: 1, K: 1, D: 4 },
    { B: 2, T: 7, S: 7, capacity: 7, H: 2, K: 2, D: 8 },
    { B: 1, T: 33, S: 33, capacity: 33, H: 4, K: 2, D: 16 },
    { B: 2, T: 65, S: 65, capacity: 65, H: 3, K: 1, D: 32 },
    { B: 1, T: 130, S: 130, capacity: 130, H: 2, K: 1, D: 64 },
    { B: 1, T: 20, S: 20, capacity: 20, H: 2, K: 2, D: 5 },
    { B: 1, T: 9, S: 9, capacity: 9, H: 2, K: 1, D: 128 },
    { B: 2, T: 1, S: 37, capacity: 64, H: 4, K: 2, D: 16 },
    { B: 2, T: 5, S: 70, capacity: 71, H: 4, K: 1, D: 32 },
  ]);
  yield {
    kernel: "attention",
    label: "scores far beyond what exp can hold",
    tolerance: 1e-4, // scores of several hundred keep only 3e-5 of absolute precision in float32
    run: (t) => {
      const dims = { B: 1, T: 40, S: 40, capacity: 40, H: 1, K: 1, D: 8, causal: true, scale: 1 };
      const [q, k, v] = [t.normal(320, 10), t.normal(320, 10), t.normal(320)];
      t.device.attention(t.written("out", 320), t.written("logSumExp", 40), q, k, v, dims);
    },
  };
}

/** Longer than one task's queries on any instruction set: some tiles lie partly above the diagonal. */
export function* longAttentions(): Generator<ParityCase> {
  yield* attentionsOf([{ B: 1, T: 800, S: 800, capacity: 800, H: 1, K: 1, D: 4 }]);
}

function* attentionsOf(sizes: readonly AttentionSize[]): Generator<ParityCase> {
  for (const size of sizes) {
    for (const causal of [true, false]) {
      const { B, T, S, capacity, H, K, D } = size;
      const dims = { ...size, causal, scale: 1.3 / Math.sqrt(D) };
      const [queries, keys] = [B * T * H * D, B * capacity * K * D];
      yield {
        kernel: "attention",
        label: `B${B} T${T} S${S} capacity ${capacity} H${H} K${K} D${D} causal ${causal}`,
        tolerance: SUMS,
        run: (t) => {
          const [q, k, v] = [t.normal(queries), t.normal(keys), t.normal(keys)];
          const [out, logSumExp] = [t.written("out", queries), t.written("logSumExp", B * H * T)];
          t.device.attention(out, logSumExp, q, k, v, dims);
          if (capacity !== T) return;
          const dout = t.normal(queries);
          const dq = t.written("dq", queries);
          const [dk, dv] = [t.written("dk", keys), t.written("dv", keys)];
          t.device.attentionBackward(dq, dk, dv, dout, out, logSumExp, q, k, v, dims);
        },
      };
    }
  }
}

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
          t.device.adamW(p, t.normal(n), m, v, {
            learningRate: 1e-2,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weightDecay: 0.1,
            step,
            gradientScale: 0.5,
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
      const dims = { B: 1, T: 5, S: 5, capacity: 5, H: 1, K: 1, D: 8, causal: true, scale: 1 };
      t.device.attention(t.written("out", 40), t.written("logSumExp", 5), bad(t, 40), t.normal(40), t.normal(40), dims);
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
