import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NuwaError } from "../../src/text/index.ts";
import type { Shape } from "./shapes.ts";

/** Ways to run the peer; its best is the fastest of them. */
export const variants = ["eager-float32", "compile-float32", "eager-bfloat16", "compile-bfloat16"] as const;
export type Variant = (typeof variants)[number];

export interface PeerRun {
  /** Of each step after warm-up; empty when it was given up. */
  readonly seconds: readonly number[];
  readonly peakRssMb: number;
  readonly version: string;
  /** Why there is no figure, in words. */
  readonly note: string | undefined;
}

export interface Peer {
  readonly available: boolean;
  /** PyTorch's version, or how to get it. */
  readonly message: string;
}

/** Looks for PyTorch in the `python3` on the PATH. */
export function findPeer(): Peer {
  const { status, stdout, error } = spawnSync("python3", ["-c", "import torch; print(torch.__version__)"], {
    encoding: "utf8",
  });
  if (error === undefined && status === 0) return { available: true, message: stdout.trim() };
  const why = error === undefined ? "the python3 on the PATH cannot import torch" : "there is no python3 on the PATH";
  const how = "python3 -m venv venv && . venv/bin/activate && pip install torch==2.13.0";
  return { available: false, message: `no peer figures: ${why}. To compare with PyTorch: ${how}` };
}

export interface PeerTask {
  readonly shape: Shape;
  readonly steps: number;
  readonly threads: number;
  /** Seconds after which a step is given up; undefined while nothing is known to compare with. */
  readonly patience: number | undefined;
}

/** Steps that are run before the ones that count: a compiled model compiles in its first. */
const WARM_UP = 2;
/** To start Python and compile the model. */
const START_SECONDS = 900;

/**
 * Runs the peer in a process of its own. A step that takes longer than `patience` ends it: on processors without bf16
 * instructions PyTorch's autocast is a hundred times slower, and one step says so.
 *
 * @throws NuwaError DEVICE when the peer fails
 */
export async function runPeer(variant: Variant, task: PeerTask, signal?: AbortSignal): Promise<PeerRun> {
  const { shape, steps, threads, patience } = task;
  const settings = JSON.stringify({ ...shape, threads, steps: steps + WARM_UP });
  const child = spawn("python3", [script(), settings, variant], { stdio: ["ignore", "pipe", "pipe"], signal });
  let [version, peakRssMb, errors, rest] = ["", 0, "", ""];
  const seconds: number[] = [];
  let gaveUp = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (limit: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      gaveUp = true;
      child.kill("SIGKILL");
    }, limit * 1000);
  };
  const read = (line: string): void => {
    const value = JSON.parse(line) as { version?: string; seconds?: number; peak_rss_mb?: number };
    if (value.version !== undefined) version = value.version;
    if (value.seconds !== undefined) seconds.push(value.seconds);
    peakRssMb = Math.max(peakRssMb, value.peak_rss_mb ?? 0);
    const compiling = seconds.length === 0 && variant.startsWith("compile");
    wait(compiling || patience === undefined ? START_SECONDS : patience);
  };
  wait(START_SECONDS);
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4000)));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) read(line);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject));
    if (gaveUp) {
      const note = patience === undefined ? "not run further: it did not start" : "not run further";
      return { seconds: [], peakRssMb, version, note };
    }
    if (code !== 0) throw new NuwaError("DEVICE", `the peer (${variant}) failed: ${lastLine(errors)}`);
    return { seconds: seconds.slice(WARM_UP), peakRssMb, version, note: undefined };
  } finally {
    clearTimeout(timer);
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "it said nothing";
}

/** peer.py lies beside this source; a compiled one finds it from the package's root. */
function script(): string {
  const places = ["./peer.py", "../../../bench/train/peer.py"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new NuwaError("FILE", "bench/train/peer.py is missing from this installation");
  return found;
}
