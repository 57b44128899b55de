import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { NuwaError } from "../../text/index.ts";
import type { PreparedTask } from "../kinds/kind.ts";
import type { Document } from "../prompt/document.ts";
import type { PromptTemplate } from "../prompt/template.ts";
import { helpers } from "./helpers.ts";
import { readDocuments, readText } from "./read.ts";
import type { CommonSettings } from "./schema.ts";

/** A task's records, read and prepared. */
export interface TaskData {
  readonly documents: readonly Document[];
  /** Where examples are drawn from. */
  readonly fewShotPool: readonly Document[];
  /** Examples that the file has as finished texts; they are taken in order. */
  readonly readyExamples: readonly string[];
  /** Every file that was read. */
  readonly files: readonly string[];
}

/** One benchmark, ready to be read and run. */
export interface Task {
  readonly name: string;
  /** The name of its kind. */
  readonly kind: string;
  readonly settings: CommonSettings;
  readonly prepared: PreparedTask;
  readonly description: PromptTemplate;
  /**
   * Reads the files; those of the examples only when some are wanted.
   * @throws NuwaError FILE naming every place that was looked at, DATA for a damaged record
   */
  readonly load: (options?: { readonly fewShot?: number | undefined }) => Promise<TaskData>;
}

/** Where a task's files lie. */
export interface TaskFolders {
  /** Folders that relative paths are looked up in, in order. */
  readonly folders: readonly string[];
}

/** One of a task's subjects; a task without subjects has one with empty names. */
export interface Subject {
  readonly name: string;
  readonly label: string;
}

const pathsOf = (value: string | readonly string[]): readonly string[] => (typeof value === "string" ? [value] : value);

const fill = (path: string, subject: Subject) =>
  path.replaceAll("{subject}", subject.name).replaceAll("{label}", subject.label);

/** The subjects of a task: those that it lists, or that its files are found for. */
export function findSubjects(settings: CommonSettings, { folders }: TaskFolders): readonly Subject[] {
  const candidates = pathsOf(settings.files[settings.test_split] ?? []);
  const { subjects } = settings;
  const labelOf = (name: string) => subjects?.[name] ?? name.replaceAll("_", " ");
  for (const folder of folders) {
    for (const candidate of candidates) {
      const directory = resolve(folder, dirname(candidate));
      if (candidate.includes("{label}")) {
        const found = Object.entries(subjects ?? {}).map(([name, label]) => ({ name, label }));
        const there = found.filter((subject) => existsSync(resolve(folder, fill(candidate, subject))));
        if (there.length > 0) return there;
      } else if (existsSync(directory)) {
        const [before = "", after = ""] = basename(candidate).split("{subject}");
        const names = readdirSync(directory)
          .filter(
            (file) => file.startsWith(before) && file.endsWith(after) && file.length > before.length + after.length,
          )
          .map((file) => file.slice(before.length, file.length - after.length));
        if (names.length > 0) return names.toSorted().map((name) => ({ name, label: labelOf(name) }));
      }
    }
  }
  throw missing(
    settings.task,
    candidates.map((candidate) => candidate.replace(/\{(subject|label)\}/g, "*")),
    folders,
  );
}

function missing(task: string, candidates: readonly string[], folders: readonly string[]): NuwaError {
  const [folder] = folders;
  const [first = ""] = candidates;
  return new NuwaError("FILE", `no data for task "${task}": looked for ${candidates.join(", ")}`, {
    ...(folder === undefined ? {} : { where: folder }),
    hint:
      folder === undefined
        ? "name the folder that holds the benchmark files with --data DIR"
        : `put the file at ${join(folder, first)}, or point --data at the folder that holds the benchmark files`,
  });
}

function find(candidates: readonly string[], folders: readonly string[]): string | undefined {
  return folders.flatMap((folder) => candidates.map((name) => resolve(folder, name))).find((path) => existsSync(path));
}

/** Reads a task's records. */
export async function loadTask(
  name: string,
  settings: CommonSettings,
  subject: Subject,
  { folders }: TaskFolders,
  fewShot: number,
): Promise<TaskData> {
  const files: string[] = [];
  const path = (key: string, from: Readonly<Record<string, string | readonly string[]>>, required: boolean) => {
    const candidates = pathsOf(from[key] ?? []).map((candidate) => fill(candidate, subject));
    const found = find(candidates, folders);
    if (found === undefined && required) throw missing(name, candidates, folders);
    if (found !== undefined) files.push(found);
    return found;
  };
  const extra: Record<string, string> = subject.name === "" ? {} : { subject: subject.name, label: subject.label };
  const read = async (split: string, required: boolean) => {
    const file = path(split, settings.files, required);
    if (file === undefined) return { documents: [], texts: [] };
    const { documents, texts } = await readDocuments(file, settings.columns);
    const helper = settings.process_docs === undefined ? undefined : helpers[settings.process_docs];
    const prepared = helper === undefined ? documents : helper(documents);
    return { documents: prepared.map((one) => ({ ...one, fields: { ...extra, ...one.fields } })), texts };
  };
  // Before the texts, so that the test split's file is the first to be named when it is missing.
  const { documents } = await read(settings.test_split, true);
  for (const key of Object.keys(settings.texts)) {
    extra[key] = (await readText(path(key, settings.texts, true) ?? "")).trimEnd();
  }
  const split = fewShotSplit(settings);
  const withTexts = documents.map((one) => ({ ...one, fields: { ...extra, ...one.fields } }));
  if (documents.length === 0) {
    throw new NuwaError("DATA", `no records for task "${name}"`, { where: files[0] ?? name });
  }
  if (fewShot === 0) return { documents: withTexts, fewShotPool: [], readyExamples: [], files };
  const pool =
    split === settings.test_split
      ? { documents: withTexts, texts: [] }
      : await read(split, settings.fewshot_config.required);
  return { documents: withTexts, fewShotPool: pool.documents, readyExamples: pool.texts.slice(0, fewShot), files };
}

/** The split of the examples: the one named, else train, dev or validation where there is one, else the items' own. */
function fewShotSplit({ fewshot_split: named, files, test_split: test }: CommonSettings): string {
  return named ?? ["train", "dev", "validation"].find((split) => split in files) ?? test;
}
