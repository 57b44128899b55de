import type { RecurrentKind, UnaryFunction } from "../kernels.ts";
import { gateCount } from "../kernels.ts";
import { CANCELLED, ELEMENTWISE, SUMS, type ParityCase } from "./trial.ts";

const FUNCTIONS: readonly UnaryFunction[] = ["tanh", "sigmoid", "exp", "log", "log_sigmoid", "square"];

export function* functions(): Generator<ParityCase> {
  for (const kind of FUNCTIONS) {
    for (const n of [1, 7, 16, 33, 1000, 20_001]) {
      yield {
        kernel: "unary",
        label: `${kind} ${n}`,
        tolerance: ELEMENTWISE,
        run: (t) => {
          const x = kind === "log" ? t.positive(n) : t.normal(n, 3);
          t.device.unary(t.written("out", n), x, kind);
          t.device.unaryBackward(t.written("dx", n), t.normal(n), x, kind, false);
          t.device.unaryBackward(t.output("dx added", n, true), t.normal(n), x, kind, true);
          t.device.unary(t.result("in place", x), x, kind);
        },
      };
    }
  }
  const edges = [0, -0, 1e-30, -1e-30, 0.6249, 0.6251, -0.6249, -0.6251, 9, -9, 20, -20, 80, -80];
  for (const kind of ["tanh", "sigmoid", "log_sigmoid"] as const) {
    yield {
      kernel: "unary",
      label: `${kind} far out and near 0`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const x = t.values(edges);
        t.device.unary(t.written("out", edges.length), x, kind);
        t.device.unaryBackward(t.written("dx", edges.length), t.values(edges.map(() => 1)), x, kind, false);
      },
    };
  }
  for (const [rows, width, spread] of [
    [1, 1, 1],
    [3, 7, 1],
    [9, 65, 1],
    [70, 1003, 4],
    [2, 9001, 3],
  ] as const) {
    const dims = { rows, width };
    for (const logarithm of [false, true]) {
      yield {
        kernel: "softmax",
        label: `${rows} x ${width} logarithm ${logarithm} spread ${spread}`,
        tolerance: SUMS,
        // A gradient of wide rows is a difference of numbers near 1, one of them summed in as few as four lanes.
        floor: width > 1000 ? 1e-6 : CANCELLED,
        run: (t) => {
          const [x, n] = [t.normal(rows * width, spread), rows * width];
          const out = t.written("out", n);
          t.device.softmax(out, x, dims, logarithm);
          t.device.softmaxBackward(t.written("dx", n), t.normal(n), out, dims, logarithm, false);
          t.device.softmaxBackward(t.output("dx added", n, true), t.normal(n), out, dims, logarithm, true);
        },
      };
    }
    yield {
      kernel: "logSumExp",
      label: `${rows} x ${width} spread ${spread}`,
      tolerance: SUMS,
      run: (t) => {
        const [x, n] = [t.normal(rows * width, spread), rows * width];
        const out = t.written("out", rows);
        t.device.logSumExp(out, x, dims);
        t.device.logSumExpBackward(t.written("dx", n), t.normal(rows), x, out, dims, false);
        t.device.logSumExpBackward(t.output("dx added", n, true), t.normal(rows), x, out, dims, true);
      },
    };
  }
}

export function* arrays(): Generator<ParityCase> {
  for (const [outer, size, inner] of [
    [1, 1, 1],
    [3, 5, 1],
    [2, 7, 9],
    [5, 3, 300],
    [40, 33, 17],
    [1, 20_000, 1],
    [1, 3, 20_000],
  ] as const) {
    const dims = { outer, size, inner };
    const label = `${outer} x ${size} x ${inner}`;
    const n = outer * size * inner;
    yield {
      kernel: "copyBlocks",
      label,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const blocks = { count: outer, length: inner, outStride: (size + 1) * inner, xStride: size * inner };
        t.device.copyBlocks(t.output("out", n + outer * inner, true), t.normal(n), blocks, false);
        t.device.copyBlocks(t.output("added", n + outer * inner, true), t.normal(n), blocks, true);
        const whole = { count: 1, length: n, outStride: 0, xStride: 0 };
        t.device.copyBlocks(t.written("int32", n, "int32"), t.integers(n, -9, 9), whole, false);
      },
    };
    yield {
      kernel: "swapAxes",
      label,
      tolerance: 0,
      run: (t) => {
        const plain = { outer, first: size, middle: 1, second: inner, inner: 1 };
        t.device.swapAxes(t.written("out", n), t.normal(n), plain);
        const far = { outer: 1, first: outer, middle: 1, second: size, inner };
        t.device.swapAxes(t.written("blocks", n), t.normal(n), far);
        const around = { outer: 1, first: outer, middle: size, second: inner, inner: 1 };
        t.device.swapAxes(t.written("around", n), t.normal(n), around);
      },
    };
    yield {
      kernel: "gather",
      label,
      tolerance: SUMS,
      run: (t) => {
        const ids = t.integers(outer * 3 * inner, 0, size);
        t.device.gather(t.written("out", outer * 3 * inner), t.normal(n), ids, dims, 3);
        t.device.gatherBackward(t.output("dx", n, true), t.normal(outer * 3 * inner), ids, dims, 3);
      },
    };
    yield {
      kernel: "sumAxis and broadcastAxis",
      label,
      tolerance: SUMS,
      run: (t) => {
        t.device.sumAxis(t.written("sum", outer * inner), t.normal(n), dims, 0.7);
        t.device.broadcastAxis(t.written("out", n), t.normal(outer * inner), dims, -1.5, false);
        t.device.broadcastAxis(t.output("added", n, true), t.normal(outer * inner), dims, 1, true);
      },
    };
  }
}

export function* recurrences(): Generator<ParityCase> {
  const kinds: readonly RecurrentKind[] = ["lstm", "gru", "rnn_tanh", "rnn_relu"];
  for (const [B, T, H] of [
    [1, 1, 1],
    [3, 5, 7],
    [17, 4, 16],
    [33, 3, 40],
    [2, 9, 70],
    [1, 2, 259],
  ] as const) {
    for (const kind of kinds) {
      for (const started of [true, false]) {
        const dims = { kind, B, T, H };
        const [G, n] = [gateCount(kind), B * T * H];
        yield {
          kernel: `recurrent ${kind}`,
          label: `B${B} T${T} H${H} from a state ${started}`,
          tolerance: SUMS,
          run: (t) => {
            const lstm = kind === "lstm";
            const gates = t.result("gates", t.normal(G * n));
            const weight = t.normal(G * H * H, 0.5 / Math.sqrt(H));
            const hidden = started ? t.normal(B * H, 0.5) : null;
            const cell = lstm && started ? t.normal(B * H) : null;
            const memory = lstm || kind === "gru" ? t.written("memory", n) : null;
            const out = t.written("out", n);
            t.device.recurrent(out, gates, memory, hidden, cell, weight, started ? t.normal(G * H) : null, dims);
            t.device.recurrentBackward(
              {
                gates,
                hiddenGates: kind === "gru" ? t.written("hidden gates", G * n) : null,
                dhidden: started ? t.written("dhidden", B * H) : null,
                dcell: cell === null ? null : t.written("dcell", B * H),
                dout: t.normal(n),
                dlastCell: lstm && started ? t.normal(B * H) : null,
                memory,
                out,
                hidden,
                cell,
                weight,
              },
              dims,
            );
          },
        };
      }
    }
  }
}

export function* expertKernels(): Generator<ParityCase> {
  for (const [rows, experts, choices, width] of [
    [1, 1, 1, 1],
    [7, 4, 2, 5],
    [50, 8, 2, 33],
    [300, 5, 3, 16],
    [9, 40, 1, 70],
  ] as const) {
    const [slots, label] = [rows * choices, `${rows} tokens, ${choices} of ${experts} experts, width ${width}`];
    yield {
      kernel: "topK",
      label,
      tolerance: 0,
      run: (t) => {
        const dims = { rows, width: experts };
        t.device.topK(t.written("ids", slots, "int32"), t.normal(rows * experts), dims, choices);
        const equal = t.values(Array.from({ length: rows * experts }, (_, i) => i % 3));
        t.device.topK(t.written("of equals", slots, "int32"), equal, dims, choices);
      },
    };
    for (const capacity of [rows, 2]) {
      yield {
        kernel: "experts",
        label: `${label}, capacity ${capacity}`,
        tolerance: SUMS,
        run: (t) => {
          const d = t.device;
          const ids = t.values(
            Array.from({ length: slots }, (_, slot) => (Math.floor(slot / choices) ** 2 + (slot % choices)) % experts),
            "int32",
          );
          const int32 = (name: string, length: number) => t.written(name, length, "int32");
          const [tokens, position] = [int32("tokens", slots), int32("position", slots)];
          const [offsets, shares] = [int32("offsets", experts + 1), t.written("shares", experts)];
          d.groupRows(tokens, position, offsets, shares, ids, { rows, choices, experts, capacity });
          const linear = { rows: slots, inputs: width, outputs: 6 };
          const [x, weight] = [t.normal(slots * width), t.normal(experts * 6 * width)];
          const out = t.output("out", slots * 6, true);
          d.groupedLinear(out, x, weight, offsets, linear);
          for (const accumulate of [true, false]) {
            const dx = t.output(`dx ${accumulate}`, slots * width, true);
            const dweight = t.output(`dweight ${accumulate}`, experts * 6 * width, accumulate);
            d.groupedLinearBackwardInput(dx, t.normal(slots * 6), weight, offsets, linear, accumulate);
            d.groupedLinearBackwardWeight(dweight, t.normal(slots * 6), x, offsets, linear, accumulate);
          }
          const combine = { rows, choices, width: 6 };
          const weights = t.normal(slots);
          d.combineRows(t.written("combined", rows * 6), out, weights, position, combine, false);
          d.combineRows(t.output("added", rows * 6, true), out, null, position, combine, true);
          const [dy, dweights] = [t.output("dy", slots * 6, true), t.written("dweights", slots)];
          d.combineRowsBackward(dy, dweights, t.normal(rows * 6), out, weights, position, combine);
        },
      };
    }
  }
}

export function* smoothedLosses(): Generator<ParityCase> {
  for (const [rows, vocabulary] of [
    [1, 1],
    [3, 2],
    [9, 65],
    [4, 1003],
  ] as const) {
    for (const [labelSmoothing, zLoss, spread] of [
      [0.1, 0, 1],
      [0, 1e-2, 1],
      [0.3, 1e-4, 20],
      [1, 0, 1],
    ] as const) {
      for (const gradientScale of [null, 0.5]) {
        yield {
          kernel: "crossEntropy",
          label: `${rows} x ${vocabulary} smoothing ${labelSmoothing} z ${zLoss} gradient ${gradientScale}`,
          tolerance: SUMS,
          floor: CANCELLED,
          run: (t) => {
            const logits = t.normal(rows * vocabulary, spread);
            if (gradientScale !== null) t.result("gradient", logits);
            const targets = t.integers(rows, rows > 2 ? -1 : 0, vocabulary);
            const dims = { rows, vocabulary, gradientScale, labelSmoothing, zLoss };
            t.device.crossEntropy(t.written("losses", rows), logits, targets, t.positive(rows), dims);
          },
        };
      }
    }
  }
}

/** Tokens drawn from logits: the same ones, over settings, vocabularies and numbers. */
export function* sampling(): Generator<ParityCase> {
  for (const [V, spread] of [
    [1, 1],
    [2, 3],
    [65, 2],
    [1003, 1],
    [9001, 4],
  ] as const) {
    for (const [label, settings] of Object.entries(DRAWS)) {
      yield {
        kernel: "sampleToken",
        label: `${V} ${label}`,
        tolerance: SUMS,
        floor: CANCELLED,
        run: (t) => {
          const draws = 8;
          const [ids, logprobs] = [t.written("ids", draws, "int32"), t.written("logprobs", draws)];
          const logits = t.normal(draws * V, spread);
          for (let row = 0; row < draws; row++) {
            const history = row % 2 === 0 ? t.integers(row, 0, V + 2) : null;
            const uniform = (row + 0.123) / draws;
            const own = logits.slice(row * V, V);
            t.device.sampleToken(ids, logprobs, row, own, history, { ...PLAIN_DRAW, ...settings, uniform });
          }
        },
      };
    }
  }
  for (const [label, bad] of [
    ["NaN", [0, Number.NaN, 1]],
    ["infinity", [0, Number.POSITIVE_INFINITY, 1]],
    ["nothing", [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ] as const) {
    yield {
      kernel: "sampleToken without a token",
      label,
      tolerance: 0,
      run: (t) => {
        t.device.sampleToken(t.written("ids", 1, "int32"), t.values([0]), 0, t.values(bad), null, PLAIN_DRAW);
      },
    };
  }
  yield {
    kernel: "sampleToken",
    label: "tokens that cannot be, and ties",
    tolerance: 0,
    run: (t) => {
      const logits = t.values([Number.NEGATIVE_INFINITY, 2, 2, 0, Number.NEGATIVE_INFINITY, 2]);
      const ids = t.written("ids", 12, "int32");
      for (let row = 0; row < 12; row++) {
        const settings = { ...PLAIN_DRAW, temperature: row === 0 ? 0 : 1, topK: row % 3, uniform: row / 12 };
        t.device.sampleToken(ids, t.values(new Float32Array(12)), row, logits, null, settings);
      }
    },
  };
}

const PLAIN_DRAW = { repetitionPenalty: 1, temperature: 1, topK: 0, topP: 1, minP: 0, uniform: 0.5 };
const DRAWS = {
  plain: {},
  greedy: { temperature: 0 },
  "greedy, penalised": { temperature: 0, repetitionPenalty: 1.7 },
  "temperature and penalty": { temperature: 0.7, repetitionPenalty: 1.3 },
  "top-k": { topK: 5 },
  "top-k 1": { topK: 1 },
  "top-p": { topP: 0.8 },
  "top-p, small": { topP: 1e-6 },
  "min-p": { minP: 0.1 },
  all: { temperature: 1.4, topK: 40, topP: 0.9, minP: 0.02, repetitionPenalty: 0.8 },
};
