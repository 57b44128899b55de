import type { Activation, Device, DType, Storage } from "./device.ts";
import { PhiloxStream } from "./philox.ts";

/** One kernel call on one set of sizes, the same on every device. */
export interface ParityCase {
  readonly kernel: string;
  /** Sizes and options. */
  readonly label: string;
  /**
   * Largest |difference| / (|reference| + root mean square of the reference's output). The default suits float32
   * sums of up to a few thousand terms; 0 asks for the same values.
   */
  readonly tolerance: number;
  readonly run: (trial: Trial) => void;
}

const POOL = 1 << 16;
let pool: Float64Array | undefined;

/** The same normal values for every trial: drawing millions anew would take most of the test's time. */
function normalPool(): Float64Array {
  if (pool === undefined) {
    const random = new PhiloxStream(0, [0x706f6f6c, 0, 0]);
    pool = Float64Array.from({ length: POOL }, () => random.normal());
  }
  return pool;
}

/** Makes a case's inputs and outputs on one device. All values are float32 numbers, so every device gets the same. */
export class Trial {
  readonly device: Device;
  readonly results = new Map<string, Storage>();
  readonly #random: PhiloxStream;
  readonly #storages: Storage[] = [];

  constructor(device: Device, seed: number) {
    this.device = device;
    this.#random = new PhiloxStream(seed, [0x70617269, 0, 0]);
  }

  /** Standard normal values. */
  normal(length: number, scale = 1): Storage {
    const values = normalPool();
    let next = this.#random.below(POOL);
    return this.values(Float64Array.from({ length }, () => (values[next++ % POOL] ?? 0) * scale));
  }

  /** Values above 0. */
  positive(length: number): Storage {
    const values = normalPool();
    let next = this.#random.below(POOL);
    return this.values(Float64Array.from({ length }, () => Math.abs(values[next++ % POOL] ?? 0) + 0.1));
  }

  /** Whole numbers in [from, to). */
  integers(length: number, from: number, to: number): Storage {
    const draw = () => from + this.#random.below(to - from);
    return this.values(Array.from({ length }, draw), "int32");
  }

  values(data: ArrayLike<number>, dtype: DType = "float32"): Storage {
    const storage = this.device.allocate(dtype, data.length);
    this.device.write(storage, dtype === "float32" ? Float32Array.from(data) : data);
    this.#storages.push(storage);
    return storage;
  }

  /** An output that the kernel must write in full: it starts as NaN. */
  written(name: string, length: number, dtype: DType = "float32"): Storage {
    return this.result(name, this.values(Array(length).fill(dtype === "int32" ? -7 : Number.NaN), dtype));
  }

  /** An output that the kernel adds to, or that it must write in full. */
  output(name: string, length: number, accumulate: boolean): Storage {
    return accumulate ? this.result(name, this.normal(length)) : this.written(name, length);
  }

  /** Names a storage whose values are to be compared. */
  result(name: string, storage: Storage): Storage {
    this.results.set(name, storage);
    return storage;
  }

  release(): void {
    for (const storage of this.#storages) this.device.release(storage);
  }
}

const ELEMENTWISE = 4e-6;
const SUMS = 1e-5;
/** Around the widths of vectors, the sizes of tiles, and more than one thread's share. */
const LENGTHS = [1, 7, 16, 33, 1000, 70_001];
const KINDS: readonly Activation[] = ["gelu", "gelu_tanh", "silu", "relu", "relu2"];

export function parityCases(): ParityCase[] {
  return [
    ...memory(),
    ...elementwise(),
    ...activations(),
    ...dropouts(),
    ...reductions(),
    ...products(),
    ...embeddings(),
    ...norms(),
    ...ropes(),
    ...attentions(),
    ...losses(),
    ...optimizers(),
    ...notFinite(),
  ];
}

function* memory(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    const common = { label: `${n}`, tolerance: 0 };
    yield { kernel: "fill", ...common, run: (t) => t.device.fill(t.written("x", n), 0.1) };
    yield { kernel: "copy", ...common, run: (t) => t.device.copy(t.written("out", n), t.normal(n)) };
  }
  yield {
    kernel: "slice",
    label: "an odd part of an odd part",
    tolerance: 0,
    run: (t) => {
      const x = t.result("x", t.normal(101));
      t.device.fill(x.slice(13, 50).slice(3, 5), 9);
      t.device.copy(x.slice(1, 7), x.slice(71, 7));
      t.device.axpby(x.slice(31, 9), x.slice(40, 9), 2, x.slice(51, 9), 1);
    },
  };
  yield {
    kernel: "copy",
    label: "int32",
    tolerance: 0,
    run: (t) => t.device.copy(t.written("out", 37, "int32"), t.integers(37, -(2 ** 31), 2 ** 31)),
  };
}

function* elementwise(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    const common = { label: `${n}`, tolerance: ELEMENTWISE };
    yield {
      kernel: "axpby",
      ...common,
      run: (t) => t.device.axpby(t.written("out", n), t.normal(n), 0.7, t.normal(n), -1.3),
    };
    yield {
      kernel: "axpby in place",
      ...common,
      run: (t) => {
        const [a, b] = [t.result("a", t.normal(n)), t.result("b", t.normal(n))];
        t.device.axpby(a, a, 0.7, b, -1.3);
        t.device.axpby(b, a, 0.3, b, 2);
        t.device.axpby(b, b, 0.5, b, 0);
      },
    };
    for (const accumulate of [false, true]) {
      yield {
        kernel: "multiply",
        label: `${n} accumulate ${accumulate}`,
        tolerance: ELEMENTWISE,
        run: (t) => t.device.multiply(t.output("out", n, accumulate), t.normal(n), t.normal(n), accumulate),
      };
    }
    yield {
      kernel: "multiply in place",
      ...common,
      run: (t) => {
        const a = t.result("a", t.normal(n));
        t.device.multiply(a, a, t.normal(n), false);
      },
    };
  }
}

function* activations(): Generator<ParityCase> {
  const edges = [0, -0, 1e-30, -1e-30, 1e-4, -1e-4, 5, -5, 12, -12, 60, -60, 300, -300];
  for (const kind of KINDS) {
    for (const n of LENGTHS) {
      const common = { label: `${kind} ${n}`, tolerance: ELEMENTWISE };
      yield {
        kernel: "activation",
        ...common,
        run: (t) => t.device.activation(t.written("out", n), t.normal(n, 3), kind),
      };
      for (const accumulate of [false, true]) {
        yield {
          kernel: "activationBackward",
          label: `${kind} ${n} accumulate ${accumulate}`,
          tolerance: ELEMENTWISE,
          run: (t) => {
            const dx = t.output("dx", n, accumulate);
            t.device.activationBackward(dx, t.normal(n), t.normal(n, 3), kind, accumulate);
          },
        };
      }
      yield {
        kernel: "gated",
        ...common,
        run: (t) => t.device.gated(t.written("out", n), t.normal(n, 3), t.normal(n), kind),
      };
      yield {
        kernel: "gatedBackward",
        ...common,
        run: (t) => {
          const [dgate, dup] = [t.written("dgate", n), t.written("dup", n)];
          t.device.gatedBackward(dgate, dup, t.normal(n), t.normal(n, 3), t.normal(n), kind);
        },
      };
      yield {
        kernel: "activation in place",
        ...common,
        run: (t) => {
          const [x, dout, other] = [t.normal(n, 3), t.normal(n), t.normal(n, 3)];
          t.device.activationBackward(t.result("dout", dout), dout, other, kind, false);
          t.device.activation(t.result("x", x), x, kind);
          t.device.gated(t.result("other", other), other, x, kind);
        },
      };
    }
    yield {
      kernel: "activation",
      label: `${kind} far out and near 0`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const x = t.values(edges);
        t.device.activation(t.written("out", edges.length), x, kind);
        t.device.activationBackward(t.written("dx", edges.length), t.values(edges.map(() => 1)), x, kind, false);
      },
    };
  }
}

function* dropouts(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    for (const accumulate of [false, true]) {
      yield {
        kernel: "dropout",
        label: `${n} accumulate ${accumulate}`,
        tolerance: ELEMENTWISE,
        run: (t) => {
          const dims = { p: 0.3, seed: [7, 0xffffffff], counter: [3, 2 ** 31, 5], accumulate } as const;
          t.device.dropout(t.output("out", n, accumulate), t.positive(n), dims);
        },
      };
    }
    yield {
      kernel: "dropout in place",
      label: `${n}`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const x = t.result("x", t.positive(n));
        t.device.dropout(x, x, { p: 0.5, seed: [1, 2], counter: [1, 0, 0], accumulate: false });
      },
    };
  }
}

function* reductions(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    yield {
      kernel: "sum and sumOfSquares",
      label: `${n}`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const out = t.result("out", t.normal(3));
        t.device.sum(out, 2, t.positive(n));
        t.device.sumOfSquares(out, 0, t.normal(n));
      },
    };
    yield {
      kernel: "argmax",
      label: `3 x ${n}`,
      tolerance: 0,
      run: (t) => t.device.argmax(t.written("out", 3, "int32"), t.normal(3 * n), 3, n),
    };
  }
  yield {
    kernel: "argmax",
    label: "the first of equals; all below 0",
    tolerance: 0,
    run: (t) => {
      const rows = [...Array(40).keys()].map((i) => (i === 9 || i === 33 ? 5 : 1));
      const below = [...Array(40).keys()].map((i) => (i > 20 ? -1e30 : -2e30));
      t.device.argmax(t.written("out", 2, "int32"), t.values([...rows, ...below]), 2, 40);
    },
  };
}

const PRODUCTS = [
  [1, 1, 1],
  [3, 5, 7],
  [16, 16, 16],
  [17, 33, 9],
  [1, 257, 64],
  [65, 130, 67],
  [2, 100, 300],
  [130, 48, 129],
] as const;

function* products(): Generator<ParityCase> {
  for (const [M, N, K] of PRODUCTS) {
    const label = `${M} x ${N} x ${K}`;
    for (const accumulate of [false, true]) {
      for (const [transposeA, transposeB] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ] as const) {
        yield {
          kernel: "matmul",
          label: `${label} transposed ${transposeA} ${transposeB} accumulate ${accumulate}`,
          tolerance: SUMS,
          run: (t) => {
            const out = t.output("out", M * N, accumulate);
            t.device.matmul(out, t.normal(M * K), t.normal(K * N), { M, N, K, transposeA, transposeB, accumulate });
          },
        };
      }
      const dims = { rows: M, inputs: K, outputs: N };
      yield {
        kernel: "linear backward",
        label: `${label} accumulate ${accumulate}`,
        tolerance: SUMS,
        run: (t) => {
          const [dout, x, weight] = [t.normal(M * N), t.normal(M * K), t.normal(N * K)];
          t.device.linearBackwardInput(t.output("dx", M * K, accumulate), dout, weight, dims, accumulate);
          t.device.linearBackwardWeight(t.output("dweight", N * K, accumulate), dout, x, dims, accumulate);
          t.device.linearBackwardBias(t.output("dbias", N, accumulate), dout, dims, accumulate);
        },
      };
    }
    const dims = { rows: M, inputs: K, outputs: N };
    yield {
      kernel: "linear",
      label,
      tolerance: SUMS,
      run: (t) => {
        const [x, weight] = [t.normal(M * K), t.normal(N * K)];
        t.device.linear(t.written("without bias", M * N), x, weight, null, dims);
        t.device.linear(t.written("with bias", M * N), x, weight, t.normal(N), dims);
      },
    };
  }
}

function* embeddings(): Generator<ParityCase> {
  for (const [V, rows, width] of [
    [1, 5, 3],
    [10, 1, 17],
    [50, 200, 33],
    [7, 500, 64],
  ] as const) {
    const label = `${rows} rows of ${V} x ${width}`;
    yield {
      kernel: "embedding",
      label,
      tolerance: 0,
      run: (t) => {
        const out = t.written("out", rows * width);
        t.device.embedding(out, t.normal(V * width), t.integers(rows, 0, V), rows, width);
      },
    };
    yield {
      kernel: "embeddingBackward",
      label,
      tolerance: SUMS,
      run: (t) => {
        const dtable = t.output("dtable", V * width, true);
        t.device.embeddingBackward(dtable, t.normal(rows * width), t.integers(rows, 0, V), rows, width);
      },
    };
  }
}

function* norms(): Generator<ParityCase> {
  for (const [rows, width] of [
    [1, 1],
    [3, 7],
    [5, 64],
    [2, 100],
    [33, 257],
  ] as const) {
    const dims = { rows, width, epsilon: 1e-5 };
    const n = rows * width;
    for (const [hasWeight, hasBias, accumulate] of [
      [true, true, false],
      [true, true, true],
      [true, false, false],
      [false, true, true],
      [false, false, false],
    ] as const) {
      const label = `${rows} x ${width} weight ${hasWeight} bias ${hasBias} accumulate ${accumulate}`;
      const both = { dx: accumulate, parameters: accumulate };
      // One element has variance 0, so rstd is 1/√ε and rounding of the mean is seen 300 times larger.
      const tolerance = SUMS;
      yield {
        kernel: "layerNorm",
        label,
        tolerance,
        run: (t) => {
          const d = t.device;
          const [x, dout] = [t.normal(n), t.normal(n)];
          const [mean, rstd] = [t.written("mean", rows), t.written("rstd", rows)];
          const weight = hasWeight ? t.normal(width) : null;
          const bias = hasBias ? t.normal(width) : null;
          d.layerNorm(t.written("out", n), mean, rstd, x, weight, bias, dims);
          const dx = t.output("dx", n, accumulate);
          const dweight = hasWeight ? t.output("dweight", width, accumulate) : null;
          const dbias = hasBias ? t.output("dbias", width, accumulate) : null;
          d.layerNormBackward(dx, dweight, dbias, dout, x, weight, mean, rstd, dims, both);
        },
      };
      if (hasBias) continue;
      yield {
        kernel: "rmsNorm",
        label,
        tolerance,
        run: (t) => {
          const d = t.device;
          const [x, dout] = [t.normal(n), t.normal(n)];
          const rstd = t.written("rstd", rows);
          const weight = hasWeight ? t.normal(width) : null;
          d.rmsNorm(t.written("out", n), rstd, x, weight, dims);
          const dweight = hasWeight ? t.output("dweight", width, false) : null;
          const flags = { dx: true, parameters: false };
          d.rmsNormBackward(t.output("dx", n, true), dweight, dout, x, weight, rstd, dims, flags);
        },
      };
    }
  }
  yield {
    kernel: "layerNorm",
    label: "far from 0",
    tolerance: 1e-3, // float32 itself holds values near 1000 to 6e-5 only
    run: (t) => {
      const x = t.values(Array.from({ length: 100 }, (_, i) => 1000 + (i % 7)));
      const [mean, rstd] = [t.written("mean", 1), t.written("rstd", 1)];
      t.device.layerNorm(t.written("out", 100), mean, rstd, x, null, null, { rows: 1, width: 100, epsilon: 1e-5 });
    },
  };
}

function* ropes(): Generator<ParityCase> {
  for (const [B, T, H, D, offset] of [
    [1, 1, 1, 2, 0],
    [2, 5, 3, 6, 4],
    [2, 9, 4, 32, 0],
    [1, 3, 2, 64, 100],
  ] as const) {
    for (const inverse of [false, true]) {
      yield {
        kernel: "rope",
        label: `B${B} T${T} H${H} D${D} offset ${offset} inverse ${inverse}`,
        tolerance: ELEMENTWISE,
        run: (t) => {
          const dims = { B, T, H, D, offset, inverse };
          const table = t.normal((offset + T) * D);
          const x = t.normal(B * T * H * D);
          t.device.rope(t.written("out", B * T * H * D), x, table, dims);
          t.device.rope(t.result("in place", x), x, table, dims);
        },
      };
    }
  }
}

function* attentions(): Generator<ParityCase> {
  const sizes = [
    { B: 1, T: 1, S: 1, capacity: 1, H: 1, K: 1, D: 4 },
    { B: 2, T: 7, S: 7, capacity: 7, H: 2, K: 2, D: 8 },
    { B: 1, T: 33, S: 33, capacity: 33, H: 4, K: 2, D: 16 },
    { B: 2, T: 65, S: 65, capacity: 65, H: 3, K: 1, D: 32 },
    { B: 1, T: 130, S: 130, capacity: 130, H: 2, K: 1, D: 64 },
    { B: 1, T: 20, S: 20, capacity: 20, H: 2, K: 2, D: 5 },
    { B: 1, T: 9, S: 9, capacity: 9, H: 2, K: 1, D: 128 },
    { B: 2, T: 1, S: 37, capacity: 64, H: 4, K: 2, D: 16 },
    { B: 2, T: 5, S: 70, capacity: 71, H: 4, K: 1, D: 32 },
  ];
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

function* losses(): Generator<ParityCase> {
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

function* optimizers(): Generator<ParityCase> {
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
function* notFinite(): Generator<ParityCase> {
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
