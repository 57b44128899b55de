import { SUMS, type ParityCase } from "./trial.ts";

/** Rows around what is read once and what is unpacked, widths around blocks of 32. */
const SIZES = [
  [1, 1, 1],
  [1, 9, 64],
  [2, 70, 33],
  [3, 33, 31],
  [4, 130, 96],
  [7, 1, 300],
  [16, 41, 129],
  [17, 65, 32],
  [130, 70, 333],
  [250, 5, 700],
  [1, 300, 2051],
] as const;

/** int8 weights meet inputs of 16 bits: steps of 2^-15 of the largest of 32, four deviations away. */
const INT8 = 1.5e-4;

/** `linear` and `embedding` with weights of every dtype. */
export function* weights(): Generator<ParityCase> {
  for (const dtype of ["float32", "bfloat16", "int8"] as const) {
    for (const [M, N, K] of SIZES) {
      const dims = { rows: M, inputs: K, outputs: N };
      yield {
        kernel: "linear weight",
        label: `${dtype} ${M} x ${N} x ${K}`,
        tolerance: dtype === "int8" ? INT8 : SUMS,
        run: (t) => {
          const [x, weight] = [t.normal(M * K), t.matrix(dtype, N, K)];
          t.device.linear(t.written("without bias", M * N), x, weight, null, dims);
          t.device.linear(t.written("with bias", M * N), x, weight, t.normal(N), dims);
          if (M < 2) return;
          // The same row alone: a text decoded beside others gets the bits that it gets alone.
          t.device.linear(t.written("one row", N), x.slice(K, K), weight, null, { ...dims, rows: 1 });
        },
      };
    }
    yield {
      kernel: "embedding weight",
      label: dtype,
      tolerance: 0,
      run: (t) => t.device.embedding(t.written("out", 9 * 70), t.matrix(dtype, 13, 70), t.integers(9, 0, 13), 9, 70),
    };
  }
}

/** Texts of different lengths in one step, with grouped heads, with and without rotation. */
export function* attentionSteps(): Generator<ParityCase> {
  for (const [B, capacity, H, K, D] of [
    [1, 1, 1, 1, 4],
    [1, 70, 4, 2, 16],
    [3, 40, 6, 3, 20],
    [5, 300, 2, 1, 64],
    [2, 9, 2, 2, 134],
  ] as const) {
    for (const rotated of [true, false]) {
      yield {
        kernel: "attentionStep",
        label: `B ${B} capacity ${capacity} H ${H} K ${K} D ${D} rotated ${rotated}`,
        tolerance: SUMS,
        run: (t) => {
          const [q, k, v] = [t.normal(B * H * D), t.normal(B * K * D), t.normal(B * K * D)];
          t.device.attentionStep(t.written("out", B * H * D), q, k, v, {
            keys: t.result("keys", t.normal(B * capacity * K * D)),
            values: t.result("values", t.normal(B * capacity * K * D)),
            positions: t.integers(B, 0, capacity),
            ropeTable: rotated ? t.normal(capacity * D) : null,
            B,
            capacity,
            H,
            K,
            D,
            scale: 1 / Math.sqrt(D),
          });
        },
      };
    }
  }
}
