import { spawnSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { availableParallelism, freemem, totalmem } from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { textAddon } from "../data/dedup/substring/windows.ts";
import { devices, nativeAvailable } from "../tensor/index.ts";
import { memoryLimit } from "../train/index.ts";
import { bytes } from "./progress.ts";
import { version } from "./manifest/version.ts";

/** One thing looked at. `bad`: Nuwa will not work; `poor`: it works, but something is lost. */
export interface Finding {
  readonly what: string;
  readonly state: "good" | "poor" | "bad";
  readonly value: string;
  /** What is lost, and how to get it. */
  readonly hint?: string;
}

const GIGABYTE = 1e9;

/** Looks at what Nuwa needs of this machine. @param folder where runs will be written */
export async function diagnose(folder: string): Promise<Finding[]> {
  return [
    { what: "nuwa", state: "good", value: version() },
    nodeFinding(process.versions.node),
    ...kernelFindings(),
    await deviceFinding(),
    textFinding(),
    threadsFinding(),
    memoryFinding(),
    diskFinding(folder),
    webFinding(),
  ];
}

/** @param node its version, such as `20.19.0` */
export function nodeFinding(node: string): Finding {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  if (isNewEnough) return { what: "node", state: "good", value: node };
  return { what: "node", state: "bad", value: node, hint: "20.19 or newer is needed: https://nodejs.org" };
}

function textFinding(): Finding {
  const what = "texts";
  if (textAddon() !== undefined) return { what, state: "good", value: "native suffix arrays" };
  const hint = "substring deduplication is done in TypeScript; build it: npm run build:native";
  return { what, state: "poor", value: "build/nuwa_text.node is not loaded", hint };
}

function kernelFindings(): Finding[] {
  const native = nativeAvailable();
  const compiler = findCompiler();
  const compilerFinding: Finding =
    compiler === undefined
      ? {
          what: "compiler",
          state: native.available ? "good" : "poor",
          value: "none found",
          ...(native.available ? {} : { hint: installHint() }),
        }
      : { what: "compiler", state: "good", value: compiler };
  if (native.available) {
    const set = native.instructionSet ?? "unknown";
    const isSlow = set === "portable";
    const kernels: Finding = {
      what: "kernels",
      state: isSlow ? "poor" : "good",
      value: `native, ${set}`,
      ...(isSlow ? { hint: "this processor has neither AVX2 nor AVX-512: training is several times slower" } : {}),
    };
    return [compilerFinding, kernels];
  }
  const lost =
    "without them training runs on the TypeScript reference, some hundred times slower; data stages are as fast";
  const cure =
    compiler === undefined ? "install a compiler, then `npm run build:native`" : "build them: npm run build:native";
  return [
    compilerFinding,
    {
      what: "kernels",
      state: "poor",
      value: `not loaded: ${native.reason ?? "unknown reason"}`,
      hint: `${lost}; ${cure}`,
    },
  ];
}

/** Which devices a recipe can ask for here, and what keeps the others away. */
async function deviceFinding(): Promise<Finding> {
  const [there, missing]: [string[], string[]] = [[], []];
  for (const { name, computes, status } of devices) {
    if (!computes) continue;
    const { available, reason, hint } = await status();
    if (available) there.push(name);
    else missing.push(`${name}: ${hint ?? reason ?? "not available"}`);
  }
  const finding = { what: "devices", value: there.join(", ") };
  return missing.length === 0 ? { ...finding, state: "good" } : { ...finding, state: "poor", hint: missing.join("; ") };
}

function findCompiler(): string | undefined {
  for (const command of [process.env["CXX"], "c++", "g++", "clang++"]) {
    if (command === undefined || command === "") continue;
    const [name = "", ...options] = command.split(/\s+/);
    const result = spawnSync(name, [...options, "--version"], { encoding: "utf8", timeout: 5000 });
    if (result.status === 0) return result.stdout.split("\n")[0]?.trim();
  }
  return undefined;
}

function installHint(): string {
  switch (process.platform) {
    case "darwin":
      return "xcode-select --install";
    case "win32":
      return "install Visual Studio Build Tools with C++, or use WSL";
    default:
      return "Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; Alpine: apk add g++";
  }
}

function threadsFinding(): Finding {
  const threads = availableParallelism();
  if (threads > 1) return { what: "threads", state: "good", value: String(threads) };
  return { what: "threads", state: "poor", value: "1", hint: "the sample is made for two cores; it takes longer here" };
}

function memoryFinding(): Finding {
  const limit = memoryLimit();
  const container = limit < totalmem() ? " (the container's limit)" : `, ${bytes(freemem())} free`;
  const value = `${bytes(limit)}${container}`;
  if (limit >= 3.5 * GIGABYTE) return { what: "memory", state: "good", value };
  return {
    what: "memory",
    state: "poor",
    value,
    hint: "the sample is made for 4 GB; lower pretrain.batch if it does not fit",
  };
}

function diskFinding(folder: string): Finding {
  let place = path.resolve(folder);
  while (!existsSync(place) && path.dirname(place) !== place) place = path.dirname(place);
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const value = `${bytes(free)} free in ${place}`;
  if (free >= GIGABYTE) return { what: "disk", state: "good", value };
  return { what: "disk", state: "poor", value, hint: "a run of the sample takes up to 1 GB" };
}

/** The chat page is built beside the compiled sources. */
function webFinding(): Finding {
  const here = fileURLToPath(new URL("../..", import.meta.url));
  const isBuilt = [path.join(here, "web"), path.join(here, "dist", "web")].some((folder) =>
    existsSync(path.join(folder, "index.html")),
  );
  if (isBuilt) return { what: "chat page", state: "good", value: "built" };
  return { what: "chat page", state: "poor", value: "not built", hint: "npm run build:web; the API works without it" };
}
