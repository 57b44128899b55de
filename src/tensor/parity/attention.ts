import type { AttentionDims, Storage } from "../device.ts";
import { readNow } from "../tensor.ts";
import { SUMS, type ParityCase, type Trial } from "./trial.ts";

type Size = Pick<AttentionDims, "B" | "T" | "S" | "capacity" | "H" | "K" | "D">;

/** Dims without bias, mask and dropout, unless `others` says so. */
export function attentionDims(
  size: Size,
  options: { readonly causal: boolean; readonly window?: number } & Partial<AttentionDims>,
): AttentionDims {
  const { causal, window, ...others } = options;
  const left = window === undefined ? size.S + size.T : window - 1;
  return {
    ...size,
    scale: 1.3 / Math.sqrt(size.D),
    left,
    right: causal ? 0 : left,
    positions: 0,
    maskStrides: { batch: 0, head: 0, query: 0 },
    dropout: null,
    ...others,
  };
}

/** Forward, and without a cache backward. */
function runBoth(
  t: Trial,
  dims: AttentionDims,
  others: { readonly relative?: Storage; readonly mask?: Storage; readonly segments?: Storage } = {},
): void {
  const { B, T, S, capacity, H, K, D } = dims;
  const [queries, keys] = [B * T * H * D, B * capacity * K * D];
  const qkv = { q: t.normal(queries), k: t.normal(keys), v: t.normal(keys) };
  const { relative = null, mask = null, segments = null } = others;
  const inputs = { ...qkv, relative, mask, segments };
  const [out, logSumExp] = [t.written("out", queries), t.written("logSumExp", B * H * T)];
  t.device.attention(out, logSumExp, inputs, dims);
  if (capacity !== S) return;
  const dout = t.normal(queries);
  const gradients = {
    q: t.written("dq", queries),
    k: t.written("dk", keys),
    v: t.written("dv", keys),
    relative: relative === null ? null : t.written("drelative", relative.length),
  };
  t.device.attentionBackward(gradients, dout, out, logSumExp, inputs, dims);
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
      const size = { B: 1, T: 40, S: 40, capacity: 40, H: 1, K: 1, D: 8 };
      const qkv = { q: t.normal(320, 10), k: t.normal(320, 10), v: t.normal(320) };
      const inputs = { ...qkv, relative: null, mask: null, segments: null };
      const dims = attentionDims(size, { causal: true, scale: 1 });
      t.device.attention(t.written("out", 320), t.written("logSumExp", 40), inputs, dims);
    },
  };
}

/** Longer than one task's queries on any instruction set: some tiles lie partly above the diagonal. */
export function* longAttentions(): Generator<ParityCase> {
  yield* attentionsOf([{ B: 1, T: 800, S: 800, capacity: 800, H: 1, K: 1, D: 4 }]);
}

function* attentionsOf(sizes: readonly Size[]): Generator<ParityCase> {
  for (const size of sizes) {
    for (const causal of [true, false]) {
      const { B, T, S, capacity, H, K, D } = size;
      yield {
        kernel: "attention",
        label: `B${B} T${T} S${S} capacity ${capacity} H${H} K${K} D${D} causal ${causal}`,
        tolerance: SUMS,
        run: (t) => runBoth(t, attentionDims(size, { causal })),
      };
    }
  }
}

/** A query's and key's documents: runs of a few lengths, some padding, and in one row no order at all. */
function segmentIds(B: number, S: number): number[] {
  return Array.from({ length: B * S }, (_, i) => {
    const [b, s] = [Math.floor(i / S), i % S];
    if (b % 2 === 1) return (s * 7) % 3;
    return s >= S - 2 ? -1 : Math.floor(s / 41);
  });
}

/** Windows, biases by distance, masks, segments, dropout, and keys that are not the queries' own. */
export function* maskedAttentions(): Generator<ParityCase> {
  const sizes: readonly Size[] = [
    { B: 1, T: 6, S: 6, capacity: 6, H: 2, K: 1, D: 8 },
    { B: 2, T: 2, S: 50, capacity: 50, H: 2, K: 1, D: 12 },
    { B: 2, T: 60, S: 60, capacity: 60, H: 2, K: 2, D: 16 },
    { B: 1, T: 235, S: 235, capacity: 235, H: 2, K: 1, D: 3 },
    { B: 1, T: 50, S: 300, capacity: 300, H: 1, K: 1, D: 8 },
  ];
  for (const size of sizes) {
    const { B, T, S, H } = size;
    for (const causal of [true, false]) {
      const of = (label: string, run: ParityCase["run"], tolerance = SUMS): ParityCase => {
        return { kernel: "attention", label: `${label} B${B} T${T} S${S} H${H} causal ${causal}`, tolerance, run };
      };
      for (const window of [1, 3, 40, 200]) {
        yield of(`window ${window}`, (t) => runBoth(t, attentionDims(size, { causal, window })));
      }
      yield of("relative", (t) => {
        const positions = Math.max(S, T) + 3;
        const relative = t.normal(H * (2 * positions - 1));
        runBoth(t, attentionDims(size, { causal, positions }), { relative });
      });
      yield of("mask added", (t) => {
        // Whole tiles and whole rows of it hidden.
        const values = Array.from(readNow(t.device, t.normal(B * H * T * S)), (value, i) => {
          const [query, key] = [Math.floor(i / S) % T, i % S];
          const hidden = query % 5 === 3 || (query < 60 && key >= 100 && key < 300);
          return hidden ? Number.NEGATIVE_INFINITY : value;
        });
        const maskStrides = { batch: H * T * S, head: T * S, query: S };
        runBoth(t, attentionDims(size, { causal, maskStrides }), { mask: t.values(values) });
      });
      yield of("mask of padding", (t) => {
        const shown = Array.from({ length: B * S }, (_, i) => (i % S < S - 3 * (Math.floor(i / S) + 1) ? 1 : 0));
        const maskStrides = { batch: S, head: 0, query: 0 };
        runBoth(t, attentionDims(size, { causal, maskStrides }), { mask: t.values(shown, "int32") });
      });
      yield of("segments", (t) => {
        runBoth(t, attentionDims(size, { causal }), { segments: t.values(segmentIds(B, S), "int32") });
      });
      yield of("dropout", (t) => {
        const dropout = { p: 0.3, seed: [5, 6], counter: [7, 8, 9] } as const;
        runBoth(t, attentionDims(size, { causal, dropout, window: 60 }));
      });
    }
  }
  yield {
    kernel: "attention",
    label: "more queries than keys: the first see nothing",
    tolerance: SUMS,
    run: (t) => runBoth(t, attentionDims({ B: 1, T: 160, S: 30, capacity: 30, H: 1, K: 1, D: 8 }, { causal: true })),
  };
  yield {
    kernel: "attention",
    label: "a mask of all, all at once",
    tolerance: SUMS,
    run: (t) => {
      const size = { B: 2, T: 170, S: 170, capacity: 170, H: 2, K: 1, D: 4 };
      const positions = 170;
      const maskStrides = { batch: 0, head: 0, query: 170 };
      const dropout = { p: 0.1, seed: [1, 0], counter: [0, 0, 0] } as const;
      runBoth(t, attentionDims(size, { causal: true, window: 90, positions, maskStrides, dropout }), {
        relative: t.normal(2 * (2 * positions - 1)),
        mask: t.integers(170 * 170, 0, 4),
        segments: t.values(segmentIds(2, 170), "int32"),
      });
    },
  };
}
