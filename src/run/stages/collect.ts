import { collect, collectSettings, type CollectSettings } from "../../data/acquire/collect/index.ts";
import { emptyStatistics, measure, type Problem, type StageStatistics } from "../../data/stage.ts";
import { NuwaError, toJsonObject, type Document } from "../../text/index.ts";
import { bytes, count } from "../progress.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { stopIfAborted, type StageContext } from "./stage.ts";
import { fingerprintFiles } from "./outside-files.ts";

/**
 * Reads the user's files into shards. The files are read in a fixed order, and a shard ends where its text reaches a
 * fixed size; after an interruption they are read again and shards that are already whole are passed over.
 */
export const collectStage = defineRecipeStage({
  name: "collect",
  group: "data",
  summary: "Read documents from files.",
  schema: collectSettings,
  writesDocuments: true,
  create: (settings, { directory, recipe }) => {
    const folder = new ShardFolder(directory.data("collect"));
    return {
      name: "collect",
      version: 2,
      settings: { ...toJsonObject(settings), shard_mb: recipe.shard_mb },
      after: [],
      outside: (context) => fingerprintSources(settings, context),
      outputs: [folder.folder],
      shards: folder,
      precious: false,
      isWhole: () => folder.isWhole(),
      run: (context) => run(folder, settings, recipe.shard_mb * 1e6, context),
    };
  },
});

async function fingerprintSources(settings: CollectSettings, { cwd }: StageContext): Promise<Record<string, string>> {
  const inputs: Record<string, string> = {};
  for (const [index, source] of settings.sources.entries()) {
    const exclude = [source.exclude ?? []].flat();
    const name = `files of source ${index + 1}`;
    inputs[name] = await fingerprintFiles([source.files].flat(), { cwd, exclude, format: source.format });
  }
  return inputs;
}

async function run(folder: ShardFolder, settings: CollectSettings, shardBytes: number, context: StageContext) {
  const { progress, signal, cwd } = context;
  folder.sweep();
  const bar = progress.bar("collect", "documents");
  const infos: ShardInfo[] = [];
  let pending = new Pending();
  let documents = 0;
  let file = "";
  const flush = (): void => {
    const shard = infos.length;
    const known = folder.info(shard);
    infos.push(known ?? folder.write(shard, pending.documents, pending));
    pending = new Pending();
  };
  const stream = collect(settings, {
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
  if (documents === 0) throw nothingCollected(pending.problems);
  // Problems may come after the last document.
  if (pending.documents.length > 0 || pending.problems.length > 0) flush();
  folder.sweep(infos.length);
  const { output, summary } = folder.finish("collect", infos);
  const { out } = summary.statistics;
  const skipped = summary.problems.length;
  bar.done(
    `${count(out.documents)} documents, ${bytes(out.bytes)} of text${skipped > 0 ? `, ${skipped} problems` : ""}`,
  );
  tellProblems(summary.problems, context, folder.statisticsFile);
  return { output, summary: { ...out, problems: skipped } };
}

class Pending {
  readonly documents: Document[] = [];
  readonly problems: Problem[] = [];
  readonly removed: [] = [];
  readonly statistics: StageStatistics = emptyStatistics("collect");

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

function tellProblems(problems: readonly Problem[], { progress, directory }: StageContext, file: string): void {
  for (const { where, message } of problems.slice(0, SHOWN_PROBLEMS)) progress.warn(`${where}: ${message}`);
  if (problems.length > SHOWN_PROBLEMS) {
    progress.warn(`and ${problems.length - SHOWN_PROBLEMS} more, listed in ${directory.show(file)}`);
  }
}

function nothingCollected(problems: readonly Problem[]): NuwaError {
  const [first] = problems;
  return new NuwaError("DATA", first === undefined ? "the sources hold no document" : first.message, {
    where: first?.where ?? "collect.sources",
    hint: problems.length > 1 ? `and ${problems.length - 1} more problems; nothing is left to work on` : undefined,
  });
}
