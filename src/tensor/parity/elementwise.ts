import { ELEMENTWISE, KINDS, LENGTHS, type ParityCase } from "./trial.ts";

export function* memory(): Generator<ParityCase> {
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

export function* elementwise(): Generator<ParityCase> {
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

export function* activations(): Generator<ParityCase> {
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

export function* dropouts(): Generator<ParityCase> {
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

export function* reductions(): Generator<ParityCase> {
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
