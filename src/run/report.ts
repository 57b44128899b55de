import type { RunDirectory } from "./run-directory.ts";

/**
 * Writes a run's report.html from whatever the run has done so far.
 * The drawing libraries are loaded only now: no other command should wait for them.
 *
 * @returns the page's path
 */
export async function writeReport(directory: RunDirectory): Promise<string> {
  return (await import("./report/report.ts")).writeReport(directory);
}
