import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { evaluateClassifier, readLabelled, splitExamples, trainClassifier } from "../../data/judge/harm/index.ts";
import { trainNgram } from "../../data/judge/perplexity/index.ts";
import { writeWhole } from "../../run/index.ts";
import { NuwaError } from "../../text/index.ts";
import { printJson, wholeNumber } from "../shared.ts";

/** `nuwa data train-classifier` and `nuwa data train-ngram`: the models that the harm and perplexity stages read. */
export function registerTraining(data: Command): void {
  data
    .command("train-classifier")
    .description(
      "train a classifier of harmful text from labelled jsonl; prints precision and recall on a held-out share",
    )
    .argument("<files...>", 'jsonl files with lines such as {"text": "…", "label": true}')
    .requiredOption("--out <file>", "where the model goes")
    .option("--text <field>", "the field with the text", "text")
    .option("--label <field>", "the field with the label", "label")
    .option("--held-out <percent>", "per cent of the examples that are only measured on", wholeNumber("--held-out"), 20)
    .option("--epochs <n>", "passes over the examples", wholeNumber("--epochs"), 8)
    .option("--seed <n>", "order of the examples and the held-out share", wholeNumber("--seed"), 1)
    .option("--json", "JSON")
    .addHelpText("after", "\nExample:\n  nuwa data train-classifier labelled.jsonl --out harm.model")
    .action((files: string[], options: ClassifierOptions) => {
      if (options.heldOut > 90) {
        throw new NuwaError("USAGE", `expected at most 90 per cent, got ${options.heldOut}`, { where: "--held-out" });
      }
      const examples = files.flatMap((file) => readLabelled(file, options));
      const { train, heldOut } = splitExamples(examples, options.heldOut / 100, options.seed);
      const model = trainClassifier(train, { epochs: options.epochs, seed: options.seed });
      writeWhole(options.out, model.toBytes());
      const reports = [0.5, 0.8].map((threshold) => ({ threshold, ...evaluateClassifier(model, heldOut, threshold) }));
      if (options.json === true) return printJson({ trained: train.length, reports });
      process.stdout.write(`trained on ${train.length} examples, measured on ${heldOut.length}\n`);
      for (const { threshold, precision, recall, accuracy, harmful } of reports) {
        process.stdout.write(
          `threshold ${threshold}: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, accuracy ${accuracy.toFixed(3)} (${harmful} harmful)\n`,
        );
      }
    });

  data
    .command("train-ngram")
    .description("train an n-gram model of good text, for the perplexity filter")
    .argument("<files...>", "text files")
    .requiredOption("--out <file>", "where the model goes")
    .option("--order <n>", "length of the longest n-gram", wholeNumber("--order"), 5)
    .option("--unit <unit>", "characters or words", "characters")
    .addHelpText("after", "\nExample:\n  nuwa data train-ngram books/a.txt books/b.txt --out good.ngram")
    .action((files: string[], options: { out: string; order: number; unit: string }) => {
      const { order, unit } = options;
      if (unit !== "characters" && unit !== "words") {
        throw new NuwaError("USAGE", `expected characters or words, got "${unit}"`, { where: "--unit" });
      }
      if (order < 1 || order > 8) throw new NuwaError("USAGE", `expected 1 to 8, got ${order}`, { where: "--order" });
      const texts = files.map((file) => readText(file));
      const model = trainNgram(texts, { order, unit });
      writeWhole(options.out, model.toBytes());
      const grams = model.levels.map(({ size }) => size.toLocaleString("en")).join(", ");
      process.stdout.write(`${model.vocabulary.length} ${unit}; n-grams of 1 to ${order}: ${grams}\n`);
    });
}

interface ClassifierOptions {
  readonly out: string;
  readonly text: string;
  readonly label: string;
  readonly heldOut: number;
  readonly epochs: number;
  readonly seed: number;
  readonly json?: boolean;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a text file; it cannot be read", { where: file, cause });
  }
}
