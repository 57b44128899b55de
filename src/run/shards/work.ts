import { readFileSync } from "node:fs";
import { createClean, type CleanSettings } from "../../data/clean/normalize/index.ts";
import { createSigner, encodeSignatures, type DedupSettings } from "../../data/dedup/documents/index.ts";
import { createExtract, type ExtractSettings } from "../../data/clean/extract/index.ts";
import type { FilterSettings } from "../../data/judge/filter/settings.ts";
import type { LinesSettings } from "../../data/dedup/lines/settings.ts";
import type { SubstringSettings } from "../../data/dedup/substring/settings.ts";
import type { DecontaminateSettings } from "../../data/judge/decontaminate/settings.ts";
import type { BiasCounts } from "../../data/judge/bias/bias.ts";
import type { BiasSettings } from "../../data/judge/bias/settings.ts";
import type { HarmSettings } from "../../data/judge/harm/settings.ts";
import type { PerplexitySettings } from "../../data/judge/perplexity/settings.ts";
import type { SpellingSettings } from "../../data/clean/spelling/settings.ts";
import type { PrivacySettings } from "../../data/clean/privacy/settings.ts";
import {
  countVerdict,
  emptyStatistics,
  ledgerEntries,
  mapBatch,
  type DocumentMapper,
  type Drop,
  type LedgerEntry,
  type Verdict,
} from "../../data/stage.ts";
import { countCharacters, type Document } from "../../text/index.ts";
import { writeWhole } from "../../io/files.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";

/** Stages that look at one document at a time, with their settings. */
export type MapperSpec =
  | { readonly stage: "extract"; readonly settings: ExtractSettings }
  | { readonly stage: "clean"; readonly settings: CleanSettings }
  | { readonly stage: "filter"; readonly settings: FilterSettings }
  | { readonly stage: "spelling"; readonly settings: SpellingSettings }
  | { readonly stage: "harm"; readonly settings: HarmSettings }
  | { readonly stage: "bias"; readonly settings: BiasSettings }
  | { readonly stage: "perplexity"; readonly settings: PerplexitySettings }
  | { readonly stage: "privacy"; readonly settings: PrivacySettings }
  | { readonly stage: "decontaminate"; readonly settings: DecontaminateSettings };

/** Map the documents of one shard, and write the same shard of the next stage. */
export interface MapTask {
  readonly kind: "map";
  readonly mapper: MapperSpec;
  /** What file names in the settings are relative to. */
  readonly cwd: string;
  /** A file that the stage made before its first shard: a model, a table. */
  readonly prepared?: string | undefined;
  readonly from: string;
  readonly to: string;
  readonly shard: number;
}

/** Write what deduplication has to know of one shard's documents to `file`; the answer is how many they are. */
export interface SignTask {
  readonly kind: "sign";
  readonly settings: DedupSettings;
  readonly from: string;
  readonly shard: number;
  readonly file: string;
}

/** Write the same shard of the next stage without some of its documents, known by their places in it. */
export interface DropTask {
  readonly kind: "drop";
  readonly stage: string;
  readonly from: string;
  readonly to: string;
  readonly shard: number;
  readonly drops: readonly (readonly [number, Drop])[];
}

/** Write the keys of one shard's windows to `file`. */
export interface KeysTask {
  readonly kind: "keys";
  readonly settings: SubstringSettings;
  readonly from: string;
  readonly shard: number;
  readonly file: string;
}

/** Write the stretches of one shard whose keys occur again to `file`. */
export interface GatherTask {
  readonly kind: "gather";
  readonly settings: SubstringSettings;
  readonly from: string;
  readonly shard: number;
  /** Pairs of a document's place and a key's high word. */
  readonly wanted: Uint32Array;
  readonly file: string;
}

/** Write the passages that are repeated in sections `[sections[0], sections[1])` of all shards to `file`. */
export interface FindTask {
  readonly kind: "find";
  readonly width: number;
  /** The shards' stretches, and the number of each one's first document. */
  readonly files: readonly string[];
  readonly firsts: readonly number[];
  readonly sections: readonly [number, number];
  readonly file: string;
}

/** Write one shard without repeated passages. */
export interface CutTask {
  readonly kind: "cut";
  readonly settings: SubstringSettings;
  readonly from: string;
  readonly to: string;
  readonly shard: number;
  /** Quadruples: the document's place, first token, behind the last token, number of the document that has it first. */
  readonly passages: Uint32Array;
  readonly ids: Readonly<Record<number, string>>;
}

/** Write the hashes of one shard's paragraphs and lines to `file`. */
export interface LineKeysTask {
  readonly kind: "line-keys";
  readonly settings: LinesSettings;
  readonly from: string;
  readonly shard: number;
  readonly file: string;
}

/** Write one shard without repeated paragraphs and lines. */
export interface LineCutTask {
  readonly kind: "line-cut";
  readonly settings: LinesSettings;
  readonly from: string;
  readonly to: string;
  readonly shard: number;
  /** Quadruples: the document's place, high and low word of the hash, number of the first document that has it. */
  readonly repeated: Uint32Array;
  readonly ids: Readonly<Record<number, string>>;
}

/** What a worker is asked, by kind, and what it answers. All of it plain data. */
export interface Work {
  map: { task: MapTask; answer: ShardInfo };
  sign: { task: SignTask; answer: number };
  drop: { task: DropTask; answer: ShardInfo };
  keys: { task: KeysTask; answer: undefined };
  gather: { task: GatherTask; answer: undefined };
  find: { task: FindTask; answer: undefined };
  cut: { task: CutTask; answer: ShardInfo };
  "line-keys": { task: LineKeysTask; answer: undefined };
  "line-cut": { task: LineCutTask; answer: ShardInfo };
}

export type Task = Work[keyof Work]["task"];

const mappers = new Map<string, Promise<DocumentMapper>>();

/**
 * Preparing a mapper can be slow, so a worker keeps it from shard to shard. The filter's language tables take 80 MB and
 * are loaded only by those who filter.
 */
function mapperFor({ mapper: spec, cwd, prepared }: MapTask): Promise<DocumentMapper> {
  const key = JSON.stringify([spec, cwd, prepared]);
  const known = mappers.get(key);
  if (known !== undefined) return known;
  const made = make(spec, cwd, prepared);
  mappers.set(key, made);
  return made;
}

async function make(spec: MapperSpec, cwd: string, prepared: string | undefined): Promise<DocumentMapper> {
  switch (spec.stage) {
    case "extract":
      return createExtract(spec.settings);
    case "clean":
      return createClean(spec.settings);
    case "filter":
      return (await import("../../data/judge/filter/index.ts")).createFilter(spec.settings, cwd);
    case "spelling": {
      const { createSpelling, readCounts } = await import("../../data/clean/spelling/index.ts");
      const { frequencies } = spec.settings;
      const files = prepared === undefined ? frequencies : [prepared];
      return createSpelling(spec.settings, readCounts(files, cwd), cwd);
    }
    case "bias": {
      const counts = JSON.parse(readFileSync(prepared ?? "", "utf8")) as BiasCounts;
      return (await import("../../data/judge/bias/index.ts")).createBias(spec.settings, counts);
    }
    case "harm":
      return (await import("../../data/judge/harm/index.ts")).createHarm(spec.settings, cwd);
    case "perplexity": {
      const { createPerplexity, readNgramModel } = await import("../../data/judge/perplexity/index.ts");
      return createPerplexity(spec.settings, readNgramModel(prepared ?? spec.settings.model ?? "", cwd));
    }
    case "decontaminate":
      return (await import("../../data/judge/decontaminate/index.ts")).createDecontaminate(spec.settings, cwd);
    case "privacy":
      return (await import("../../data/clean/privacy/index.ts")).createPrivacy(spec.settings);
  }
}

/** The documents of one shard, in memory. */
export function readShard(folder: string, shard: number): Document[] {
  const text = readFileSync(new ShardFolder(folder).documents(shard), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Document);
}

/** Does one piece of work on one shard. */
export async function workOnShard(task: Task): Promise<Work[keyof Work]["answer"]> {
  switch (task.kind) {
    case "map":
      return map(task);
    case "sign":
      return sign(task);
    case "drop":
      return drop(task);
    case "keys":
    case "gather":
    case "find":
    case "cut":
      return (await import("./substring-work.ts")).workOnPassages(task);
    case "line-keys":
    case "line-cut":
      return (await import("./lines-work.ts")).workOnLines(task);
  }
}

async function map(task: MapTask): Promise<ShardInfo> {
  const documents = readShard(task.from, task.shard);
  const mapper = await mapperFor(task);
  const { kept, removed, statistics } = mapBatch(mapper, documents);
  return new ShardFolder(task.to).write(task.shard, kept, { removed, statistics, problems: [] });
}

function sign({ settings, from, shard, file }: SignTask): number {
  const signer = createSigner(settings);
  const signed = readShard(from, shard).map((document) => ({
    id: document.id,
    length: countCharacters(document.text),
    signature: signer.signature(document),
  }));
  writeWhole(file, encodeSignatures(signed));
  return signed.length;
}

function drop({ stage, from, to, shard, drops }: DropTask): ShardInfo {
  const byPlace = new Map(drops);
  const verdicts = readShard(from, shard).map((document, place): [Document, Verdict] => {
    const reason = byPlace.get(place);
    return [document, reason === undefined ? { keep: document } : { drop: reason }];
  });
  return writeVerdicts(stage, new ShardFolder(to), shard, verdicts);
}

/** Writes a shard from a stage's verdicts on the documents of the shard before it. */
export function writeVerdicts(
  stage: string,
  to: ShardFolder,
  shard: number,
  verdicts: Iterable<readonly [Document, Verdict]>,
): ShardInfo {
  const statistics = emptyStatistics(stage);
  const kept: Document[] = [];
  const removed: LedgerEntry[] = [];
  for (const [document, verdict] of verdicts) {
    countVerdict(statistics, document, verdict);
    removed.push(...ledgerEntries(stage, document, verdict));
    if ("keep" in verdict) kept.push(verdict.keep);
  }
  return to.write(shard, kept, { removed, statistics, problems: [] });
}
