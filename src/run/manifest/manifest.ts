import { existsSync, readFileSync } from "node:fs";
import * as z from "zod";
import { NuwaError } from "../../text/index.ts";
import { writeWhole } from "../../io/whole-file.ts";

const stageRecord = z.object({
  /** `running` from the first byte written until the last: what lies there belongs to `key`. */
  status: z.enum(["running", "done"]),
  /** Hash of everything that decides the stage's output: code version, settings, inputs. */
  key: z.string(),
  /** The parts of the key, so that a difference can be named. */
  settings: z.unknown(),
  inputs: z.record(z.string(), z.string()),
  /** Hash of what the stage wrote; a stage that reads it depends on this and not on how it came about. */
  output: z.string().optional(),
  started: z.string(),
  finished: z.string().optional(),
  /** Working time of all the runs that it took. */
  seconds: z.number(),
  /** Figures worth showing: documents, tokens, loss. */
  summary: z.record(z.string(), z.union([z.number(), z.string(), z.null()])).optional(),
});

const manifestSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  nuwa: z.string(),
  node: z.string(),
  created: z.string(),
  updated: z.string(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  stages: z.record(z.string(), stageRecord),
});

/** What the manifest says of one stage. */
export type StageRecord = z.infer<typeof stageRecord>;
/** What a run's `manifest.json` says. */
export type ManifestData = z.infer<typeof manifestSchema>;

/**
 * `manifest.json`: which stages of a run are done, from what, and how long they took. Every change is on the disk
 * before the method returns.
 */
export class Manifest {
  readonly #file: string;
  readonly #data: ManifestData;

  private constructor(file: string, data: ManifestData) {
    this.#file = file;
    this.#data = data;
  }

  /** @throws NuwaError FILE when there is a manifest that is damaged */
  static open(file: string, make: () => Omit<ManifestData, "format" | "stages" | "created" | "updated">): Manifest {
    const existing = readManifest(file);
    if (existing !== undefined) return new Manifest(file, { ...existing, ...make() });
    const now = new Date().toISOString();
    return new Manifest(file, { format: 1, ...make(), created: now, updated: now, stages: {} });
  }

  get data(): Readonly<ManifestData> {
    return this.#data;
  }

  stage(name: string): StageRecord | undefined {
    return this.#data.stages[name];
  }

  set(name: string, record: StageRecord): void {
    this.#data.stages[name] = record;
    this.#save();
  }

  remove(name: string): void {
    delete this.#data.stages[name];
    this.#save();
  }

  #save(): void {
    this.#data.updated = new Date().toISOString();
    writeWhole(this.#file, `${JSON.stringify(this.#data, null, 2)}\n`);
  }
}

/** The manifest of a run directory, or undefined when it has none. @throws NuwaError FILE when it is damaged */
export function readManifest(file: string): ManifestData | undefined {
  if (!existsSync(file)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new NuwaError("FILE", "the run's manifest is not JSON", {
      where: file,
      hint: "move the run directory away, or delete it, to start anew",
      cause,
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    throw new NuwaError("FILE", "the run's manifest is damaged or of another version", {
      where: file,
      hint: "move the run directory away, or delete it, to start anew",
    });
  }
  return parsed.data;
}
