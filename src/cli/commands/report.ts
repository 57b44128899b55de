import type { Command } from "commander";
import { RunDirectory, summarise, writeReport } from "../../run/index.ts";
import { printJson } from "../shared.ts";

export function register(program: Command): void {
  program
    .command("report")
    .description("write a run's report.html anew, from whatever it has done so far")
    .argument("<run>", "a run directory")
    .option("--json", "print the run's figures as JSON instead")
    .addHelpText("after", "\nExample:\n  nuwa report runs/sample")
    .action(async (run: string, options: { json?: boolean }) => {
      const directory = RunDirectory.existing(run);
      if (options.json === true) printJson(summarise(directory));
      else process.stdout.write(`${directory.show(await writeReport(directory))}\n`);
    });
}
