// Compiles TypeScript into dist/, from nothing, so that a deleted source leaves no orphan behind.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

for (const folder of ["src", "bench"]) rmSync(`dist/${folder}`, { recursive: true, force: true });
const result = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});
process.exit(result.status ?? 1);
