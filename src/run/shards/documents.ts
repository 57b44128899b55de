import { countVerdict, emptyStatistics, ledgerEntries, type LedgerEntry, type Verdict } from "../../data/stage.ts";
import type { Document } from "../../text/index.ts";
import { readDocuments } from "./shard-files.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";

/** The documents of one shard, in memory. */
export function readShard(folder: string, shard: number): Document[] {
  return [...readDocuments(new ShardFolder(folder).documents(shard))];
}

/** Writes a shard from a stage's verdicts on the documents of the shard before it, in their order. */
export function writeVerdicts(
  stage: string,
  to: ShardFolder,
  shard: number,
  documents: readonly Document[],
  verdicts: Iterable<Verdict>,
): ShardInfo {
  const statistics = emptyStatistics(stage);
  const kept: Document[] = [];
  const removed: LedgerEntry[] = [];
  let next = 0;
  for (const verdict of verdicts) {
    const document = documents[next++];
    if (document === undefined) break;
    countVerdict(statistics, document, verdict);
    removed.push(...ledgerEntries(stage, document, verdict));
    if ("keep" in verdict) kept.push(verdict.keep);
  }
  if (next !== documents.length) {
    throw new TypeError(`expected ${documents.length} verdicts of "${stage}", one a document, got ${next}`);
  }
  return to.write(shard, kept, { removed, statistics, problems: [] });
}
