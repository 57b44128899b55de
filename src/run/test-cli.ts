import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import * as path from "node:path";

/** The compiled command line: of `NUWA_DIST`, or of the last build. */
export const cli = path.resolve(process.env["NUWA_DIST"] ?? "dist", "src/cli/main.js");
if (!existsSync(cli)) throw new Error(`these tests run the compiled program: npm run build:ts makes ${cli}`);

const environment = (more: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  NO_COLOR: "1",
  ...more,
});

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `nuwa …` to its end. */
export function nuwa(options: readonly string[], cwd: string, env: Record<string, string> = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...options], {
    cwd,
    env: environment(env),
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

/** Starts `nuwa …` and lets it go on. */
export function startNuwa(
  options: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [cli, ...options], { cwd, env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
}
