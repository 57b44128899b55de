import type { Command } from "commander";
import {
  biasTable,
  builtInStages,
  count,
  diversity,
  mixtureOf,
  funnel,
  openRun,
  type RecipeStage,
  removed,
  dataReport,
  removedByRule,
  ruleExamples,
  RunDirectory,
  trainingPairs,
  why,
  writeWhole,
} from "../../run/index.ts";
import { registerTraining } from "./data-training.ts";
import { registerCrawl } from "./data-crawl.ts";
import { registerCommonCrawl } from "./data-common-crawl.ts";
import { didYouMean, NuwaError } from "../../text/index.ts";
import { printJson, runUntil, wholeNumber, withRecipeOptions, type RecipeOptions } from "../shared.ts";
import {
  associationTable,
  diversityTable,
  mixtureTable,
  exampleLines,
  partsTable,
  problemLines,
  removedTable,
  shapeTables,
  reportTable,
  wayLines,
} from "../tables.ts";

export function register(program: Command): void {
  const data = program.command("data").description("data stages one by one, and what they did");
  for (const { name: stage, summary, group } of builtInStages) {
    if (group !== "data") continue;
    const description = summary.charAt(0).toLowerCase() + summary.slice(1).replace(/\.$/, "");
    withRecipeOptions(data.command(stage))
      .description(`${description} (stages before it that are not done come first)`)
      .option("--redo", "do this stage again although nothing changed")
      .addHelpText("after", `\nExample:\n  nuwa data ${stage} recipes/sample.yaml`)
      .action(async (recipe: string, options: RecipeOptions) => {
        await runUntil(recipe, stage, options);
      });
  }
  registerCrawl(data);
  registerTraining(data);
  registerCommonCrawl(data);
  registerInspection(data);
}

function registerInspection(data: Command): void {
  data
    .command("removed")
    .description("what was removed, by which rule; with --rule or --stage, document by document")
    .argument("<run>", "a run directory")
    .option("--rule <name>", "only this rule, e.g. min_words")
    .option("--stage <name>", "only this stage, e.g. filter")
    .option("--limit <n>", "at most so many documents", wholeNumber("--limit"), 20)
    .option("--json", "JSON lines")
    .addHelpText(
      "after",
      "\nExamples:\n  nuwa data removed runs/sample\n  nuwa data removed runs/sample --rule min_words --limit 5",
    )
    .action(async (run: string, options: { rule?: string; stage?: string; limit: number; json?: boolean }) => {
      const directory = RunDirectory.existing(run);
      const { stages } = await openRun(directory);
      checkNames(directory, options, stages);
      if (options.rule === undefined && options.stage === undefined && options.json !== true) {
        process.stdout.write(removedTable(removedByRule(directory, stages)));
        return;
      }
      let shown = 0;
      for await (const entry of removed(directory, options, stages)) {
        shown++;
        if (options.json === true) process.stdout.write(`${JSON.stringify(entry)}\n`);
        else {
          const figure =
            entry.value === undefined ? "" : ` ${formatFigure(entry.value)} (bound ${entry.threshold ?? "none"})`;
          const detail = entry.detail === undefined ? "" : ` [${entry.detail}]`;
          process.stdout.write(
            `${entry.id}  ${entry.stage}/${entry.rule}${figure}${detail}  ${entry.source}\n    ${entry.excerpt}\n`,
          );
        }
      }
      if (shown === 0) process.stderr.write("nothing was removed by that\n");
    });

  data
    .command("why")
    .description("what became of one document, stage by stage")
    .argument("<run>", "a run directory")
    .argument("<id>", "its id (as `nuwa data removed` shows it), or its source")
    .option("--json", "JSON")
    .addHelpText("after", "\nExample:\n  nuwa data why runs/sample 1f0c2ab97d33e410")
    .action(async (run: string, id: string, options: { json?: boolean }) => {
      const directory = RunDirectory.existing(run);
      const way = await why(directory, id, (await openRun(directory)).stages);
      if (options.json === true) printJson(way);
      else process.stdout.write(wayLines(way));
    });

  data
    .command("pairs")
    .description("training pairs as in a textbook: what the model sees, and the token it must predict")
    .argument("<run>", "a run directory")
    .option("--context <n>", "tokens to look back on", wholeNumber("--context"), 8)
    .option("--pairs <n>", "how many", wholeNumber("--pairs"), 16)
    .option("--start <n>", "token to begin at", wholeNumber("--start"), 0)
    .option("--val", "of the held-out data")
    .addHelpText("after", "\nExample:\n  nuwa data pairs runs/sample --context 6 --pairs 12")
    .action(async (run: string, options: { context: number; pairs: number; start: number; val?: boolean }) => {
      const split = options.val === true ? "val" : "train";
      const context = Math.max(1, options.context);
      const text = await trainingPairs(RunDirectory.existing(run), { ...options, context, split });
      process.stdout.write(`${text}\n`);
    });

  data
    .command("associations")
    .description("the bias stage's table: groups and attributes, in how many sentences, how strongly, how surely")
    .argument("<run>", "a run directory")
    .option("--json", "JSON")
    .action(async (run: string, options: { json?: boolean }) => {
      const rows = await biasTable(RunDirectory.existing(run));
      if (options.json === true) printJson(rows);
      else process.stdout.write(associationTable(rows));
    });

  data
    .command("report")
    .description("the data funnel: what each stage left, lengths, languages, what was removed, with examples")
    .argument("<run>", "a run directory")
    .option("--html <file>", "write a page instead")
    .option("--examples <n>", "examples of each rule", wholeNumber("--examples"), 1)
    .option("--json", "JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  nuwa data report runs/sample\n  nuwa data report runs/sample --html data.html",
    )
    .action(async (run: string, options: { html?: string; examples: number; json?: boolean }) => {
      const directory = RunDirectory.existing(run);
      const { stages: list } = await openRun(directory);
      const stages = funnel(directory, list);
      if (options.json === true)
        return printJson({ stages, diversity: await diversity(directory, list), mixture: await mixtureOf(directory) });
      if (options.html !== undefined) return writeWhole(options.html, await dataReport(directory, list));
      const examples = await ruleExamples(directory, options.examples, list);
      process.stdout.write(
        reportTable(stages) +
          shapeTables(stages) +
          diversityTable(await diversity(directory, list)) +
          mixtureTable(await mixtureOf(directory)) +
          partsTable(stages) +
          exampleLines(stages, examples) +
          problemLines(stages),
      );
    });
}

/** @throws NuwaError USAGE for a stage or rule that removed nothing here, with the nearest that did */
function checkNames(
  directory: RunDirectory,
  { rule, stage }: { rule?: string; stage?: string },
  list: Iterable<RecipeStage>,
): void {
  const stages = [...list].filter(({ writesDocuments }) => writesDocuments).map(({ name }) => name);
  if (stage !== undefined && !stages.includes(stage)) {
    throw new NuwaError("USAGE", `no data stage "${stage}"`, { where: "--stage", hint: didYouMean(stage, stages) });
  }
  const rules = funnel(directory, list).flatMap(({ summary: { statistics } }) => [
    ...Object.keys(statistics.removed),
    ...Object.keys(statistics.parts ?? {}),
  ]);
  if (rule === undefined || rules.some((name) => name === rule || name.startsWith(`${rule}.`))) return;
  const hint = rules.length === 0 ? "nothing was removed at all" : didYouMean(rule, rules);
  throw new NuwaError("USAGE", `no document was removed by a rule "${rule}"`, { where: "--rule", hint });
}

function formatFigure(value: number): string {
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}
