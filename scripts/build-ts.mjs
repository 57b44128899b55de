// Compiles TypeScript into dist/, from nothing, so that a deleted source leaves no orphan behind.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";

for (const folder of ["src", "bench"]) rmSync(`dist/${folder}`, { recursive: true, force: true });
const result = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});
if (result.status !== 0) process.exit(result.status ?? 1);

// What the compiled files read beside themselves: the built-in evaluation tasks.
cpSync("src/eval/benchmarks", "dist/src/eval/benchmarks", { recursive: true });

// What editors check recipes by, beside them in the package.
const { recipeJsonSchema } = await import("../dist/src/run/index.js");
writeFileSync("dist/recipe.schema.json", `${JSON.stringify(recipeJsonSchema(), null, 2)}\n`);

// npm sets the run bit of a command when it installs, once; a command made anew needs it again.
const { bin } = JSON.parse(readFileSync("package.json", "utf8"));
for (const command of Object.values(bin)) chmodSync(command, 0o755);
