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
        const settings = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, weightDecay: 0.1, gradientScale: 0.5 };
        for (let step = 0; step < 3; step++) t.device.lion(p, t.normal(n), m, settings);
      },
    };
    for (const [nesterov, decoupled] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const settings = { learningRate: 0.1, momentum: 0.9, nesterov, weightDecay: 0.1, decoupled, gradientScale: 0.5 };
      yield {
        ...common,
        kernel: "sgd",
        label: `${n} nesterov ${nesterov} decoupled ${decoupled}`,
        run: (t) => {
          const [p, m] = [t.result("p", t.normal(n)), t.result("m", t.normal(n))];
          for (let step = 0; step < 3; step++) t.device.sgd(p, t.normal(n), m, settings);
          t.device.sgd(t.result("without momentum", t.normal(n)), t.normal(n), null, settings);
        },
      };
    }
    yield {
      kernel: "nesterov",
      ...common,
      run: (t) => {
        const m = t.result("m", t.normal(n));
        for (const step of [1, 2]) t.device.nesterov(m, t.result(`g${step}`, t.normal(n)), 0.95, 0.5);
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
            gradientScale: 0.5,
          };
          for (const step of [1, 2, 100]) {
            t.device.adafactor(p, t.normal(n), row, column, { ...settings, step, newShare: step ** -0.8 });
          }
        },
      };
    }
  }
}
