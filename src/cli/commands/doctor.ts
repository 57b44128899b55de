import type { Command } from "commander";
import pc from "picocolors";
import { diagnose } from "../../run/index.ts";
import { printJson } from "../shared.ts";

export function register(program: Command): void {
  program
    .command("doctor")
    .description("is this machine ready: Node, compiler, kernels, threads, memory, disk")
    .option("--json", "JSON")
    .addHelpText("after", "\nExample:\n  nuwa doctor")
    .action(async (options: { json?: boolean }) => {
      const findings = await diagnose(process.cwd());
      if (options.json === true) {
        printJson(findings);
      } else {
        const marks = { good: pc.green("✓"), poor: pc.yellow("!"), bad: pc.red("✗") };
        for (const { what, state, value, hint } of findings) {
          process.stdout.write(`${marks[state]} ${what.padEnd(10)} ${value}\n`);
          if (hint !== undefined) process.stdout.write(`  ${" ".repeat(10)} ${hint}\n`);
        }
      }
      if (findings.some(({ state }) => state === "bad")) process.exitCode = 1;
    });
}
