import { afterAll, describe, expect, test } from "vitest";
import {
  createDevice,
  MetaDevice,
  nativeAvailable,
  Parameter,
  PhiloxStream,
  readNow,
  type Storage,
} from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { AdamW } from "./adamw.ts";
import { clipByGlobalNorm } from "./clip.ts";
import { Muon, NewtonSchulz } from "./muon.ts";
import type { KindedParameter, Optimizer } from "./optimizer.ts";
import { createOptimizer, optimizerSettings } from "./registry.ts";

const names = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);
const plain = { learningRateScale: 1 };

describe.each(names)("on %s", (name) => {
  const device = createDevice(name);
  afterAll(() => device.dispose());

  /** A parameter with values, and a gradient as if backward had just written it. */
  function makeParameter(
    parameterName: string,
    shape: readonly number[],
    values: number[],
    gradient: number[],
  ): Parameter {
    const parameter = new Parameter(device, parameterName, shape);
    device.write(parameter.storage, values);
    setGradient(parameter, gradient);
    return parameter;
  }
  function setGradient(parameter: Parameter, gradient: readonly number[]): void {
    device.write(parameter.grad.storage, gradient);
    parameter.gradReady = true;
  }
  const scalar = (value: number): Storage => {
    const storage = device.allocate("float32", 1);
    device.write(storage, [value]);
    return storage;
  };
  const randoms = (count: number, seed: number): number[] => {
    const random = new PhiloxStream(seed);
    return Array.from({ length: count }, () => random.normal());
  };
  const expectClose = (got: ArrayLike<number>, expected: readonly number[], digits = 6): void => {
    expect(got.length).toBe(expected.length);
    for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, digits);
  };

  describe("AdamW", () => {
    const options = { beta1: 0.9, beta2: 0.99, epsilon: 0 };

    test("the first step is the learning rate against the gradient's sign, plus decay", () => {
      // m̂ = g and v̂ = g², so the update is lr·(sign g + decay·p)
      const p = makeParameter("p", [3], [1, -2, 4], [0.5, -3, 0.001]);
      new AdamW([{ parameters: [p], learningRate: 0.1, weightDecay: 0.5 }], options).step(plain);
      expectClose(p.toArray(), [1 - 0.1 - 0.05, -2 + 0.1 + 0.1, 4 - 0.1 - 0.2]);
    });

    test("the second step, by hand", () => {
      const p = makeParameter("p", [1], [1], [2]);
      const optimizer = new AdamW([{ parameters: [p], learningRate: 0.1, weightDecay: 0 }], options);
      optimizer.step(plain);
      setGradient(p, [-1]);
      optimizer.step({ learningRateScale: 0.5, gradientScale: scalar(2) });
      // m = 0.9·0.2 + 0.1·(−2) = −0.02, over 1 − 0.81; v = 0.99·0.04 + 0.01·4 = 0.0796, over 1 − 0.9801
      const update = (-0.02 / 0.19 / Math.sqrt(0.0796 / 0.0199)) * 0.05;
      expectClose(p.toArray(), [0.9 - update]);
      expect(optimizer.steps).toBe(2);
    });

    test("a parameter without a gradient stays, and gradients are forgotten after a step", () => {
      const p = makeParameter("p", [1], [1], [2]);
      const optimizer = new AdamW([{ parameters: [p], learningRate: 0.1, weightDecay: 0.1 }], options);
      optimizer.step(plain);
      expect(p.gradReady).toBe(false);
      const before = p.toArray();
      optimizer.step(plain);
      expect(p.toArray()).toEqual(before);
    });
  });

  describe("Muon", () => {
    /** X·Xᵀ or Xᵀ·X, whichever is smaller. */
    const gram = (x: ArrayLike<number>, rows: number, columns: number): number[][] => {
      const [small, long] = rows <= columns ? [rows, columns] : [columns, rows];
      const at = (i: number, k: number): number => (rows <= columns ? x[i * columns + k] : x[k * columns + i]) ?? 0;
      const row = (i: number): number[] =>
        Array.from({ length: small }, (_, j) =>
          Array.from({ length: long }, (_unused, k) => at(i, k) * at(j, k)).reduce((sum, value) => sum + value, 0),
        );
      return Array.from({ length: small }, (_, i) => row(i));
    };
    /** Eigenvalues of a symmetric matrix, by Jacobi's rotations. */
    const eigenvalues = (matrix: number[][]): number[] => {
      const a = matrix.map((row) => [...row]);
      const n = a.length;
      const get = (i: number, j: number): number => a[i]?.[j] ?? 0;
      const set = (i: number, j: number, value: number): void => {
        const row = a[i];
        if (row !== undefined) row[j] = value;
      };
      for (let sweep = 0; sweep < 30; sweep++) {
        for (let p = 0; p < n; p++) {
          for (let q = p + 1; q < n; q++) {
            const angle = 0.5 * Math.atan2(2 * get(p, q), get(q, q) - get(p, p));
            const [c, s] = [Math.cos(angle), Math.sin(angle)];
            for (let k = 0; k < n; k++) {
              const [x, y] = [get(k, p), get(k, q)];
              set(k, p, c * x - s * y);
              set(k, q, s * x + c * y);
            }
            for (let k = 0; k < n; k++) {
              const [x, y] = [get(p, k), get(q, k)];
              set(p, k, c * x - s * y);
              set(q, k, s * x + c * y);
            }
          }
        }
      }
      return a.map((row, i) => row[i] ?? 0);
    };

    /** What five iterations do to one singular value, after the division by the norm. */
    const iterate = (singular: number): number => {
      let x = singular;
      for (let i = 0; i < 5; i++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
      return x;
    };

    test.each([
      [6, 6],
      [12, 5],
      [5, 12],
    ])("Newton-Schulz brings the singular values of a %i×%i matrix near 1", (rows, columns) => {
      const matrix = new Parameter(device, "x", [rows, columns]);
      device.write(matrix.storage, randoms(rows * columns, rows));
      const scratch = new NewtonSchulz(device, [
        { rows: 3, columns: 20 },
        { rows, columns },
      ]);
      const singularValues = (x: ArrayLike<number>): number[] => eigenvalues(gram(x, rows, columns)).map(Math.sqrt);
      const before = singularValues(matrix.toArray());
      const norm = Math.hypot(...before);
      const after = singularValues(readNow(device, scratch.orthogonalize(matrix.storage, rows, columns, 5)));
      const ascending = (a: number, b: number): number => a - b;
      const expected = before.map((singular) => iterate(singular / norm)).toSorted(ascending);
      expectClose(after.toSorted(ascending), expected, 4);
      // Jordan et al.: what is not very small at first lands in [0.7, 1.2]
      const large = before.filter((singular) => singular > 0.01 * norm).length;
      expect(large).toBeGreaterThanOrEqual(5);
      const near = after.filter((singular) => singular > 0.65 && singular < 1.25).length;
      expect(near).toBeGreaterThanOrEqual(large);
      scratch.release();
    });

    test("a step on a diagonal gradient, by hand", () => {
      // its one singular value is 1 after the division
      const p = makeParameter("w", [4, 1], [1, 1, 1, 1], [0, 5, 0, 0]);
      new Muon([p], { learningRate: 0.1, weightDecay: 0.5, momentum: 0.9, iterations: 5 }).step(plain);
      // tall: the update is √(4/1) times as large
      expectClose(p.toArray(), [0.95, 0.95 - 0.1 * 2 * iterate(1), 0.95, 0.95], 5);
    });

    test("momentum turns the update, and a vector is refused", () => {
      const p = makeParameter("w", [1, 2], [0, 0], [1, 0]);
      const optimizer = new Muon([p], { learningRate: 1, weightDecay: 0, momentum: 0.5, iterations: 5 });
      optimizer.step(plain);
      const first = p.toArray()[0] ?? 0;
      setGradient(p, [0, 1]);
      optimizer.step(plain);
      // momentum (0.25, 0.5); Nesterov: half of it and half the gradient: (0.125, 0.75)
      const [a = 0, b = 0] = p.toArray();
      expect((a - first) / b).toBeCloseTo(0.125 / 0.75, 4);
      const vector = new Parameter(device, "bias", [3]);
      expect(() => new Muon([vector], { learningRate: 1, weightDecay: 0, momentum: 0, iterations: 5 })).toThrow(
        NuwaError,
      );
    });
  });

  describe("clipByGlobalNorm", () => {
    const arena = device.createArena();
    const clip = (parameters: readonly Parameter[], maxNorm: number, values?: Storage) => {
      const { norm, scale, finite } = clipByGlobalNorm(device, arena, parameters, { maxNorm, values });
      const number = (one: Storage) => readNow(device, one)[0];
      return { norm: number(norm), scale: number(scale), finite: number(finite) };
    };

    test("measures all gradients as one vector", () => {
      const parameters = [
        makeParameter("a", [2], [0, 0], [3, 0]),
        makeParameter("b", [1], [0], [4]),
        new Parameter(device, "without", [5]),
      ];
      const { norm, scale, finite } = clip(parameters, 1);
      expect(norm).toBeCloseTo(5, 6);
      expect(scale).toBeCloseTo(1 / 5, 6);
      expect(finite).toBe(1);
      expect(clip(parameters, 10).scale).toBe(1);
      expect(clip(parameters, Infinity)).toMatchObject({ scale: 1, finite: 1 });
      expect(clip([], 1)).toEqual({ norm: 0, scale: 1, finite: 1 });
    });

    test.each([Number.NaN, Infinity])("says when a gradient is %d", (value) => {
      const parameters = [makeParameter("a", [2], [0, 0], [3, value])];
      expect(clip(parameters, 1)).toMatchObject({ finite: 0, scale: 0 });
    });

    test.each([Number.NaN, -Infinity])("says when the loss is %d", (value) => {
      const parameters = [makeParameter("a", [2], [0, 0], [3, 4])];
      expect(clip(parameters, 1, scalar(value))).toMatchObject({ finite: 0, scale: 0 });
      expect(clip(parameters, 10, scalar(-1))).toMatchObject({ finite: 1, scale: 1 });
    });

    test.each(["adamw", "muon", "adafactor", "lion", "sgd"] as const)(
      "%s takes its scale, and leaves weights and state alone when not finite",
      (name) => {
        const parameter = makeParameter("w", [2, 3], [1, -1, 2, 0.5, 1, -2], [1, Number.NaN, 0, 0, 0, 0]);
        const kinded = Object.assign(parameter, { kind: "matrix" as const });
        const optimizer = createOptimizer(optimizerSettings.parse({ name }), [kinded]);
        const values = () => [parameter, parameter.grad, ...optimizer.state().values()].map((one) => one.toArray());
        const before = values();
        const { scale: gradientScale } = clipByGlobalNorm(device, arena, [parameter], { maxNorm: 1 });
        optimizer.step({ learningRateScale: 1, gradientScale });
        expect(values()).toEqual(before);
        expect(parameter.gradReady).toBe(false);
      },
    );
  });

  describe("createOptimizer", () => {
    const kinds = ["matrix", "embedding", "head", "vector"] as const;
    const make = (): KindedParameter[] =>
      kinds.map((kind, i) => {
        const shape = kind === "vector" ? [6] : [2, 3];
        return Object.assign(makeParameter(kind, shape, randoms(6, i), randoms(6, 10 + i)), { kind });
      });
    const half = scalar(0.5);
    const steps = (optimizer: Optimizer, parameters: readonly Parameter[], from: number, to: number): void => {
      for (let step = from; step < to; step++) {
        for (const [i, parameter] of parameters.entries()) setGradient(parameter, randoms(6, 100 * step + i));
        optimizer.step({ learningRateScale: 1 / (step + 1), gradientScale: half });
      }
    };

    test.each(["adamw", "muon", "adafactor", "lion", "sgd"] as const)(
      "%s goes on from saved state to the same bits",
      (optimizerName) => {
        const settings = optimizerSettings.parse({ name: optimizerName });
        const [straight, first, second] = [make(), make(), make()];
        const whole = createOptimizer(settings, straight);
        steps(whole, straight, 0, 4);

        const before = createOptimizer(settings, first);
        steps(before, first, 0, 2);
        const saved = new Map([...before.state()].map(([key, tensor]) => [key, tensor.toArray()]));
        const after = createOptimizer(settings, second);
        for (const [i, parameter] of second.entries()) device.write(parameter.storage, first[i]?.toArray() ?? []);
        after.loadState(saved, before.steps);
        steps(after, second, 2, 4);
        expect(after.steps).toBe(4);
        expect(straight[0]?.toArray()).not.toEqual(first[0]?.toArray());
        for (const [i, parameter] of second.entries()) expect(parameter.toArray()).toEqual(straight[i]?.toArray());
      },
    );

    test.each([
      // matrices of 2×3 thrice, a vector of 6
      ["adamw", 2 * (3 * 6 + 6)],
      ["adafactor", 3 * (2 + 3) + 6],
      ["lion", 3 * 6 + 6],
      ["sgd", 3 * 6 + 6],
    ] as const)("%s keeps %i values, and meta counts their bytes", (optimizerName, values) => {
      const meta = new MetaDevice();
      const parameters = kinds.map((kind) =>
        Object.assign(new Parameter(meta, kind, kind === "vector" ? [6] : [2, 3]), { kind }),
      );
      const before = meta.persistentBytes;
      const optimizer = createOptimizer(optimizerSettings.parse({ name: optimizerName }), parameters);
      // Each state tensor begins on a cache line.
      const lines = [...optimizer.state().values()].map(({ length }) => 64 * Math.ceil(length / 16));
      expect(meta.persistentBytes - before).toBe(lines.reduce((sum, bytes) => sum + bytes, 0));
      expect([...optimizer.state().values()].reduce((sum, tensor) => sum + tensor.length, 0)).toBe(values);
      optimizer.release();
      expect(meta.persistentBytes).toBe(before);
    });

    test("Muon takes the matrices, AdamW the rest", () => {
      const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), make());
      expect([...optimizer.state().keys()]).toEqual([
        "muon.momentum.matrix",
        ...["embedding", "head", "vector"].flatMap((kind) => [`adamw.m.${kind}`, `adamw.v.${kind}`]),
      ]);
    });

    test("a step allocates nothing", () => {
      const parameters = make();
      const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), parameters);
      const { allocate } = device;
      let allocations = 0;
      device.allocate = (...given) => {
        allocations++;
        return allocate.apply(device, given);
      };
      steps(optimizer, parameters, 0, 2);
      device.allocate = allocate;
      expect(allocations).toBe(0);
    });

    test("state of another optimizer or size is refused, by name", () => {
      const optimizer = createOptimizer(optimizerSettings.parse({ name: "adamw" }), make());
      expect(() => optimizer.loadState(new Map(), 1)).toThrow('the saved optimizer state has no "adamw.m.matrix"');
      const short = new Map([...optimizer.state().keys()].map((key) => [key, new Float32Array(5)]));
      expect(() => optimizer.loadState(short, 1)).toThrow(/expected 6 elements .* got 5/);
    });
  });

  test("every optimizer goes down a bowl", () => {
    for (const optimizerName of ["adamw", "muon", "adafactor", "lion", "sgd"] as const) {
      const parameter = makeParameter("w", [2, 3], [1, -1, 2, 0.5, 1, -2], [0, 0, 0, 0, 0, 0]);
      const kinded = Object.assign(parameter, { kind: "matrix" as const });
      const settings = optimizerSettings.parse({ name: optimizerName, learning_rate: 0.1, weight_decay: 0 });
      // Adafactor's rate is relative to the weights, which shrink.
      if (settings.name === "adafactor") settings.learning_rate = 0.3;
      const optimizer = createOptimizer(settings, [kinded]);
      for (let step = 0; step < 150; step++) {
        setGradient(parameter, [...parameter.toArray()]); // the gradient of ½‖w‖²
        optimizer.step({ learningRateScale: 1 - step / 150 });
      }
      for (const value of parameter.toArray()) expect(Math.abs(value)).toBeLessThan(0.05);
    }
  });
});
