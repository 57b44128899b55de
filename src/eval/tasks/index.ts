import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import * as z from "zod";
import { didYouMean, NuwaError, Registry } from "../../text/index.ts";
import { check } from "../../text/settings/issues.ts";
import { throwAll, YamlSource } from "../../text/settings/yaml-source.ts";
import { taskKinds, type PreparedTask, type TaskKind } from "../kinds/index.ts";
import { PromptTemplate } from "../prompt/template.ts";
import {
  commonSchema,
  commonShape,
  groupSchema,
  harnessKeys,
  type CommonSettings,
  type GroupSettings,
} from "./schema.ts";
import { findSubjects, loadTask, type Subject, type Task, type TaskFolders } from "./task.ts";

export type { Task, TaskData } from "./task.ts";

/** A task or a group as its file says it, not yet checked. */
export interface TaskDefinition {
  readonly name: string;
  /** The keys of its YAML. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Its file, for the lines of mistakes; undefined for one that a program defines. */
  readonly source?: TaskSource;
}

/** A task's file, with the line of every key. */
export interface TaskSource {
  readonly file: string;
  /** `file:line` of a key, or of its value. */
  where(path: readonly (string | number)[], atKey?: boolean): string;
}

/** A task defined by a program: the keys of a task's YAML, for the `tasks` of a plugin. */
export function defineTask(settings: Readonly<Record<string, unknown>>): TaskDefinition {
  const [task, group] = [String(settings["task"] ?? ""), String([settings["group"]].flat()[0] ?? "")];
  // Two files may have the same pattern: their groups tell them apart.
  return { name: task === "" ? group : task.includes("{subject}") ? `${task} of ${group}` : task, settings };
}

/** Whether a plugin's value is a {@link TaskDefinition}. */
export function isTaskDefinition(value: unknown): value is TaskDefinition {
  return z.looseObject({ name: z.string(), settings: z.looseObject({}) }).safeParse(value).success;
}

/**
 * Reads a task's YAML. With `include` it begins with the keys of another file, or of a task that comes with Nuwa, and
 * its own go before them.
 *
 * @throws NuwaError FILE, VALUE with `file:line`
 */
export function readTaskFile(file: string): TaskDefinition {
  return readWithIncludes(file, new Set());
}

function readWithIncludes(file: string, including: ReadonlySet<string>): TaskDefinition {
  let yaml: string;
  try {
    yaml = readFileSync(file, "utf8");
  } catch (cause) {
    const message = existsSync(file) ? `cannot be read: ${(cause as Error).message}` : "no such task file";
    throw new NuwaError("FILE", message, { where: file, cause });
  }
  const source = new YamlSource(file, yaml.replace(/^\uFEFF/, ""));
  const { include, ...own } = source.value();
  if (include === undefined) return { ...defineTask(own), source };
  const where = source.where(["include"]);
  if (typeof include !== "string")
    throw new NuwaError("VALUE", 'expected a path or a task\'s name for "include"', { where });
  const beside = resolve(dirname(file), include);
  const found = existsSync(beside) ? beside : builtInFiles().find((path) => basename(path) === `${include}.yaml`);
  if (found === undefined) throw new NuwaError("FILE", `no such task file: ${include}`, { where });
  if (including.has(found)) throw new NuwaError("VALUE", "these task files include each other", { where });
  const base = readWithIncludes(found, new Set([...including, found]));
  return {
    ...defineTask({ ...base.settings, ...own }),
    source: {
      file,
      where: (path, atKey) =>
        path[0] === undefined || path[0] in own || base.source === undefined
          ? source.where(path, atKey)
          : base.source.where(path, atKey),
    },
  };
}

const benchmarks = join(import.meta.dirname, "../benchmarks");

/** The YAML files of the tasks that come with Nuwa, in order of their names. */
function builtInFiles(): string[] {
  return readdirSync(benchmarks, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => join(benchmarks, file))
    .toSorted((a, b) => (basename(a) < basename(b) ? -1 : 1));
}

let builtIn: Registry<TaskDefinition> | undefined;

/** The tasks that come with Nuwa, read once, when they are first asked for. */
export function builtInTasks(): Registry<TaskDefinition> {
  builtIn ??= new Registry<TaskDefinition>("task", builtInFiles().map(readTaskFile));
  return builtIn;
}

/** Where names are looked up, and where files lie. */
export interface TaskOptions {
  /** The folder with the benchmarks' files (`--data`). */
  readonly dataDir?: string | undefined;
  readonly tasks?: Registry<TaskDefinition> | undefined;
  readonly kinds?: Registry<TaskKind> | undefined;
}

/** A group that was asked for, with the names of its tasks. */
export interface TaskGroup extends Pick<GroupSettings, "aggregation" | "metric"> {
  readonly name: string;
  readonly tasks: readonly string[];
}

/** Tasks to run, each once, and the groups that were asked for by name. */
export interface TaskSelection {
  readonly tasks: readonly Task[];
  readonly groups: readonly TaskGroup[];
}

interface CheckedTask {
  readonly type: "task";
  /** With the kind's own keys. */
  readonly settings: CommonSettings & Readonly<Record<string, unknown>>;
  readonly kind: TaskKind;
  readonly definition: TaskDefinition;
}

/** A definition whose keys and values are as they must be. */
type Checked =
  | CheckedTask
  | { readonly type: "group"; readonly settings: GroupSettings; readonly definition: TaskDefinition };

function checkDefinition(definition: TaskDefinition, kinds: Registry<TaskKind>): Checked {
  const { settings } = definition;
  if ("group" in settings && !("task" in settings)) {
    return { type: "group", settings: checked(groupSchema, definition), definition };
  }
  const name = settings["kind"];
  const kind = typeof name === "string" ? kinds.get(name, locate(definition, ["kind"])) : undefined;
  // Without a kind its keys are unknown, and only the missing one is named.
  const value = checked(
    kind === undefined ? z.looseObject(commonShape) : z.strictObject({ ...commonShape, ...kind.shape }),
    definition,
  );
  if (kind === undefined) throw new NuwaError("VALUE", '"kind" is missing', { where: locate(definition, []) });
  const common = commonSchema.parse(value);
  if (hasSubjects(common) && common.group === undefined) {
    throw new NuwaError("VALUE", 'a task with {subject} in its name needs a "group"', {
      where: locate(definition, ["task"]),
    });
  }
  return { type: "task", settings: { ...value, ...common }, kind, definition };
}

function checked<T>(schema: z.ZodType<T>, definition: TaskDefinition): T {
  const result = check(schema, definition.settings);
  if (result.ok) return result.value;
  throwAll(
    result.mistakes.map(({ path, message, hint, atKey }) => {
      const harness = harnessKeys[String(path[0])];
      const better = message.startsWith("unknown key") && harness !== undefined ? `here it is ${harness}` : hint;
      return { where: locate(definition, path, atKey), message, hint: better };
    }),
    definition.source?.file ?? `task "${definition.name}"`,
  );
  throw new NuwaError("VALUE", "the task does not fit its schema", { where: locate(definition, []) });
}

function locate({ source, name }: TaskDefinition, path: readonly (string | number)[], atKey = false): string {
  return source?.where(path, atKey) ?? `task "${name}"${path.length === 0 ? "" : `, ${path.join(".")}`}`;
}

const isFile = (name: string) => /\.ya?ml$/i.test(name);

/** Opens names and files as tasks. */
class TaskFinder {
  readonly #kinds: Registry<TaskKind>;
  readonly #definitions: Registry<TaskDefinition>;
  readonly #dataDir: string | undefined;
  readonly #checked = new Map<TaskDefinition, Checked>();
  readonly tasks = new Map<string, Task>();
  readonly groups = new Map<string, TaskGroup>();

  constructor({ dataDir, tasks = builtInTasks(), kinds = taskKinds }: TaskOptions) {
    this.#kinds = kinds;
    this.#definitions = tasks;
    this.#dataDir = dataDir;
  }

  /** Adds what a name stands for; gives the names of its tasks. */
  add(name: string): readonly string[] {
    if (isFile(name)) return this.#addDefinition(readTaskFile(resolve(name)));
    const definition = this.#definitions.find(name);
    if (definition !== undefined) return this.#addDefinition(definition);
    if (this.#membersOf(name).length > 0) return this.#addGroup(groupSchema.parse({ group: name }));
    return this.#addSubject(name);
  }

  /** Definitions of tasks that say that they are part of a group. */
  #membersOf(group: string): TaskDefinition[] {
    return [...this.#definitions].filter(
      ({ settings }) => [settings["group"]].flat().includes(group) && "task" in settings,
    );
  }

  #check(definition: TaskDefinition): Checked {
    const known = this.#checked.get(definition) ?? checkDefinition(definition, this.#kinds);
    this.#checked.set(definition, known);
    return known;
  }

  #addDefinition(definition: TaskDefinition): readonly string[] {
    const one = this.#check(definition);
    if (one.type === "group") return this.#addGroup(one.settings);
    const { settings } = one;
    if (!hasSubjects(settings)) return [this.#addTask(one, noSubject)];
    const tasks = findSubjects(settings, this.#folders(one)).map((subject) => this.#addTask(one, subject));
    // A file of the user's is asked for by itself, so that its group is asked for, too.
    if (!this.#isKnown(definition)) this.#setGroup(groupSchema.parse({ group: [settings.group].flat()[0] }), tasks);
    return tasks;
  }

  #isKnown(definition: TaskDefinition): boolean {
    return this.#definitions.find(definition.name) === definition;
  }

  /** The tasks that a group lists, and those that say that they are part of it. */
  #addGroup(settings: GroupSettings): readonly string[] {
    const members = this.#membersOf(settings.group).flatMap((member) => this.#addDefinition(member));
    const tasks = [...new Set([...settings.tasks.flatMap((task) => this.add(task)), ...members])];
    this.#setGroup(settings, tasks);
    return tasks;
  }

  #setGroup({ group, aggregation, metric }: GroupSettings, tasks: readonly string[]): void {
    if (aggregation !== "none") this.groups.set(group, { name: group, aggregation, metric, tasks });
  }

  /** `mmlu_anatomy`: one subject of a task that has subjects. */
  #addSubject(name: string): readonly string[] {
    const near: string[] = [];
    for (const definition of this.#definitions) {
      const { task } = definition.settings;
      if (typeof task !== "string" || !task.includes("{subject}")) continue;
      const [before = "", after = ""] = task.split("{subject}");
      if (!name.startsWith(before) || !name.endsWith(after)) continue;
      const one = this.#check(definition);
      if (one.type !== "task") continue;
      const own = name.slice(before.length, name.length - after.length);
      const label = one.settings.subjects?.[own];
      if (label !== undefined) return [this.#addTask(one, { name: own, label })];
      const listed = Object.keys(one.settings.subjects ?? {});
      const isListed = [one.settings.files[one.settings.test_split] ?? []]
        .flat()
        .some((file) => file.includes("{label}"));
      const subjects = isListed ? [] : findSubjects(one.settings, this.#folders(one));
      const subject = subjects.find((known) => known.name === own);
      if (subject !== undefined) return [this.#addTask(one, subject)];
      near.push(...[...listed, ...subjects.map((known) => known.name)].map((known) => before + known + after));
    }
    throw new NuwaError("USAGE", `no task "${name}"`, {
      hint: didYouMean(name, near.length > 0 ? near : taskNames(this.#definitions)),
    });
  }

  #folders({ definition }: Checked): TaskFolders {
    const own = definition.source === undefined ? undefined : dirname(definition.source.file);
    const folders = own === undefined || dirname(own) === benchmarks ? [] : [own];
    return { folders: this.#dataDir === undefined ? folders : [...folders, this.#dataDir] };
  }

  #addTask(one: CheckedTask, subject: Subject): string {
    const { settings, kind, definition } = one;
    const name = settings.task.replace("{subject}", subject.name);
    const folders = this.#folders(one);
    this.tasks.set(name, {
      name,
      kind: kind.name,
      settings,
      prepared: prepare(one),
      description: templateOf(definition, settings.description, "description"),
      load: ({ fewShot = settings.num_fewshot } = {}) => loadTask(name, settings, subject, folders, fewShot),
    });
    return name;
  }
}

const noSubject: Subject = { name: "", label: "" };

const hasSubjects = ({ task }: CommonSettings) => task.includes("{subject}");

const templateOf = (definition: TaskDefinition, source: string, key: string) =>
  new PromptTemplate(source, locate(definition, [key]));

/** The kind's side of a task, compiled. */
function prepare({ settings, kind, definition }: CheckedTask): PreparedTask {
  return kind.prepare(settings, (source, key) => templateOf(definition, source, key));
}

/** Every name that `--tasks` takes. */
export function taskNames(tasks: Registry<TaskDefinition> = builtInTasks()): string[] {
  const names = [...tasks].flatMap(({ settings }) => [settings["task"], settings["group"]].flat());
  return [...new Set(names.filter((name) => typeof name === "string"))].filter((name) => !name.includes("{"));
}

/**
 * The tasks behind names such as `arc_challenge`, `mmlu`, `mmlu_anatomy`, `leaderboard`, and behind YAML files.
 * @throws NuwaError USAGE for a name that is none, with the nearest one; VALUE with `file:line` for a mistake in a file
 */
export function findTasks(names: readonly string[], options: TaskOptions = {}): TaskSelection {
  const finder = new TaskFinder(options);
  for (const name of names) finder.add(name);
  return { tasks: [...finder.tasks.values()], groups: [...finder.groups.values()] };
}

/** One line of `nuwa eval --list`. */
export interface TaskListing {
  readonly task: string;
  readonly kind: string;
  readonly fewShot: number;
  readonly metric: string;
  readonly groups: readonly string[];
  /** For each split the places where its file is looked for. */
  readonly files: Readonly<Record<string, readonly string[]>>;
}

/** All tasks, without reading their files. */
export function listTasks({
  tasks = builtInTasks(),
  kinds = taskKinds,
}: Omit<TaskOptions, "dataDir"> = {}): TaskListing[] {
  return [...tasks].map((definition): TaskListing => {
    const one = checkDefinition(definition, kinds);
    if (one.type === "group") {
      const { group, tasks: members, metric = "" } = one.settings;
      const named = [...tasks].flatMap(({ settings }) =>
        [settings["group"]].flat().includes(group) && "task" in settings ? [String(settings["task"])] : [],
      );
      const all = [...new Set([...members, ...named])];
      const names = all.join(", ").replaceAll("{subject}", "SUBJECT");
      return { task: group, kind: `group of ${names}`, fewShot: 0, metric, groups: [], files: {} };
    }
    const { settings, kind } = one;
    const { metric } = prepare(one);
    return {
      task: settings.task.replace("{subject}", "SUBJECT"),
      kind: kind.name,
      fewShot: settings.num_fewshot,
      metric,
      groups: [settings.group ?? []].flat(),
      files: Object.fromEntries(
        Object.entries({ ...settings.files, ...settings.texts }).map(([split, path]) => [split, [path].flat()]),
      ),
    };
  });
}
