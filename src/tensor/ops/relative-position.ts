import { NuwaError } from "../../text/errors.ts";
import type { Device } from "../device.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { checkInputs, shapeError } from "./check.ts";

/**
 * One slope a head (Press et al. 2022, "Train Short, Test Long", section 3): 2^(−8/H), 2^(−16/H), … when H is a power
 * of two. Otherwise those of the power n below, then every second one of 2n, as in the authors' program.
 *
 * @example alibiSlopes(8); // [1/2, 1/4, …, 1/256]
 */
export function alibiSlopes(heads: number): number[] {
  const powers = (n: number) => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  const below = 2 ** Math.floor(Math.log2(heads));
  const between = powers(2 * below).filter((_, i) => i % 2 === 0);
  return [...powers(below), ...between.slice(0, heads - below)];
}

/**
 * ALiBi as a bias by distance: −slope·|key − query|, for the option `relative` of `attention`. Persistent memory.
 *
 * @param positions the longest text
 * @returns (H, 2·positions − 1)
 * @throws NuwaError VALUE
 *
 * @example attention(tape, q, k, v, { causal: true, relative: alibiTable(device, H, 1024) });
 */
export function alibiTable(device: Device, heads: number, positions: number): Tensor {
  checkCounts("alibiTable", { heads, positions });
  const width = 2 * positions - 1;
  const slopes = alibiSlopes(heads);
  const values = Float32Array.from({ length: heads * width }, (_, i) => {
    return -(slopes[Math.floor(i / width)] ?? 0) * Math.abs((i % width) - (positions - 1));
  });
  const storage = device.allocate("float32", values.length);
  device.write(storage, values);
  return new Tensor(device, storage, [heads, width]);
}

/** How distances fall into buckets (Raffel et al. 2020, T5). */
export interface RelativePositionOptions {
  /** The longest text: distances go from −(positions − 1) to positions − 1. */
  readonly positions: number;
  /** Half of the buckets for keys after the query; without, those all share the bucket of distance 0. */
  readonly bidirectional: boolean;
  /** Distances from here on share the last bucket; default 128. */
  readonly maxDistance?: number;
}

/**
 * T5's bucket of a distance key − query (Raffel et al. 2020, section 2.1): one for each small distance, then
 * logarithmically wider ones.
 */
export function relativePositionBucket(
  distance: number,
  buckets: number,
  options: Omit<RelativePositionOptions, "positions">,
): number {
  const { bidirectional, maxDistance = 128 } = options;
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && distance > 0 ? count : 0;
  const far = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(count / 2);
  if (far < exact) return first + far;
  const share = Math.log(far / exact) / Math.log(maxDistance / exact);
  // A share that is a whole number of buckets must not fall below it by rounding.
  return first + Math.min(count - 1, exact + Math.floor(share * (count - exact) + 1e-9));
}

/**
 * T5's learned bias by distance, for the option `relative` of `attention`; layers share it.
 *
 * @param table (buckets, H), learned
 * @returns (H, 2·positions − 1)
 * @throws NuwaError SHAPE, VALUE
 *
 * @example
 * const relative = relativePositionBias(tape, table, { positions: T, bidirectional: true });
 * attention(tape, q, k, v, { causal: false, scale: 1, relative });
 */
export function relativePositionBias(tape: Tape, table: Tensor, options: RelativePositionOptions): Tensor {
  checkInputs("relativePositionBias", tape, { table });
  const [buckets = 0, H = 0] = table.shape;
  const { positions, maxDistance = 128 } = options;
  checkCounts("relativePositionBias", { positions, maxDistance });
  const fewest = options.bidirectional ? 4 : 2;
  if (table.shape.length !== 2 || buckets < fewest) {
    throw shapeError("relativePositionBias", `table (buckets, H) with at least ${fewest} buckets`, { table });
  }
  const width = 2 * positions - 1;
  // A product with zeros and ones: rows are buckets, columns distances.
  const chosen = new Float32Array(buckets * width);
  for (let i = 0; i < width; i++) {
    chosen[relativePositionBucket(i - (positions - 1), buckets, options) * width + i] = 1;
  }
  const choice = tape.constant(chosen, [buckets, width]);
  const out = tape.output([H, width], [table]);
  const forward = { M: H, N: width, K: buckets, transposeA: true, transposeB: false, accumulate: false };
  tape.device.matmul(out.storage, table.storage, choice.storage, forward);
  tape.record(
    out,
    (dout) => {
      const { tensor, accumulate } = tape.gradient(table);
      const dims = { M: buckets, N: H, K: width, transposeA: false, transposeB: true, accumulate };
      tape.device.matmul(tensor.storage, choice.storage, dout.storage, dims);
    },
    [choice],
  );
  return out;
}

function checkCounts(op: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new NuwaError("VALUE", `${op}: expected ${name} to be a whole number from 1, got ${value}`);
  }
}
