import { performance } from "node:perf_hooks";
import type { Device, LinearDims, Storage } from "./device.ts";
import { MetaDevice } from "./meta.ts";

/** Where the time of one kernel, at one size, went. */
export interface KernelTime {
  /** The device's method. */
  readonly kernel: string;
  /** What its cost depends on: "2048×384→1536" for a linear layer, elements otherwise. */
  readonly size: string;
  readonly calls: number;
  readonly ms: number;
  /** Of the wall time since the profile began. */
  readonly share: number;
  /** By the count of {@link MetaDevice}; 0 for kernels that only move bytes. */
  readonly gflops: number;
  /** Gigabytes read and written a second, if each input is read and each output written once. */
  readonly gbytes: number;
}

/** Where time went: each kernel's share, and what lies outside of all. */
export interface Profile {
  /** Slowest first. */
  readonly kernels: readonly KernelTime[];
  /** Wall time since the profile began. */
  readonly wallMs: number;
  /** What no kernel took: the program above the device. */
  readonly outsideMs: number;
}

/** A device that keeps the time of its kernel calls; see {@link createProfiler}. */
export interface Profiler {
  /** Does what the device does, and keeps the time. Everything must be made on this one: its tensors are its own. */
  readonly device: Device;
  /** Begins anew, after warm-up, when the device has done what it was asked for before. */
  reset(): Promise<void>;
  /** When the device is done. */
  report(): Promise<Profile>;
}

interface Count {
  readonly kernel: string;
  readonly size: string;
  calls: number;
  ms: number;
  flops: number;
  bytes: number;
}

/** Methods that are no kernels; reads and writes are timed all the same. */
const NOT_TIMED = new Set([
  "allocate",
  "allocateMatrix",
  "release",
  "createArena",
  "synchronize",
  "dispose",
  "resetCounts",
  "constructor",
]);
const COPIES = new Set(["read", "readNow", "write"]);

/**
 * A device whose every kernel call is timed, by size. Where a kernel returns when it is done, the time of the call is the
 * time of the work. An asynchronous device is asked after each call when all so far was done: a kernel's time runs from
 * its call, or from the end of the one before it, to its own end. A kernel that is added to `Device` is timed without a
 * line here.
 *
 * @example
 * const { device, reset, report } = createProfiler(createDevice("cpu"));
 * trainingStep(device); // warm-up
 * await reset();
 * trainingStep(device);
 * process.stdout.write(formatProfile(await report()));
 */
export function createProfiler(inner: Device): Profiler {
  const meta = new MetaDevice();
  let counts = new Map<string, Count>();
  let since = performance.now();
  let lastEnd = since;

  /** Notes how long the work of a call took; on an asynchronous device later. */
  const clock = (count: Count, start: number, returned: number): void => {
    if (!inner.capabilities.asynchronous) {
      count.ms += returned - start;
      return;
    }
    void inner.synchronize().then(() => {
      const end = performance.now();
      count.ms += end - Math.max(start, lastEnd);
      lastEnd = end;
    });
  };

  const timed = (kernel: string, run: (args: readonly unknown[]) => unknown, args: readonly unknown[]): unknown => {
    const start = performance.now();
    const result = run(args);
    const returned = performance.now();
    clock(countOf(kernel, args), start, returned);
    return result;
  };

  const countOf = (kernel: string, args: readonly unknown[]): Count => {
    const cost = COPIES.has(kernel) ? { flops: 0, bytes: 0 } : costOf(meta, kernel, args);
    const size = sizeOf(args);
    const key = `${kernel} ${size}`;
    let count = counts.get(key);
    if (count === undefined) {
      count = { kernel, size, calls: 0, ms: 0, flops: 0, bytes: 0 };
      counts.set(key, count);
    }
    count.calls++;
    count.flops += cost.flops;
    count.bytes += cost.bytes;
    return count;
  };

  const device = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function" || typeof name !== "string") return member;
      const run = (args: readonly unknown[]): unknown => Reflect.apply(member, target, args);
      const isKernel = !NOT_TIMED.has(name) && typeof Reflect.get(meta, name) === "function";
      return isKernel ? (...args: unknown[]) => timed(name, run, args) : (...args: unknown[]) => run(args);
    },
  });

  return {
    device,
    async reset() {
      await inner.synchronize();
      counts = new Map();
      since = performance.now();
      lastEnd = since;
    },
    async report() {
      await inner.synchronize();
      const wallMs = performance.now() - since;
      const all = [...counts.values()].toSorted((a, b) => b.ms - a.ms);
      const kernels = all.map(({ kernel, size, calls, ms, flops, bytes }) => {
        const perMs = (amount: number): number => (ms === 0 ? 0 : amount / ms / 1e6);
        return { kernel, size, calls, ms, share: ms / wallMs, gflops: perMs(flops), gbytes: perMs(bytes) };
      });
      return { kernels, wallMs, outsideMs: wallMs - all.reduce((sum, { ms }) => sum + ms, 0) };
    },
  };
}

/** What the meta device says that this call costs. It looks at lengths only, so any device's storages will do. */
function costOf(meta: MetaDevice, kernel: string, args: readonly unknown[]): { flops: number; bytes: number } {
  meta.resetCounts();
  const method: unknown = Reflect.get(meta, kernel, meta);
  if (typeof method === "function") Reflect.apply(method, meta, args);
  let [flops, bytes] = [0, 0];
  for (const count of meta.kernels.values()) {
    flops += count.flops;
    bytes += count.bytes;
  }
  return { flops, bytes };
}

/** The sizes in the kernel's dims where it has some, else the elements of the first storage. */
function sizeOf(args: readonly unknown[]): string {
  for (const arg of args) {
    if (typeof arg !== "object" || arg === null || isStorage(arg) || ArrayBuffer.isView(arg)) continue;
    if (isLinear(arg)) return `${arg.rows}×${arg.inputs}→${arg.outputs}`;
    const sizes = Object.entries(arg).filter(([name, value]) => SIZES.has(name) && typeof value === "number");
    if (sizes.length > 0) return sizes.map(([name, value]) => `${SHORT[name] ?? name} ${String(value)}`).join(" ");
  }
  const first = args.find(isStorage);
  return first === undefined ? "" : String(first.length);
}

const SIZES = new Set(["M", "N", "K", "B", "T", "S", "H", "D", "rows", "width", "vocabulary"]);
const SHORT: Readonly<Record<string, string>> = { vocabulary: "V" };

function isStorage(value: unknown): value is Storage {
  return typeof value === "object" && value !== null && "dtype" in value && "slice" in value;
}

function isLinear(dims: object): dims is LinearDims {
  return "rows" in dims && "inputs" in dims && "outputs" in dims;
}

/**
 * A profile as a table: one line a kernel and size, slowest first, then what no kernel took.
 *
 * @param steps what calls and milliseconds are divided by: steps that were profiled
 */
export function formatProfile(profile: Profile, steps = 1): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const rate = (value: number): string => (value === 0 ? "" : value.toFixed(1));
  const header = ["kernel", "size", "calls", "ms", "share", "GFLOP/s", "GB/s"];
  const body = profile.kernels.map(({ kernel, size, calls, ms, share, gflops, gbytes }) => [
    kernel,
    size,
    String(Math.round((calls / steps) * 10) / 10),
    (ms / steps).toFixed(2),
    percent(share),
    rate(gflops),
    rate(gbytes),
  ]);
  const { wallMs, outsideMs } = profile;
  body.push(["(no kernel)", "", "", (outsideMs / steps).toFixed(2), percent(outsideMs / wallMs), "", ""]);
  body.push(["all", "", "", (wallMs / steps).toFixed(2), "100.0 %", "", ""]);
  const widths = header.map((title, column) => Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return `${[header, ...body].map(line).join("\n")}\n`;
}
