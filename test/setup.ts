import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { nativeAvailable } from "../src/tensor/index.ts";

const root = join(import.meta.dirname, "..");

/**
 * Runs before all tests. What is not built, or was built from other sources than these, is said here, once: tests that run
 * the compiled program, or that are of the native kernels, would else pass by not being there. Only where there is no C++
 * compiler do the latter skip.
 */
export default function setup(): void {
  if (!existsSync(join(root, "dist/src/cli/main.js"))) {
    throw new Error("the program is not built, and tests run it: npm run build:ts (npm test builds all there is)");
  }
  const status = nativeAvailable();
  const problem = status.available ? loadProblem(join(root, "build/nuwa_text.node")) : status.reason;
  if (problem !== undefined && hasCompiler()) {
    throw new Error(`a compiler is here, but the native kernels do not load: npm run build:native\n${problem}`);
  }
}

/** Why an addon cannot be loaded; undefined when it can. */
function loadProblem(file: string): string | undefined {
  try {
    createRequire(import.meta.url)(file);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** As scripts/build-native.mjs finds it. */
function hasCompiler(): boolean {
  const script = join(root, "scripts/build-native.mjs");
  return spawnSync(process.execPath, [script, "--has-compiler"]).status === 0;
}
