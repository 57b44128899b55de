import type { AdafactorSettings } from "../device.ts";
import { ELEMENTWISE, LENGTHS, SUMS, type ParityCase } from "./trial.ts";

/** Optimizers beside AdamW: several steps each, state and parameter compared. */
export function* moreOptimizers(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    const common = { label: `${n}`, tolerance: ELEMENTWISE };
    yield {
      kernel: "lion",
      ...common,
      run: (t) => {
        const [p, m] = [t.result("p", t.normal(n)), t.result("m", t.normal(n, 0.1))];
        const settings = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, weightDecay: 0.1 };
        for (let step = 0; step < 3; step++) t.device.lion(p, t.normal(n), m, t.values([0.5]), settings);
      },
    };
    for (const [nesterov, decoupled] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const settings = { learningRate: 0.1, momentum: 0.9, nesterov, weightDecay: 0.1, decoupled };
      yield {
        ...common,
        kernel: "sgd",
        label: `${n} nesterov ${nesterov} decoupled ${decoupled}`,
        run: (t) => {
          const [p, m] = [t.result("p", t.normal(n)), t.result("m", t.normal(n))];
          for (let step = 0; step < 3; step++) t.device.sgd(p, t.normal(n), m, t.values([0.5]), settings);
          t.device.sgd(t.result("without momentum", t.normal(n)), t.normal(n), null, null, settings);
        },
      };
    }
    yield {
      kernel: "nesterov",
      ...common,
      run: (t) => {
        const m = t.result("m", t.normal(n));
        for (const step of [1, 2]) t.device.nesterov(m, t.result(`g${step}`, t.normal(n)), t.values([0.5]), 0.95);
      },
    };
  }
  const shapes = [
    [1, 1, 1],
    [1, 1, 7],
    [1, 9, 1],
    [1, 33, 70],
    [3, 5, 17],
    [1, 700, 131],
    [2, 301, 20],
    [1, 3, 20_011],
  ] as const;
  for (const [matrices, rows, columns] of shapes) {
    for (const factored of [true, false]) {
      yield {
        kernel: "adafactor",
        label: `${matrices}×${rows}×${columns} ${factored ? "factored" : "whole"}`,
        tolerance: SUMS,
        run: (t) => {
          const n = matrices * rows * columns;
          const p = t.result("p", t.normal(n));
          const row = t.result("row", t.values(new Float32Array(factored ? matrices * rows : n)));
          const column = factored ? t.result("column", t.values(new Float32Array(matrices * columns))) : null;
          const settings: Omit<AdafactorSettings, "newShare" | "step"> = {
            matrices,
            rows,
            columns,
            learningRate: 0.05,
            epsilon1: 2 ** -23,
            epsilon2: 1e-3,
            clipThreshold: 1,
            weightDecay: 0.1,
          };
          for (const step of [1, 2, 100]) {
            t.device.adafactor(p, t.normal(n), row, column, t.values([0.5]), {
              ...settings,
              step,
              newShare: step ** -0.8,
            });
          }
        },
      };
    }
  }
}

/** Norm, clipping and updates whose scale is on the device; a scale of 0 changes nothing. */
export function* scalars(): Generator<ParityCase> {
  for (const n of LENGTHS) {
    yield {
      kernel: "scalars",
      label: `${n}`,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const x = t.normal(n);
        t.device.multiplyScalar(t.written("multiplyScalar", n), x, t.values([-0.75]));
        t.device.normalize(t.written("normalize", n), x, t.values([2.5]), 1e-7);
        const [p, factors] = [t.result("applyUpdate", t.normal(n)), { keep: 0.9, rate: -0.1 }];
        t.device.applyUpdate(p, x, null, factors);
        t.device.applyUpdate(p, x, t.values([0.5]), factors);
        t.device.multiplyScalar(t.result("multiplyScalar in place", x), x, t.values([3]));
      },
    };
    yield {
      kernel: "a scale of 0",
      label: `${n}`,
      tolerance: 0,
      run: (t) => {
        const zero = t.values([0]);
        const [p, g, s, v] = [t.normal(n), t.values(new Float32Array(n).fill(Number.NaN)), t.normal(n), t.positive(n)];
        for (const [name, storage] of Object.entries({ p, s, v })) t.result(name, storage);
        const common = { learningRate: 0.1, weightDecay: 0.1, beta1: 0.9, beta2: 0.95 };
        t.device.adamW(p, g, s, v, zero, { ...common, epsilon: 1e-8, step: 1 });
        t.device.lion(p, g, s, zero, common);
        t.device.sgd(p, g, s, zero, { ...common, momentum: 0.9, nesterov: true, decoupled: true });
        t.device.nesterov(s, g, zero, 0.95);
        t.device.applyUpdate(p, g, zero, { keep: 0.9, rate: 0.1 });
        const bounds = { epsilon1: 1e-8, epsilon2: 1e-3, clipThreshold: 1, newShare: 0.5, step: 2 };
        t.device.adafactor(p, g, v, null, zero, { matrices: 1, rows: 1, columns: n, ...common, ...bounds });
      },
    };
  }
  for (const [label, squares, values, maxNorm] of [
    ["below", [1, 4, 0.25], [0.5], 10],
    ["above", [1e4, 2.5, 9], [0.5, 2], 0.7],
    ["no limit", [1e4, 2.5, 9], null, Number.POSITIVE_INFINITY],
    ["no gradients", [], [1], 1],
  ] as const) {
    yield {
      kernel: "clipGradients",
      label,
      tolerance: ELEMENTWISE,
      run: (t) => {
        const finite = values === null ? null : t.values(values);
        t.device.clipGradients(t.written("out", 3), finite, t.values(squares), maxNorm);
      },
    };
  }
  for (const [label, squares, value] of [
    ["infinite gradients", [1, Number.POSITIVE_INFINITY], 1],
    ["infinite loss", [1, 2], Number.NEGATIVE_INFINITY],
  ] as const) {
    yield {
      kernel: "clipGradients",
      label,
      tolerance: ELEMENTWISE,
      run: (t) => t.device.clipGradients(t.written("out", 3), t.values([0, value]), t.values(squares), 1),
    };
  }
}
