// The whole check, as `npm test` runs it: build, types, lint, format, tests. Exits non-zero when anything fails.
// The last line stands alone: `N passed, N failed`, with `, N skipped` when there are any.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const bin = (name) => join("node_modules", ".bin", process.platform === "win32" ? `${name}.cmd` : name);
const checked = ["src", "web", "test", "bench", "scripts", "examples"].filter((folder) => existsSync(folder));

/** The steps before the tests. A failed one is told again at the end; the tests run all the same. */
const steps = [
  ["native kernels", process.execPath, ["scripts/build-native.mjs", "--if-compiler"]],
  ["build", process.execPath, ["scripts/build-ts.mjs"]],
  ...(existsSync("web/index.html") ? [["web page", bin("vite"), ["build", "web", "--logLevel", "warn"]]] : []),
  ["types", bin("tsc"), ["-p", "tsconfig.json", "--noEmit"]],
  ["types of the web page", bin("tsc"), ["-p", "web/tsconfig.json"]],
  ["types of the examples", bin("tsc"), ["-p", "examples/tsconfig.json"]],
  ["lint", bin("oxlint"), ["--deny-warnings", ...checked]],
  ["format", bin("oxfmt"), ["--check", ...checked]],
];

const failedSteps = [];
for (const [name, command, options] of steps) {
  const start = performance.now();
  console.log(`\n== ${name}`);
  const { status, error } = spawnSync(command, options, { stdio: "inherit", shell: process.platform === "win32" });
  if (error) console.error(error.message);
  if (status !== 0) failedSteps.push(name);
  console.log(
    `== ${name}: ${status === 0 ? "passed" : "FAILED"}, ${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
}

console.log("\n== tests");
const folder = mkdtempSync(join(tmpdir(), "nuwa-test-"));
const report = join(folder, "report.json");
const vitest = spawnSync(
  bin("vitest"),
  ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { stdio: "inherit", shell: process.platform === "win32" },
);

/** Vitest's own counts; a file that could not even be loaded has no tests to count, and counts as one failed. */
function counts() {
  try {
    const result = JSON.parse(readFileSync(report, "utf8"));
    const unloaded = result.testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.length === 0,
    );
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + unloaded.length,
      skipped: result.testResults.flatMap((file) =>
        file.assertionResults
          .filter(({ status }) => status !== "passed" && status !== "failed")
          .map(({ fullName }) => `${relative(process.cwd(), file.name)}: ${fullName}`),
      ),
    };
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: [] };
  }
}

const { passed, failed: failedTests, skipped } = counts();
rmSync(folder, { recursive: true, force: true });
// Unhandled errors fail vitest although every test passed.
const strayError = vitest.status !== 0 && failedTests === 0 ? 1 : 0;
if (strayError) console.error("vitest failed although no test did: see the errors above");
for (const name of skipped) console.log(`skipped: ${name}`);
for (const name of failedSteps) console.error(`FAILED before the tests: ${name}`);
const failed = failedTests + failedSteps.length + strayError;
console.log("");
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
