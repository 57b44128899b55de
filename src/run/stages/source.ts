import type { SourceDefinition } from "../../data/define-source-stage.ts";
import { emptyStatistics, measure, type Problem, type StageStatistics } from "../../data/stage.ts";
import { NuwaError, toJsonObject, type Document } from "../../text/index.ts";
import { bytes, count } from "../progress.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { defineRecipeStage, type RecipeStage } from "./recipe-stage.ts";
import { stopIfAborted } from "../interrupted.ts";
import type { StageContext, StageOutcome } from "./stage.ts";
import { fingerprintAll } from "./outside-files.ts";

/**
 * The list's entry of a stage that documents come from. Its files are read in a fixed order, and a shard ends where its
 * text reaches a fixed size; after an interruption they are read again and shards that are already whole are passed over.
 */
export function sourceStage<Settings extends object>(definition: SourceDefinition<Settings>): RecipeStage {
  const { name, version, summary, schema, sources, inherits = [] } = definition;
  return defineRecipeStage({
    name,
    group: "data",
    summary,
    schema,
    inherits,
    writesDocuments: true,
    create: (settings, { directory, recipe }) => {
      const folder = new ShardFolder(directory.data(name));
      return {
        name,
        version,
        settings: { ...toJsonObject(settings), shard_mb: recipe.shard_mb },
        after: [],
        outside: ({ cwd }) => fingerprintAll(sources?.(settings) ?? {}, cwd),
        outputs: [folder.folder],
        shards: folder,
        precious: false,
        isWhole: () => folder.isWhole(),
        run: (context) => run(definition, settings, folder, recipe.shard_mb * 1e6, context),
      };
    },
  });
}

async function run<Settings>(
  { name, load }: SourceDefinition<Settings>,
  settings: Settings,
  folder: ShardFolder,
  shardBytes: number,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress, signal, cwd } = context;
  folder.sweep();
  const bar = progress.bar(name, "documents");
  const infos: ShardInfo[] = [];
  let pending = new Pending(name);
  let documents = 0;
  let file = "";
  const flush = (): void => {
    const shard = infos.length;
    const known = folder.info(shard);
    infos.push(known ?? folder.write(shard, pending.documents, pending));
    pending = new Pending(name);
  };
  const read = await load();
  const stream = read(settings, {
    cwd,
    onProblem: (problem) => pending.problems.push(problem),
    onFile: (event) => {
      file = event.name;
    },
  });
  for await (const document of stream) {
    pending.add(document);
    documents++;
    bar.update(documents, file);
    if (pending.statistics.out.bytes >= shardBytes) {
      flush();
      stopIfAborted(signal);
    } else if (documents % 64 === 0) {
      stopIfAborted(signal);
    }
  }
  if (documents === 0) throw nothingCollected(name, pending.problems);
  // Problems may come after the last document.
  if (pending.documents.length > 0 || pending.problems.length > 0) flush();
  folder.sweep(infos.length);
  const { output, summary } = folder.finish(name, infos);
  const { out } = summary.statistics;
  const skipped = summary.problems.length;
  bar.done(
    `${count(out.documents)} documents, ${bytes(out.bytes)} of text${skipped > 0 ? `, ${skipped} problems` : ""}`,
  );
  reportProblems(summary.problems, context, folder.statisticsFile);
  return { output, summary: { ...out, problems: skipped } };
}

class Pending {
  readonly documents: Document[] = [];
  readonly problems: Problem[] = [];
  readonly removed: [] = [];
  readonly statistics: StageStatistics;

  constructor(stage: string) {
    this.statistics = emptyStatistics(stage);
  }

  add(document: Document): void {
    const size = measure(document.text);
    for (const amount of [this.statistics.in, this.statistics.out]) {
      amount.documents += size.documents;
      amount.characters += size.characters;
      amount.bytes += size.bytes;
    }
    this.documents.push(document);
  }
}

const SHOWN_PROBLEMS = 5;

function reportProblems(problems: readonly Problem[], { progress, directory }: StageContext, file: string): void {
  for (const { where, message } of problems.slice(0, SHOWN_PROBLEMS)) progress.warn(`${where}: ${message}`);
  if (problems.length > SHOWN_PROBLEMS) {
    progress.warn(`and ${problems.length - SHOWN_PROBLEMS} more, listed in ${directory.show(file)}`);
  }
}

function nothingCollected(stage: string, problems: readonly Problem[]): NuwaError {
  const [first] = problems;
  return new NuwaError("DATA", first === undefined ? "the sources hold no document" : first.message, {
    where: first?.where ?? `${stage}.sources`,
    hint: problems.length > 1 ? `and ${problems.length - 1} more problems; nothing is left to work on` : undefined,
  });
}
