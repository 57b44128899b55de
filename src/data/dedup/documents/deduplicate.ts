import { countCharacters } from "../../../text/script.ts";
import type { Document } from "../../../text/document.ts";
import { countVerdict, ledgerEntry, type RunMapperOptions, type Verdict } from "../../stage.ts";
import { DedupIndex } from "./dedup-index.ts";
import { dedupSettings, type DedupSettingsInput } from "./settings.ts";
import { createSigner } from "./signature.ts";

/**
 * Deduplicates a corpus in two passes over it, in one thread: signatures, then the documents that stay, in order.
 * The texts are never all in memory. A second document with an id that came before is dropped by the rule `same_id`.
 *
 * @param documents called twice; both times it must give the same documents.
 * @example for await (const document of deduplicate(() => readShards(paths), { keep: "first" }, { statistics })) …
 */
export async function* deduplicate(
  documents: () => AsyncIterable<Document> | Iterable<Document>,
  input: DedupSettingsInput = {},
  options: RunMapperOptions = {},
): AsyncGenerator<Document> {
  const settings = dedupSettings.parse(input);
  const signer = createSigner(settings);
  const index = new DedupIndex(settings);
  let order = 0;
  const start = performance.now();
  for await (const document of documents()) {
    index.add(document.id, order++, countCharacters(document.text), signer.signature(document));
  }
  const drops = index.resolve();
  if (options.statistics !== undefined)
    options.statistics.microseconds += Math.round((performance.now() - start) * 1e3);
  const met = new Set<string>();
  for await (const document of documents()) {
    const again = met.has(document.id);
    met.add(document.id);
    const drop = again ? { rule: "same_id", detail: `kept ${document.id}` } : drops.get(document.id);
    const verdict: Verdict = drop === undefined ? { keep: document } : { drop };
    if (options.statistics !== undefined) countVerdict(options.statistics, document, verdict);
    if (drop === undefined) yield document;
    else await options.onRemoved?.(ledgerEntry("dedup", document, drop));
  }
}
