import * as path from "node:path";
import type { SpreadDefinition, DocumentFigure } from "../../data/define-stage.ts";
import { hashFile } from "../../io/hash.ts";
import { NuwaError, toJson, type Document, type JsonValue } from "../../text/index.ts";
import { count, type Bar } from "../progress.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { defineRecipeStage, type RecipeStage } from "./recipe-stage.ts";
import type { Stage, StageContext, StageOutcome } from "./stage.ts";

/** What a stage that goes from shards to shards works on. */
export interface ShardedWork {
  readonly settings: JsonValue;
  readonly from: ShardFolder;
  readonly to: ShardFolder;
  readonly context: StageContext;
}

/** A stage of documents whose work is spread over shards: a mapper, or one over the whole corpus. */
interface ShardedDefinition extends SpreadDefinition<unknown> {
  readonly files: (settings: unknown) => readonly string[];
  readonly figures?: (settings: unknown, document: Document) => Promise<readonly DocumentFigure[]>;
}

/** The list's entry of a stage that reads the shards of the stage before it and writes as many of its own. */
export function shardedStage(
  definition: ShardedDefinition,
  work: (job: ShardedWork) => Promise<StageOutcome>,
): RecipeStage {
  const { name, version, summary, schema, after, figures, inherits = [] } = definition;
  return defineRecipeStage({
    name,
    group: "data",
    summary,
    schema,
    inherits,
    writesDocuments: true,
    ...(after === undefined ? {} : { after }),
    figures,
    create: (settings, { directory, documents }): Stage => {
      const before = documents();
      const from = new ShardFolder(directory.data(before));
      const to = new ShardFolder(directory.data(name));
      const json = toJson(settings);
      return {
        name,
        version,
        settings: json,
        after: [before],
        outside: async ({ cwd }) => hashInputs(definition.files(settings), cwd),
        outputs: [to.folder],
        shards: to,
        precious: false,
        isWhole: () => to.isWhole(),
        run: (context) => work({ settings: json, from, to, context }),
      };
    },
  });
}

/** Ends the stage once all of its shards are there, and says what it did. */
export function finishShards(
  name: string,
  to: ShardFolder,
  infos: readonly (ShardInfo | undefined)[],
  bar: Bar,
): StageOutcome {
  const { output, summary } = to.finish(
    name,
    infos.filter((info) => info !== undefined),
  );
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out, changed: summary.statistics.changed } };
}

/** Small files of the user's by their content, so that touching one redoes nothing. */
function hashInputs(files: readonly string[], cwd: string): Record<string, string> {
  return Object.fromEntries(files.map((file) => [`file ${file}`, hashInput(path.resolve(cwd, file), file)]));
}

function hashInput(file: string, name: string): string {
  try {
    return hashFile(file);
  } catch (cause) {
    throw new NuwaError("FILE", "expected a file that the recipe names; it cannot be read", { where: name, cause });
  }
}

/** `8,123 → 7,950 documents, 12.3M → 11.9M characters`. */
function changeLine(statistics: {
  readonly in: { documents: number; characters: number };
  readonly out: { documents: number; characters: number };
}): string {
  const { in: before, out: after } = statistics;
  return (
    `${count(before.documents)} → ${count(after.documents)} documents, ` +
    `${count(before.characters)} → ${count(after.characters)} characters`
  );
}
