#!/usr/bin/env node
// Builds build/nuwa_cpu.node from native/cpu and build/nuwa_text.node from native/text with the system's C++ compiler.
// Needs nothing from the network.
//   node scripts/build-native.mjs [--if-possible | --if-compiler | --has-compiler] [--force] [--verbose]
// --if-possible: without a compiler (or when it fails), says so in one line and exits 0, so that an install succeeds.
// --if-compiler: without a compiler, says so and exits 0; where there is one, a build that fails exits 1.
// --has-compiler: builds nothing; exits 0 when there is a compiler, else 1.
// Objects are kept by a hash of everything that goes into them, so only what changed is compiled again.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const objectDir = join(root, "build", "native");
/** An addon for each folder of native/. Files of its kernels/ are compiled once for each instruction set. */
const addons = ["cpu", "text"].map((name) => ({
  name,
  sourceDir: join(root, "native", name),
  target: join(root, "build", `nuwa_${name}.node`),
}));

const known = new Set(["--if-possible", "--if-compiler", "--has-compiler", "--force", "--verbose"]);
const flags = new Set(process.argv.slice(2));
for (const flag of flags) {
  if (!known.has(flag)) {
    console.error(`build-native: unknown option ${flag}; expected ${[...known].join(", ")}`);
    process.exit(2);
  }
}

const x86 = process.arch === "x64";
const avx512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma", "-mprefer-vector-width=512"];
// `only` names the kernel files that are compiled for a set; the others come from the set below it.
const instructionSets = [
  { name: "portable", width: 4, flags: [] },
  ...(process.arch === "arm64" ? [{ name: "neon", width: 4, flags: ["-DNUWA_NEON"] }] : []),
  ...(x86 ? [{ name: "avx2", width: 8, flags: ["-mavx2", "-mfma"] }] : []),
  ...(x86 ? [{ name: "avx512", width: 16, flags: avx512 }] : []),
  ...(x86
    ? [{ name: "avx512bf16", width: 16, flags: [...avx512, "-mavx512bf16", "-DNUWA_BF16"], only: ["gemm.cc"] }]
    : []),
];

// No -ffast-math: vector accumulators are written out. Contraction to fused multiply-adds is the same for every thread.
const common = [
  "-std=c++17",
  "-O3",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=fast",
  "-pthread",
  "-Wall",
  "-Wextra",
  "-Wno-psabi",
];

/** What stops a build, in words for a person. */
class BuildProblem extends Error {}

/** No compiler, or a system that none is supported on. */
class NoCompiler extends BuildProblem {}

function findCompiler() {
  if (process.platform === "win32") throw new NoCompiler("Windows is not supported yet; use WSL");
  const candidates = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  for (const candidate of candidates) {
    const [command = "", ...options] = candidate.split(/\s+/u);
    const version = spawnSync(command, [...options, "--version"], { encoding: "utf8" });
    if (version.status === 0) return { command, options, version: version.stdout };
  }
  throw new NoCompiler(
    `no C++ compiler found (tried ${candidates.join(", ")}). Install one (Debian, Ubuntu: apt-get install g++; ` +
      `Fedora: dnf install gcc-c++; macOS: xcode-select --install) or name one in CXX, then run: npm run build:native`,
  );
}

function headerDir() {
  const require = createRequire(import.meta.url);
  try {
    return require("node-api-headers").include_dir;
  } catch {
    throw new BuildProblem("the npm package node-api-headers is missing; run: npm ci");
  }
}

function list(dir, ending) {
  return readdirSync(dir)
    .filter((name) => name.endsWith(ending))
    .toSorted()
    .map((name) => join(dir, name));
}

/** What the loader compares, so that an addon of other sources is refused and not called. */
function interfaceHash(sourceDir) {
  const header = join(sourceDir, "kernels.h");
  if (!existsSync(header)) return [];
  return [`-DNUWA_KERNELS_HASH="${createHash("sha256").update(readFileSync(header)).digest("hex")}"`];
}

/** Every (source, instruction set) pair of an addon with its flags and the object it becomes. */
function plan({ name: addon, sourceDir }, compiler, include) {
  const kernelDir = join(sourceDir, "kernels");
  const kernels = existsSync(kernelDir) ? list(kernelDir, ".cc") : [];
  const headers = [...list(sourceDir, ".h"), ...(existsSync(kernelDir) ? list(kernelDir, ".h") : [])];
  const shared = createHash("sha256").update(compiler.version).update(include);
  for (const header of headers) shared.update(readFileSync(header));
  const sharedHash = shared.digest("hex");
  const unit = (source, label, extra) => {
    const args = [...compiler.options, ...common, ...extra, "-isystem", include];
    const hash = createHash("sha256")
      .update(sharedHash)
      .update(readFileSync(source))
      .update(compiler.command)
      .update(args.join("\0"))
      .digest("hex");
    const name = `${addon}-${basename(source, ".cc")}-${label}`;
    return { source, args, name, object: join(objectDir, `${name}-${hash.slice(0, 16)}.o`) };
  };
  return [
    ...instructionSets.flatMap((set) =>
      kernels
        .filter((source) => set.only?.includes(basename(source)) ?? true)
        .map((source) => unit(source, set.name, [`-DNUWA_ISA=${set.name}`, `-DNUWA_WIDTH=${set.width}`, ...set.flags])),
    ),
    ...list(sourceDir, ".cc").map((source) =>
      unit(source, "host", basename(source) === "addon.cc" ? interfaceHash(sourceDir) : []),
    ),
  ];
}

function run(command, args) {
  if (flags.has("--verbose")) console.error([command, ...args].join(" "));
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new BuildProblem(`${basename(args.at(-1) ?? command)} failed to build:\n${output.slice(0, 4000)}`));
    });
  });
}

async function compile(compiler, unit) {
  const temporary = `${unit.object}.${process.pid}.tmp`;
  const warnings = await run(compiler.command, [...unit.args, "-o", temporary, "-c", unit.source]);
  if (warnings !== "") process.stderr.write(warnings);
  renameSync(temporary, unit.object);
}

/** Whether an addon was linked from just these objects. */
function isCurrent({ target, stampFile, stamp }) {
  return existsSync(target) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
}

async function build() {
  const compiler = findCompiler();
  const include = headerDir();
  mkdirSync(objectDir, { recursive: true });
  const planned = addons.map((addon) => {
    const units = plan(addon, compiler, include);
    const objects = units.map((unit) => unit.object);
    const stamp = createHash("sha256").update(objects.join("\n")).digest("hex");
    return { ...addon, units, objects, stamp, stampFile: join(objectDir, `linked-${addon.name}`) };
  });
  const stale = planned.filter((addon) => flags.has("--force") || !isCurrent(addon));
  const named = (list) => list.map(({ name }) => `build/nuwa_${name}.node`).join(" and ");
  if (stale.length === 0) {
    console.error(`build-native: ${named(planned)} are up to date`);
    return;
  }

  const units = stale.flatMap((addon) => addon.units);
  const queue = units.filter((unit) => flags.has("--force") || !existsSync(unit.object));
  const started = Date.now();
  const compiled = queue.length;
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) await compile(compiler, unit);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));

  const linkFlags = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
  for (const { target, objects, stamp, stampFile } of stale) {
    const temporary = `${target}.${process.pid}.tmp`;
    await run(compiler.command, [...compiler.options, ...linkFlags, "-pthread", "-o", temporary, ...objects]);
    renameSync(temporary, target);
    writeFileSync(stampFile, stamp);
  }

  // Objects of older sources are of no more use.
  const wanted = new Set(planned.flatMap(({ objects }) => objects.map((object) => basename(object))));
  for (const name of readdirSync(objectDir)) {
    if (name.endsWith(".o") && !wanted.has(name)) rmSync(join(objectDir, name), { force: true });
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.error(`build-native: compiled ${compiled} of ${units.length} units in ${seconds} s -> ${named(stale)}`);
}

try {
  if (flags.has("--has-compiler")) findCompiler();
  else await build();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  if (flags.has("--if-possible") || (flags.has("--if-compiler") && error instanceof NoCompiler)) {
    const [line = ""] = message.split("\n");
    console.error(`build-native: native kernels not built, the slow TypeScript device will be used: ${line}`);
  } else {
    console.error(`build-native: ${message}`);
    process.exitCode = 1;
  }
}
