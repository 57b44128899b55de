import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { Device } from "../device.ts";
import { attentionDims } from "../parity/attention.ts";
import { parityCases, Trial } from "../parity-cases.ts";
import { readNow } from "../tensor.ts";
import { type CpuDevice, createCpuDevice, nativeStatus } from "./device.ts";

const status = nativeStatus();
const devices: Device[] = [];

function create(threads?: number, instructionSet?: string): CpuDevice {
  const before = process.env["NUWA_CPU"];
  if (instructionSet !== undefined) process.env["NUWA_CPU"] = instructionSet;
  try {
    const device = createCpuDevice(threads === undefined ? {} : { threads });
    devices.push(device);
    return device;
  } finally {
    if (before === undefined) delete process.env["NUWA_CPU"];
    else process.env["NUWA_CPU"] = before;
  }
}

afterEach(() => {
  for (const device of devices.splice(0)) device.dispose();
});

function digestsOf(device: Device, cases: readonly LargeCase[]): Map<string, string> {
  const digests = new Map<string, string>();
  for (const [index, one] of cases.entries()) {
    const trial = new Trial(device, index);
    one.run(trial);
    for (const [name, storage] of trial.results) {
      const { buffer } = readNow(device, storage);
      digests.set(`${one.label}: ${name}`, createHash("sha256").update(new Uint8Array(buffer)).digest("hex"));
    }
    trial.release();
  }
  return digests;
}

interface LargeCase {
  readonly label: string;
  readonly run: (trial: Trial) => void;
}

/** Sizes that are cut into many tiles, with ragged ends: where an order that depends on threads would show. */
const large: readonly LargeCase[] = [
  ...[false, true].map(
    (transposeA): LargeCase => ({
      label: `matmul, transposeA ${transposeA}`,
      run: (trial) => {
        const [M, N, K] = [301, 267, 701];
        const [a, b] = [trial.normal(M * K), trial.normal(K * N)];
        const out = trial.normal(M * N);
        trial.device.matmul(out, a, b, { M, N, K, transposeA, transposeB: !transposeA, accumulate: true });
        trial.results.set("out", out);
      },
    }),
  ),
  {
    label: "linear of one row",
    run: (trial) => {
      const dims = { rows: 1, inputs: 515, outputs: 1003 };
      const [x, weight] = [trial.normal(dims.inputs), trial.normal(dims.inputs * dims.outputs)];
      const [bias, out] = [trial.normal(dims.outputs), trial.normal(dims.outputs)];
      trial.device.linear(out, x, weight, bias, dims);
      trial.results.set("out", out);
    },
  },
  {
    label: "attention",
    run: (trial) => {
      const size = { B: 2, T: 301, S: 301, capacity: 301, H: 4, K: 2, D: 20 };
      const dropout = { p: 0.2, seed: [1, 2], counter: [3, 4, 5] } as const;
      const dims = attentionDims(size, { causal: true, positions: 301, dropout });
      const [rows, keyRows, distances] = [2 * 301 * 4 * 20, 2 * 301 * 2 * 20, 4 * 601];
      const [q, k, v] = [trial.normal(rows), trial.normal(keyRows), trial.normal(keyRows)];
      const [out, lse, dout] = [trial.normal(rows), trial.normal(2 * 4 * 301), trial.normal(rows)];
      const [dq, dk, dv] = [trial.normal(rows), trial.normal(keyRows), trial.normal(keyRows)];
      const [relative, drelative] = [trial.normal(distances), trial.normal(distances)];
      const inputs = { q, k, v, relative, mask: null, segments: null };
      trial.device.attention(out, lse, inputs, dims);
      trial.device.attentionBackward({ q: dq, k: dk, v: dv, relative: drelative }, dout, out, lse, inputs, dims);
      const results = { out, lse, dq, dk, dv, drelative };
      for (const [name, storage] of Object.entries(results)) trial.results.set(name, storage);
      // Without the table's gradient a head's keys are shared among tasks.
      trial.device.attentionBackward({ q: dq, k: dk, v: dv, relative: null }, dout, out, lse, inputs, dims);
      for (const [name, storage] of Object.entries({ dq, dk, dv })) trial.results.set(`${name}, shared`, storage);
    },
  },
  {
    label: "norms, column sums and sums",
    run: (trial) => {
      const [rows, width] = [1501, 67];
      const dims = { rows, width, epsilon: 1e-5 };
      const [x, dout, weight] = [trial.normal(rows * width), trial.normal(rows * width), trial.normal(width)];
      const [out, dx, mean, rstd] = [rows * width, rows * width, rows, rows].map((n) => trial.normal(n));
      const [dweight, dbias, columns, total] = [width, width, width, 2].map((n) => trial.normal(n));
      if (!out || !dx || !mean || !rstd || !dweight || !dbias || !columns || !total) throw new Error("eight storages");
      const { device } = trial;
      device.layerNorm(out, mean, rstd, x, weight, null, dims);
      device.layerNormBackward(dx, dweight, dbias, dout, x, weight, mean, rstd, dims, { dx: false, parameters: true });
      device.linearBackwardBias(columns, dout, { rows, inputs: 1, outputs: width }, false);
      device.sum(total, 0, x);
      device.sumOfSquares(total, 1, x);
      for (const [name, s] of Object.entries({ out, dx, dweight, dbias, columns, total })) trial.results.set(name, s);
    },
  },
  {
    label: "embedding backward, loss, dropout, AdamW",
    run: (trial) => {
      const [rows, width, vocabulary] = [999, 70, 131];
      const [ids, targets] = [trial.integers(rows, 0, vocabulary), trial.integers(rows, -1, vocabulary)];
      const [dtable, dout] = [trial.normal(vocabulary * width), trial.normal(rows * width)];
      const [logits, losses] = [trial.normal(rows * vocabulary), trial.normal(rows)];
      const [dropped, p, m, v] = [0, 0, 0, 0].map(() => trial.positive(rows * width));
      if (!dropped || !p || !m || !v) throw new Error("four storages");
      const { device } = trial;
      device.embeddingBackward(dtable, dout, ids, rows, width);
      device.crossEntropy(losses, logits, targets, null, { rows, vocabulary, gradientScale: 0.01 });
      device.dropout(dropped, dout, { p: 0.1, seed: [1, 2], counter: [3, 4, 5], accumulate: false });
      const settings = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 3 };
      device.adamW(p, dout, m, v, trial.values([0.5]), settings);
      for (const [name, s] of Object.entries({ dtable, logits, losses, dropped, p, m, v })) trial.results.set(name, s);
    },
  },
  ...parityCases().filter((one) => !one.label.startsWith("NaN")),
];

describe.skipIf(!status.available)(`cpu device, ${status.instructionSet ?? ""} (needs the native kernels)`, () => {
  it("gives the same bits with 1, 2 and 8 threads, every time", () => {
    const expected = digestsOf(create(1), large);
    for (const threads of [2, 8, 8]) expect(digestsOf(create(threads), large)).toEqual(expected);
  });

  it("gives the same bits with any number of threads on the portable kernels", () => {
    const cases = large.slice(0, 8);
    expect(digestsOf(create(8, "portable"), cases)).toEqual(digestsOf(create(1, "portable"), cases));
  });

  it("agrees between instruction sets within float32 rounding", () => {
    const [portable, best] = [create(2, "portable"), create(2)];
    expect(portable.instructionSet).toBe("portable");
    for (const [index, one] of large.slice(0, 6).entries()) {
      const [a, b] = [new Trial(portable, index), new Trial(best, index)];
      one.run(a);
      one.run(b);
      for (const [name, storage] of a.results) {
        const other = b.results.get(name);
        if (other === undefined) throw new Error(`no ${name}`);
        const [x, y] = [Array.from(portable.readNow(storage)), Array.from(best.readNow(other))];
        const scale = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
        const worst = x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] ?? Number.NaN))), 0);
        expect(worst / scale, `${one.label}: ${name}`).toBeLessThan(2e-5);
      }
    }
  });

  it("keeps two devices apart: one works while the other is made, used and disposed", () => {
    const [a, b] = [create(2), create(2)];
    const [x, y] = [a.allocate("float32", 3), b.allocate("float32", 3)];
    a.fill(x, 1);
    b.fill(y, 2);
    b.dispose();
    a.axpby(x, x, 2, x, 1);
    expect([...a.readNow(x)]).toEqual([3, 3, 3]);
    expect(() => a.axpby(x, y, 1, x, 1)).toThrow(/released/u);
  });

  it("names ids and targets that are out of range instead of reading past the table", () => {
    const device = create(1);
    const [table, ids, out] = [
      device.allocate("float32", 8),
      device.allocate("int32", 2),
      device.allocate("float32", 4),
    ];
    device.write(ids, [0, 4]);
    expect(() => device.embedding(out, table, ids, 2, 2)).toThrow("expected ids from 0 to 3, got 4 at row 1");
    expect(() => device.embeddingBackward(table, out, ids, 2, 2)).toThrow("got 4 at row 1");
    const losses = device.allocate("float32", 2);
    const dims = { rows: 2, vocabulary: 4, gradientScale: null };
    expect(() => device.crossEntropy(losses, table, ids, null, dims)).toThrow(
      "expected targets below 4, got 4 at row 1",
    );
  });

  it("refuses a wrong number of threads and unknown instructions", () => {
    expect(() => createCpuDevice({ threads: 0 })).toThrow("whole number from 1 to 1024, got 0");
    expect(() => createCpuDevice({ threads: 1.5 })).toThrow("got 1.5");
    expect(() => create(1, "mmx")).toThrow(/NUWA_CPU asks for "mmx"; this processor runs .*portable/u);
  });

  it("computes exp, gelu and silu to 1e-6 relative, far into both tails", () => {
    const device = create(1);
    // x, x·erfc(−x/√2)/2, x/(1 + exp(−x)) in float64, by the C library's erfc and exp.
    const known = [
      [-9, -1.015729565358458e-18, -0.0011105511838760856],
      [-5, -1.4332578593959731e-6, -0.0334642546214246],
      [-3, -0.00404969409489029, -0.142277619532988],
      [-1, -0.158655253931457, -0.268941421369995],
      [-0.01, -0.004960106436853684, -0.00497500020832812],
      [0.5, 0.345731230636999, 0.311229665600761],
      [2, 1.95449973610364, 1.76159415595576],
      [6, 5.99999999408047, 5.98516425854077],
    ] as const;
    const x = device.allocate("float32", known.length);
    const out = device.allocate("float32", known.length);
    for (const [kind, column] of [
      ["gelu", 1],
      ["silu", 2],
    ] as const) {
      device.write(
        x,
        known.map((row) => row[0]),
      );
      device.activation(out, x, kind);
      for (const [i, value] of readNow(device, out).entries()) {
        const row = known[i];
        if (row === undefined) continue;
        // The argument is rounded to float32 first: at −9 that alone is worth several 1e-6 in the tail.
        const tolerance = kind === "gelu" && row[0] < -4 ? 1e-5 : 1e-6;
        expect(Math.abs(value / row[column] - 1), `${kind}(${row[0]})`).toBeLessThan(tolerance);
      }
    }
  });
});
