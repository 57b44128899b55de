import type { Command } from "commander";
import { existsSync, readFileSync, statSync } from "node:fs";
import { RunDirectory } from "../../run/index.ts";
import { showToken } from "../../data/pack/tokens/index.ts";
import { NuwaError } from "../../text/index.ts";
import {
  inspectText,
  inspectVocabulary,
  loadTokenizer,
  type Tokenizer,
  type VocabularyReport,
} from "../../tokenizer/index.ts";
import { printJson, runUntil, withRecipeOptions, type RecipeOptions } from "../shared.ts";

export function register(program: Command): void {
  const tokenizer = program.command("tokenizer").description("train a tokenizer, or look at one");
  withRecipeOptions(tokenizer.command("train"))
    .description("train the recipe's tokenizer (stages before it that are not done come first)")
    .option("--redo", "train again although nothing changed")
    .addHelpText("after", "\nExample:\n  nuwa tokenizer train recipes/sample.yaml --set tokenizer.vocab_size=8192")
    .action(async (recipe: string, options: RecipeOptions) => {
      await runUntil(recipe, "tokenizer", options);
    });

  tokenizer
    .command("inspect")
    .description("what its vocabulary is made of, and how it cuts a text: fertility by script, pieces with ids")
    .argument(
      "<path>",
      "a run directory, a model or tokenizer folder, tokenizer.json, a SentencePiece .model or a .tiktoken file",
    )
    .argument("[text]", "a text file, or a text to cut")
    .option("--text <text>", "a text to cut, also where a file has that name")
    .option("--json", "JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  nuwa tokenizer inspect runs/sample "How many tokens is this?"\n  nuwa tokenizer inspect tokenizer.model novel.txt --json',
    )
    .action(async (folder: string, input: string | undefined, options: { text?: string; json?: boolean }) => {
      if (input !== undefined && options.text !== undefined) {
        throw new NuwaError("USAGE", "expected a text or --text, got both");
      }
      const run = new RunDirectory(folder);
      const loaded = await loadTokenizer(existsSync(run.manifest) ? run.tokenizer : folder);
      const text = options.text ?? (input === undefined ? undefined : textOrFile(input));
      const report = inspectVocabulary(loaded);
      const cut = text === undefined ? undefined : inspectText(loaded, text);
      const ids = text === undefined ? [] : [...loaded.encode(text)];
      const shown = ids.slice(0, MOST_SHOWN).map((id) => ({ id, token: pieceOf(loaded, id) }));
      if (options.json === true) {
        const { size, ...rest } = report;
        printJson({
          vocabulary: size,
          ...rest,
          ...(text === undefined ? {} : { fertility: cut, count: ids.length, tokens: shown }),
        });
        return;
      }
      const lines = vocabularyLines(report);
      if (text !== undefined && cut !== undefined) {
        const perToken = ids.length === 0 ? 0 : Buffer.byteLength(text) / ids.length;
        lines.push(`${ids.length} tokens, ${perToken.toFixed(2)} bytes each:`);
        for (const { id, token } of shown) lines.push(`  ${String(id).padStart(6)}  ${token}`);
        if (ids.length > shown.length) lines.push(`  … ${ids.length - shown.length} more`);
        lines.push(...fertilityLines(cut));
      }
      process.stdout.write(`${lines.join("\n")}\n`);
    });
}

/** A token as it is cut: with its mark for a blank or for the inside of a word where the vocabulary has such marks. */
function pieceOf(tokenizer: Tokenizer, id: number): string {
  const written = tokenizer.kind === "wordpiece" || tokenizer.kind === "unigram" || tokenizer.unknownId !== undefined;
  return written ? JSON.stringify(tokenizer.idToToken(id)) : showToken(tokenizer, id);
}

/** Tokens of a text that are shown one by one. */
const MOST_SHOWN = 1000;

/**
 * A file's text where there is such a file, else the text itself.
 *
 * @throws NuwaError FILE for a folder, for what cannot be read, and for what looks like a file's name but is none
 */
function textOrFile(input: string): string {
  if (!existsSync(input)) {
    if (/^\S+\.(txt|md|jsonl?|csv|html?)$/i.test(input)) {
      throw new NuwaError("FILE", `no such file: ${input}`, { hint: "to cut this name as a text, use --text" });
    }
    return input;
  }
  if (statSync(input).isDirectory()) {
    throw new NuwaError("FILE", "expected a text file, got a folder", {
      where: input,
      hint: "to cut it as a text, use --text",
    });
  }
  return readFileSync(input, "utf8");
}

function vocabularyLines(report: VocabularyReport): string[] {
  const lines = [`vocabulary: ${report.size}`, `kind: ${report.kind}`, "special tokens:"];
  for (const [token, id] of Object.entries(report.special)) lines.push(`  ${String(id).padStart(6)}  ${token}`);
  lines.push("tokens by script:");
  for (const [script, count] of Object.entries(report.byScript))
    lines.push(`  ${String(count).padStart(6)}  ${script}`);
  const longest = report.byLength.length;
  const lengths = report.byLength.slice(0, 12).map((count, i) => `${i + 1}: ${count}`);
  if (longest > 12) lengths.push(`13 to ${longest}: ${report.byLength.slice(12).reduce((a, b) => a + b, 0)}`);
  lines.push(`tokens by characters: ${lengths.join(", ")}`);
  return lines;
}

function fertilityLines(cut: ReturnType<typeof inspectText>): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
  const rows = [
    ["lines in", "tokens", "per word", "per character", "bytes each", "unknown", "part of a character"],
    ...[...Object.entries(cut.byScript), ["all", cut.all] as const].map(([name, part]) => [
      name,
      String(part.tokens),
      part.tokensPerWord.toFixed(2),
      part.tokensPerCharacter.toFixed(2),
      part.bytesPerToken.toFixed(2),
      percent(part.unknownShare),
      percent(part.byteShare),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
}
