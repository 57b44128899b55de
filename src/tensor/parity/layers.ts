import { ELEMENTWISE, SUMS, type ParityCase } from "./trial.ts";

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

export function* products(): Generator<ParityCase> {
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

export function* embeddings(): Generator<ParityCase> {
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

export function* norms(): Generator<ParityCase> {
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

export function* ropes(): Generator<ParityCase> {
  for (const [B, T, H, D, offset] of [
    [1, 1, 1, 2, 0],
    [2, 5, 3, 6, 4],
    [2, 9, 4, 32, 0],
    [1, 3, 2, 64, 100],
  ] as const) {
    for (const inverse of [false, true]) {
      for (const explicit of [false, true]) {
        yield {
          kernel: "rope",
          label: `B${B} T${T} H${H} D${D} ${explicit ? "positions" : `offset ${offset}`} inverse ${inverse}`,
          tolerance: ELEMENTWISE,
          run: (t) => {
            const positions = explicit ? t.integers(B * T, 0, offset + T) : null;
            const dims = { B, T, H, D, offset: explicit ? 0 : offset, positions, inverse };
            const table = t.normal((offset + T) * D);
            const x = t.normal(B * T * H * D);
            t.device.rope(t.written("out", B * T * H * D), x, table, dims);
            t.device.rope(t.result("in place", x), x, table, dims);
          },
        };
      }
    }
  }
}
