import * as path from "node:path";
import type { Command } from "commander";
import {
  boardRow,
  boardTables,
  leaderboardPage,
  publishedRows,
  readPublished,
  sortRows,
  writeWhole,
} from "../../run/index.ts";
import { NuwaError } from "../../text/index.ts";
import { printJson, wholeNumber } from "../shared.ts";
import { table } from "../tables.ts";

interface Options {
  readonly published?: string;
  readonly models?: string;
  readonly top: number;
  readonly html?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command("leaderboard")
    .description("several models' benchmark scores beside published ones")
    .argument("<runs...>", "run directories that have been measured, or folders that nuwa eval --output wrote")
    .option("--published <file>", "a CSV of published scores (Model, ARC, HellaSwag, MMLU, TruthfulQA) to compare with")
    .option("--models <names>", "of these only the models with one of these texts in their names, comma-separated")
    .option("--top <count>", "maximum number of rows from the CSV, best first", wholeNumber("--top"), 30)
    .option("--html <file>", "write the tables as one HTML page")
    .option("--json", "JSON on stdout")
    .addHelpText(
      "after",
      `
Examples:
  nuwa eval runs/small --tasks leaderboard --data DIR
  nuwa leaderboard runs/small runs/large
  nuwa leaderboard runs/* --published open_llm_leaderboard.csv --models gpt2,pythia --html board.html`,
    )
    .action((runs: string[], options: Options) => {
      const rows = sortRows([...runs.map(boardRow), ...publishedRows(), ...fromFile(options)]);
      if (options.html !== undefined) {
        writeWhole(path.resolve(options.html), leaderboardPage(boardTables(rows)));
        process.stderr.write(`page: ${options.html}\n`);
      }
      if (options.json === true) printJson(rows);
      else if (options.html === undefined) print(rows);
    });
}

function print(rows: ReturnType<typeof sortRows>): void {
  const texts = boardTables(rows).map(
    ({ title, note, head, rows: lines }) =>
      `${title}\n${table([head, ...lines.map(({ isOwn, cells: [first = "", ...cells] }) => [isOwn ? `${first} *` : first, ...cells])])}${note}\n`,
  );
  process.stdout.write(texts.join("\n"));
}

function fromFile({ published, models, top }: Options): ReturnType<typeof publishedRows> {
  if (published === undefined) {
    if (models !== undefined) {
      throw new NuwaError("USAGE", "there is no table to choose models from", {
        where: "--models",
        hint: "name one with --published FILE",
      });
    }
    return [];
  }
  const names = models?.split(",").map((name) => name.trim().toLowerCase());
  const all = sortRows(readPublished(published));
  const chosen =
    names === undefined ? all : all.filter((row) => names.some((name) => row.model.toLowerCase().includes(name)));
  if (chosen.length === 0) throw new NuwaError("VALUE", `no model named like ${models}`, { where: published });
  return chosen.slice(0, top);
}
