import type { Command } from "commander";
import { existsSync } from "node:fs";
import { RunDirectory } from "../../run/index.ts";
import { showToken } from "../../data/pack/index.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
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
    .description("its size and special tokens, and how it cuts a text")
    .argument("<path>", "a run directory, a model or tokenizer folder, or tokenizer.json")
    .argument("[text]", "a text to cut")
    .option("--json", "JSON")
    .addHelpText("after", '\nExample:\n  nuwa tokenizer inspect runs/sample "How many tokens is this?"')
    .action(async (place: string, text: string | undefined, options: { json?: boolean }) => {
      const run = new RunDirectory(place);
      const loaded = await loadTokenizer(existsSync(run.manifest) ? run.tokenizer : place);
      const special = Object.fromEntries(loaded.specialTokens);
      const ids = text === undefined ? [] : [...loaded.encode(text)];
      const tokens = ids.map((id) => ({ id, token: showToken(loaded, id) }));
      if (options.json === true) {
        printJson({ vocabulary: loaded.vocabSize, special, ...(text === undefined ? {} : { text, tokens }) });
        return;
      }
      const lines = [`vocabulary: ${loaded.vocabSize}`, "special tokens:"];
      for (const [token, id] of Object.entries(special)) lines.push(`  ${String(id).padStart(6)}  ${token}`);
      if (text !== undefined) {
        const perToken = ids.length === 0 ? 0 : Buffer.byteLength(text) / ids.length;
        lines.push(`${ids.length} tokens, ${perToken.toFixed(2)} bytes each:`);
        for (const { id, token } of tokens) lines.push(`  ${String(id).padStart(6)}  ${token}`);
      }
      process.stdout.write(`${lines.join("\n")}\n`);
    });
}
