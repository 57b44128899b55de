import { DedupIndex, type DedupSettings } from "../../data/dedup/index.ts";
import { countVerdict, emptyStatistics, ledgerEntry, type LedgerEntry, type Verdict } from "../../data/stage.ts";
import type { Document, JsonValue } from "../../text/index.ts";
import type { RunDirectory } from "../run-directory.ts";
import { workOnShards } from "../shard-pool.ts";
import { readShard, type SignedDocument, type SignTask } from "../shard-work.ts";
import { ShardFolder, type ShardInfo } from "../shards.ts";
import { stopIfAborted, type Stage, type StageContext, type StageOutcome } from "../stage.ts";
import { changeLine } from "./map.ts";

/**
 * Deduplication over the whole corpus, in two passes: signatures of every shard in worker threads, then, once it is
 * known what goes, each shard written without it.
 */
export function dedupStage(directory: RunDirectory, settings: DedupSettings, before: string): Stage {
  const from = new ShardFolder(directory.data(before));
  const to = new ShardFolder(directory.data("dedup"));
  return {
    name: "dedup",
    version: 1,
    settings: settings as unknown as Record<string, JsonValue>,
    after: [before],
    outputs: [to.folder],
    precious: false,
    isWhole: () => to.isWhole(),
    run: (context) => run(settings, from, to, context),
  };
}

async function run(
  settings: DedupSettings,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress, signal, threads } = context;
  const shards = from.count() ?? 0;
  to.sweep();
  const total = from.summary()?.statistics.out.documents ?? 0;
  const bar = progress.bar("dedup", "documents", total);
  const signed: (SignedDocument[] | undefined)[] = Array.from({ length: shards }, () => undefined);
  let done = 0;
  const tasks: SignTask[] = signed.map((_, shard) => ({ kind: "sign", settings, from: from.folder, shard }));
  await workOnShards<"sign">(tasks, {
    threads,
    signal,
    onDone: (documents, { shard }) => {
      signed[shard] = documents;
      done += documents.length;
      bar.update(done);
    },
  });
  const index = new DedupIndex(settings);
  let order = 0;
  for (const documents of signed) {
    for (const { id, length, signature } of documents ?? []) index.add(id, order++, length, signature);
  }
  signed.length = 0;
  const drops = index.resolve();
  const met = new Set<string>();
  /** An id stands for one document, so that a second one under it goes. */
  const verdictOn = (document: Document): Verdict => {
    if (met.has(document.id)) return { drop: { rule: "same_id", detail: `kept ${document.id}` } };
    met.add(document.id);
    const drop = drops.get(document.id);
    return drop === undefined ? { keep: document } : { drop };
  };
  const infos: ShardInfo[] = [];
  for (let shard = 0; shard < shards; shard++) {
    stopIfAborted(signal);
    const statistics = emptyStatistics("dedup");
    const kept: Document[] = [];
    const removed: LedgerEntry[] = [];
    for (const document of readShard(from.folder, shard)) {
      const verdict = verdictOn(document);
      countVerdict(statistics, document, verdict);
      if ("keep" in verdict) kept.push(document);
      else removed.push(ledgerEntry("dedup", document, verdict.drop));
    }
    infos.push(to.info(shard) ?? to.write(shard, kept, { removed, statistics, problems: [] }));
  }
  const { output, summary } = to.finish("dedup", infos);
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out } };
}
