import { existsSync, statSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { NuwaError } from "../../text/index.ts";
import { makeFolder } from "../../io/folders.ts";
import { readJson } from "../../io/json.ts";

/** The places inside `runs/<name>/`. Nothing else in the project spells these names. */
export class RunDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get recipe(): string {
    return path.join(this.root, "recipe.yaml");
  }
  get manifest(): string {
    return path.join(this.root, "manifest.json");
  }
  get lock(): string {
    return path.join(this.root, ".lock");
  }
  /** Shards, ledger and statistics of one data stage. */
  data(stage: string): string {
    return path.join(this.root, "data", stage);
  }
  get tokenizer(): string {
    return path.join(this.root, "tokenizer");
  }
  get tokens(): string {
    return path.join(this.root, "tokens");
  }
  /** Where a training stage has its `checkpoints/`, `metrics.jsonl` and `tensorboard/`: pretraining at the top. */
  training(stage: string): string {
    return stage === "pretrain" ? this.root : path.join(this.root, stage);
  }
  /** Checkpoints of a training stage. */
  checkpoints(stage: string): string {
    return path.join(this.training(stage), "checkpoints");
  }
  metrics(stage: string): string {
    return path.join(this.training(stage), "metrics.jsonl");
  }
  /** All that a training stage writes. */
  trainingOutputs(stage: string): string[] {
    const folder = this.training(stage);
    if (folder !== this.root) return [folder];
    return [this.checkpoints(stage), this.metrics(stage), path.join(folder, "tensorboard")];
  }
  get dialogues(): string {
    return path.join(this.root, "dialogues");
  }
  get eval(): string {
    return path.join(this.root, "eval");
  }
  get samples(): string {
    return path.join(this.root, "samples.json");
  }
  /** Of a sweep: how its variants went. */
  get sweep(): string {
    return path.join(this.root, "sweep.json");
  }
  /** Of a sweep: a variant's own run directory. */
  variant(id: string): RunDirectory {
    return new RunDirectory(path.join(this.root, "variants", id));
  }
  get report(): string {
    return path.join(this.root, "report.html");
  }

  /** A path as the user would type it: relative to the current folder when it lies below it. */
  show(file: string, cwd: string = process.cwd()): string {
    const relative = path.relative(cwd, file);
    return relative.startsWith("..") || path.isAbsolute(relative) ? file : relative === "" ? "." : relative;
  }

  /** @throws NuwaError FILE when it cannot be made */
  create(): void {
    makeFolder(this.root);
  }

  /**
   * An existing run directory.
   * @throws NuwaError FILE when the path is not one
   */
  static existing(root: string): RunDirectory {
    const directory = new RunDirectory(path.resolve(root));
    if (!existsSync(directory.root)) {
      throw new NuwaError("FILE", "no such run directory", {
        where: root,
        hint: "`nuwa run RECIPE` makes one under runs/",
      });
    }
    if (!statSync(directory.root).isDirectory() || !existsSync(directory.manifest)) {
      throw new NuwaError("FILE", "expected a run directory, with manifest.json in it", {
        where: root,
        hint: "`nuwa run RECIPE` makes one under runs/",
      });
    }
    return directory;
  }
}

const stagesSchema = z.looseObject({ stages: z.record(z.string(), z.unknown()) });

/** Stages that may have checkpoints, the last one first. */
function trainingStages(run: RunDirectory): string[] {
  const { data } = stagesSchema.safeParse(readJson(run.manifest));
  const recorded = data === undefined ? ["sft"] : Object.keys(data.stages);
  return [...recorded.filter((stage) => stage !== "pretrain").toReversed(), "pretrain"];
}

const configSchema = z.looseObject({ architectures: z.array(z.string()).optional() });

/** Whether a model gives numbers and no text, such as a reward. */
function isScalar(folder: string): boolean {
  const { data } = configSchema.safeParse(readJson(path.join(folder, "config.json")));
  return data?.architectures?.some((name) => name.endsWith("ForSequenceClassification")) === true;
}

/**
 * The Hugging Face model directory meant by a path: the directory itself when it has a `config.json`; of a run, the
 * language model of its last training stage; of either, the best checkpoint, else the latest.
 *
 * @throws NuwaError FILE when there is no model
 * @example findModel("runs/sample") // "runs/sample/sft/checkpoints/best"
 */
export function findModel(location: string): string {
  if (!existsSync(location)) {
    throw new NuwaError("FILE", "no such model or run directory", {
      where: location,
      hint: "expected runs/NAME, a checkpoint in it, or a folder with config.json and model.safetensors",
    });
  }
  const run = new RunDirectory(path.resolve(location));
  const candidates = [
    run.root,
    ...[...trainingStages(run).map((stage) => run.checkpoints(stage)), run.root].flatMap((folder) => [
      path.join(folder, "best"),
      path.join(folder, "latest"),
    ]),
  ];
  for (const candidate of candidates) {
    if (existsSync(path.join(candidate, "config.json")) && !isScalar(candidate)) return candidate;
  }
  if (existsSync(run.sweep)) {
    throw new NuwaError("FILE", "expected a model, got a sweep", {
      where: location,
      hint: `choose one of its variants: ${path.join(location, "variants", "…")}`,
    });
  }
  if (existsSync(run.manifest)) {
    throw new NuwaError("FILE", "this run has no checkpoint yet", {
      where: location,
      hint: "let `nuwa run` reach its first checkpoint, or wait for it",
    });
  }
  throw new NuwaError("FILE", "expected a model: a folder with config.json, or a run directory", { where: location });
}
