import type { DedupSettings } from "../../data/dedup/documents/index.ts";
import type { LinesSettings } from "../../data/dedup/lines/settings.ts";
import type { SubstringSettings } from "../../data/dedup/substring/settings.ts";
import type { Drop } from "../../data/stage.ts";
import type { JsonValue } from "../../text/index.ts";
import type { ShardInfo } from "./shards.ts";

/** Where a worker finds a stage: the module that exports its definition, and its name. */
export interface StageReference {
  readonly name: string;
  readonly module: string;
}

/** Map the documents of one shard, and write the same shard of the next stage. */
export interface MapTask {
  readonly kind: "map";
  readonly stage: StageReference;
  readonly settings: JsonValue;
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
