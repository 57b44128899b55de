import { NuwaError } from "../text/errors.ts";
import type { Storage } from "./storage.ts";

/** How values of several ranks become one. */
export type Reduction = "sum" | "max";

/**
 * What training needs of the world: several processes, the ranks, each with a device of its own, that exchange buffers
 * of it. Every rank of a group calls the same operations in the same order, with storages of equal length and dtype.
 * All work in place, so that nothing is copied: where a rank owns a part, it is {@link partOf} that rank's. An operation
 * takes its turn among the device's kernels: it reads what those called before it leave, and those called after its
 * promise has resolved see what it wrote.
 */
export interface Collective {
  /** From 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /**
   * The collective of some of these ranks, in the order given; its ranks count from 0. Every one of them calls it.
   * @throws NuwaError VALUE for ranks that are not there, or without this one
   */
  group(ranks: readonly number[]): Collective;
  /** x = the reduction of every rank's x, on every rank; in an order that does not change from run to run. */
  allReduce(x: Storage, reduction?: Reduction): Promise<void>;
  /** This rank's part of x = the reduction of every rank's; the other parts are left undefined. */
  reduceScatter(x: Storage, reduction?: Reduction): Promise<void>;
  /** Every part of x = that of the rank whose it is. */
  allGather(x: Storage): Promise<void>;
  /** x = that of the rank `root`. */
  broadcast(x: Storage, root: number): Promise<void>;
  /** Resolves when x may be written again. */
  send(x: Storage, to: number): Promise<void>;
  /** x = what the rank `from` sends. */
  receive(x: Storage, from: number): Promise<void>;
  /** Resolves when every rank has called it. */
  barrier(): Promise<void>;
}

/** Elements of a buffer that belong to a rank: equal parts that begin on cache lines, the last ones shorter. */
export function partOf(
  length: number,
  rank: number,
  size: number,
): { readonly start: number; readonly length: number } {
  const each = Math.ceil(length / size / 16) * 16;
  const start = Math.min(length, rank * each);
  return { start, length: Math.min(each, length - start) };
}

const done = Promise.resolve();

/** A world of one process, which has nobody to wait for: nothing is read, copied or computed. */
export const single: Collective = {
  rank: 0,
  size: 1,
  group(ranks) {
    if (ranks.length === 1 && ranks[0] === 0) return single;
    throw new NuwaError("VALUE", `expected ranks of this world, which is 0 alone, got ${ranks.join(", ") || "none"}`);
  },
  allReduce: () => done,
  reduceScatter: () => done,
  allGather: () => done,
  broadcast: (_x, root) => (root === 0 ? done : nobody(root)),
  send: (_x, to) => nobody(to),
  receive: (_x, from) => nobody(from),
  barrier: () => done,
};

function nobody(rank: number): Promise<never> {
  return Promise.reject(new NuwaError("VALUE", `there is no rank ${rank} to exchange with: this process is alone`));
}
