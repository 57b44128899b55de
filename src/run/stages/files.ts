import { existsSync } from "node:fs";
import * as path from "node:path";
import type { FilesDefinition, Line } from "../../data/define-files-stage.ts";
import { toJson, type Document } from "../../text/index.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { count } from "../progress.ts";
import { ShardFolder } from "../shards/shards.ts";
import { fingerprintAll } from "./outside-files.ts";
import { defineRecipeStage, type RecipeStage } from "./recipe-stage.ts";
import { Interrupted, stopIfAborted } from "../interrupted.ts";
import type { Stage, StageContext, StageOutcome } from "./stage.ts";

/** The list's entry of a stage that writes files in a folder of its own. */
export function filesStage<Settings>(definition: FilesDefinition<Settings>): RecipeStage {
  const { name, version, summary, schema, sources, inherits = [], readsDocuments, reads, outputs } = definition;
  return defineRecipeStage({
    name,
    group: "data",
    summary,
    schema,
    inherits,
    create: (settings, { directory, documents, require }): Stage => {
      const others = reads.map((needed) => require(needed));
      const before = readsDocuments ? documents() : undefined;
      const folder = directory[definition.folder];
      return {
        name,
        version,
        settings: toJson(settings),
        after: [...(before === undefined ? [] : [before]), ...others],
        outside: ({ cwd }) => fingerprintAll(sources?.(settings) ?? {}, cwd),
        outputs: [folder],
        precious: false,
        isWhole: () => outputs.every((file) => existsSync(path.join(folder, file))),
        run: (context) => run(definition, settings, directory, before, context),
      };
    },
  });
}

async function run<Settings>(
  { name, unit, folder, load }: FilesDefinition<Settings>,
  settings: Settings,
  directory: RunDirectory,
  before: string | undefined,
  { progress, signal, cwd }: StageContext,
): Promise<StageOutcome> {
  const from = before === undefined ? undefined : new ShardFolder(directory.data(before));
  const bar = progress.bar(name, unit, from?.summary()?.statistics.out.documents);
  async function* documents(): AsyncGenerator<Document> {
    for await (const document of from?.read() ?? []) {
      stopIfAborted(signal);
      yield document;
    }
  }
  const write = await load();
  const { output, summary, line } = await write(settings, {
    folder: directory[folder],
    cwd,
    documents: documents(),
    tokenizer: directory.tokenizer,
    signal,
    progress: (done, note) => {
      stopIfAborted(signal);
      bar.update(done, note === undefined ? undefined : textOf(note));
    },
    warn: (message) => progress.warn(message),
  }).catch((error: unknown) => {
    if (signal.aborted) throw new Interrupted();
    throw error;
  });
  bar.done(textOf(line));
  return { output, summary };
}

function textOf(line: Line): string {
  return line.map((part) => (typeof part === "number" ? count(part) : part)).join("");
}
