import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RecordingModel } from "../../../test/helpers/recording-model.ts";
import { NuwaError } from "../../text/index.ts";
import { evaluate, type EvalOptions } from "../harness.ts";
import { builtInTasks, defineTask, findTasks, isTaskDefinition, listTasks } from "./index.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "nuwa-task-file-"));
});
afterAll(() => rmSync(dir, { recursive: true }));
const write = (name: string, text: string | Uint8Array): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

const records = [
  { country: "France", cities: ["Rome", "Paris"], answer: 1 },
  { country: "Italy", cities: ["Rome", "Paris"], answer: 0 },
  { country: "Peru", cities: ["Lima", "Quito"], answer: 0 },
];
const jsonLines = `${records.map((record) => JSON.stringify(record)).join("\n")}\n`;

const capitals = (more = "") => `task: capitals
kind: multiple_choice
files: { test: capitals.jsonl }
doc_to_text: "The capital of {{ country }} is"
doc_to_choice: "{{ cities }}"
doc_to_target: "{{ answer }}"
${more}`;

async function run(file: string, options: Partial<EvalOptions> = {}) {
  const model = new RecordingModel(
    ({ continuation }) => ({ logLikelihood: /Paris|Lima/.test(continuation) ? -1 : -2, isGreedy: false }),
    ({ context }) => (context.includes("France") ? " The city of Paris.\n\nmore" : " 1,200 or so"),
  );
  const [result] = await evaluate(model, { tasks: [file], ...options });
  return { model, result, contexts: model.continuations.map(({ context }) => context) };
}

describe("a task of the user's own", () => {
  test("choices, with examples from the items themselves", async () => {
    write("capitals.jsonl", jsonLines);
    const file = write(
      "capitals.yaml",
      capitals(
        'description: "Capitals.\\n\\n"\nnum_fewshot: 1\nfewshot_config: { exclude_item: true, sampler: first_n }\nfewshot_delimiter: "; "\ntarget_delimiter: " = "\nmetric_list: [acc]\n',
      ),
    );
    const { result, contexts, model } = await run(file);
    // Paris and Lima are taken: right, wrong, right. The example is the first item that is not the item itself.
    expect(result).toMatchObject({
      task: "capitals",
      metric: "acc",
      items: 3,
      fewShot: 1,
      files: [join(dir, "capitals.jsonl")],
    });
    expect(result?.scores["acc"]?.value).toBeCloseTo(2 / 3, 12);
    expect([contexts[0], contexts[2]]).toEqual([
      "Capitals.\n\nThe capital of Italy is = Rome; The capital of France is",
      "Capitals.\n\nThe capital of France is = Paris; The capital of Italy is",
    ]);
    expect(model.continuations[0]?.continuation).toBe(" = Rome");
    expect((await run(file, { fewShot: 0, limit: 1 })).contexts[0]).toBe("Capitals.\n\nThe capital of France is");
  });

  test.each([
    ["capitals.csv", "country,cities,answer\nFrance,Rome Paris,Paris\nItaly,Rome Paris,Rome\n"],
    ["capitals.tsv", "country\tcities\tanswer\nFrance\tRome Paris\tParis\nItaly\tRome Paris\tRome\n"],
    [
      "capitals.json",
      JSON.stringify({ version: 1, data: records.map((one) => ({ ...one, answer: one.cities[one.answer] })) }),
    ],
    ["capitals.json.gz", gzipSync(JSON.stringify(records))],
  ])("from %s", async (name, contents) => {
    write(name, contents);
    const choices = name.includes("json") ? "{{ cities }}" : "{{ cities.split(' ') }}";
    const file = write("format.yaml", capitals().replace("capitals.jsonl", name).replace("{{ cities }}", choices));
    const { result } = await run(file, { limit: 2 });
    expect(result?.scores["acc"]?.value).toBe(0.5);
  });

  test("from Parquet, whatever its compression", async () => {
    const fixtures = join(import.meta.dirname, "../../data/acquire/collect/fixtures");
    for (const compression of ["none", "zstd"]) {
      cpSync(join(fixtures, `records.${compression}.parquet`), join(dir, "records.parquet"));
      const file = write(
        "parquet.yaml",
        'task: parquet\nkind: perplexity\nfiles: { test: records.parquet }\ndoc_to_target: "{{ title }}"\nmetric_list: [bits_per_byte]\n',
      );
      const { model, result } = await run(file);
      expect(model.texts).toEqual([0, 1, 2, 3, 4].map((i) => `Title ${i}`));
      expect(result?.available).toBe(5);
    }
  });

  test("written answers, with filters, several accepted ones, and a metric with options", async () => {
    write("capitals.jsonl", jsonLines);
    const file = write(
      "written.yaml",
      `task: written
kind: generation
files: { test: capitals.jsonl }
doc_to_text: "Capital of {{ country }}?"
doc_to_target: ["{{ cities[answer] }}", "1200"]
generation_kwargs: { until: ["\\n\\n"], max_gen_toks: 9, do_sample: true, temperature: 0.5, seed: 4 }
filter_list:
  - name: last
    filter: [{ function: regex, regex_pattern: '([A-Z]\\w+|[0-9,]+)', group_select: -1 }]
  - name: whole
    filter: [{ function: remove_whitespace }]
metric_list: [{ metric: exact_match, regexes_to_ignore: [","] }, f1, numeric_match]
metric: "f1,whole"
`,
    );
    const { model, result } = await run(file);
    expect(model.generations[0]?.settings).toMatchObject({
      stop: ["\n\n"],
      max_tokens: 9,
      temperature: 0.5,
      seed: 4,
    });
    expect(result?.metric).toBe("f1,whole");
    // "Paris", "1,200", "1,200": all accepted; whole: "city of Paris more" against "Paris" (P 1/4, R 1).
    expect(result?.scores["exact_match,last"]?.value).toBe(1);
    expect(result?.scores["numeric_match,whole"]?.value).toBeCloseTo(2 / 3, 12);
    expect(result?.scores["f1,whole"]?.value).toBeCloseTo((0.4 + 0.5 + 0.5) / 3, 12);
  });

  test("subjects: one task for each file, one score for their group", async () => {
    write("sums_easy.jsonl", jsonLines);
    write("sums_hard.jsonl", jsonLines.split("\n").slice(0, 1).join("\n"));
    const file = write(
      "sums.yaml",
      capitals('group: sums\nsubjects: { hard: very hard }\ndescription: "{{ label }}: "\n')
        .replace("task: capitals", "task: sums_{subject}")
        .replace("capitals.jsonl", '"sums_{subject}.jsonl"'),
    );
    const model = new RecordingModel();
    const results = await evaluate(model, { tasks: [file] });
    expect(results.map(({ task, group, items }) => [task, group, items])).toEqual([
      ["sums", undefined, 4],
      ["sums_easy", "sums", 3],
      ["sums_hard", "sums", 1],
    ]);
    expect(model.continuations[0]?.context).toBe("easy: The capital of France is");
    expect(model.continuations.at(-1)?.context).toBe("very hard: The capital of France is");
  });
});

describe("include", () => {
  test("begins with another file's keys, or a built-in task's; mistakes name the file that they are in", async () => {
    write("capitals.jsonl", jsonLines);
    write("base.yaml", capitals("metric_list: [acc]\n"));
    const file = write("more.yaml", 'include: base.yaml\ntask: more\ndescription: "Well. "\n');
    const { result, contexts } = await run(file);
    expect(result).toMatchObject({ task: "more", items: 3 });
    expect(contexts[0]).toBe("Well. The capital of France is");

    write("piqa.jsonl", '{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}\n');
    const piqa = write(
      "own-piqa.yaml",
      "include: piqa\ntask: own_piqa\nfiles: { validation: piqa.jsonl }\nfewshot_split: validation\n",
    );
    expect((await run(piqa)).contexts).toContain("Question: g\nAnswer:");

    write("base.yaml", capitals("metric_list: [accuracy]\n"));
    expect(() => findTasks([file])).toThrow(expect.objectContaining({ where: `${join(dir, "base.yaml")}:7` }));
    write("base.yaml", "include: more.yaml\n");
    expect(() => findTasks([file])).toThrow(/include each other/);
    write("base.yaml", "include: nowhere\n");
    expect(() => findTasks([file])).toThrow(expect.objectContaining({ where: `${join(dir, "base.yaml")}:1` }));
  });
});

describe("mistakes in a task file are named with their line", () => {
  function failure(text: string): NuwaError {
    const file = write("wrong.yaml", text);
    try {
      findTasks([file]);
    } catch (error) {
      if (error instanceof NuwaError) return error;
      throw error;
    }
    throw new Error("expected a NuwaError, nothing was thrown");
  }
  const line = (text: string) => failure(text).toLine().replace(`${dir}/`, "");

  test.each([
    [
      "a misspelt key",
      capitals("doc_to_txt: x\n"),
      'wrong.yaml:7: unknown key "doc_to_txt" (did you mean "doc_to_text"?)',
    ],
    ["a key of another kind", capitals("filter_list: []\n"), /^wrong.yaml:7: unknown key "filter_list"/],
    [
      "a key of the harness's",
      capitals("output_type: multiple_choice\n"),
      /^wrong.yaml:7: unknown key "output_type" \(here it is "kind"/,
    ],
    [
      "an unknown kind",
      capitals().replace("multiple_choice", "multiple_chioce"),
      'wrong.yaml:2: unknown kind of task "multiple_chioce" (did you mean "multiple_choice"?)',
    ],
    ["no kind", "task: x\nfiles: { test: a }\n", /wrong.yaml.*"kind" is missing/],
    [
      "an unknown metric",
      capitals("metric_list: [acc, accnorm]\n"),
      /^wrong.yaml:7: expected .*acc_norm.* for "metric_list\[1\]", got "accnorm"/,
    ],
    [
      "a template that is none",
      capitals().replace("{{ country }}", "{{ country"),
      /^wrong.yaml:4: not a Jinja template/,
    ],
    ["text that is not YAML", "task: [x\n", /^wrong.yaml:\d+: not valid YAML/],
    [
      "a name with blanks",
      capitals().replace("task: capitals", "task: my capitals"),
      /^wrong.yaml:1: expected letters, digits/,
    ],
    [
      "subjects without a group",
      capitals().replace("task: capitals", "task: x_{subject}"),
      /^wrong.yaml:1: .*needs a "group"/,
    ],
  ])("%s", (_, text, expected) => {
    if (typeof expected === "string") expect(line(text)).toBe(expected);
    else expect(line(text)).toMatch(expected);
  });

  test("no such file; a file of records that is not there, with where to put it", async () => {
    expect(() => findTasks([join(dir, "none.yaml")])).toThrow(/no such task file/);
    const file = write("absent.yaml", capitals().replace("capitals.jsonl", "absent.jsonl"));
    await expect(run(file)).rejects.toMatchObject({
      code: "FILE",
      message: expect.stringContaining("looked for absent.jsonl"),
      hint: expect.stringContaining(`put the file at ${join(dir, "absent.jsonl")}`),
    });
  });

  test.each([
    ['{"country": "x", "cities": ["a", "b"]}\n', /no field "answer"/],
    ['{"country": "x", "cities": ["a", "b"], "answer": 7}\n', /expected a position from 0 to 1 .* got 7/],
    ['{"country": "x", "cities": "a", "answer": 0}\n', /expected a list of choices/],
    ["[1]\n", /expected a record/],
    ["{\n", /not JSON/],
  ])("a damaged record %j is named with its line", async (text, message) => {
    write("damaged.jsonl", jsonLines + text);
    const file = write("damaged.yaml", capitals().replace("capitals.jsonl", "damaged.jsonl"));
    await expect(run(file)).rejects.toMatchObject({
      code: "DATA",
      message: expect.stringMatching(message),
      where: `${join(dir, "damaged.jsonl")}:4`,
    });
  });
});

test("every task that comes with Nuwa is whole, and listed", () => {
  const listed = listTasks();
  expect(listed.map(({ task }) => task)).toEqual(
    expect.arrayContaining(["piqa", "mmlu_SUBJECT", "leaderboard", "wikitext"]),
  );
  expect(listed.find(({ task }) => task === "gsm8k")).toMatchObject({
    kind: "generation",
    fewShot: 5,
    metric: "exact_match,strict-match",
    files: { test: expect.arrayContaining(["gsm8k/test.jsonl"]) },
  });
  // A task's file is named as the task: what a user copies is found by its name.
  for (const { source, settings } of builtInTasks()) {
    if (typeof settings["task"] === "string" && !settings["task"].includes("{")) {
      expect(source?.file.endsWith(`/${settings["task"]}.yaml`), settings["task"]).toBe(true);
    }
  }
});

test("short names stand for the harness's", async () => {
  mkdirSync(join(dir, "siqa"));
  write(
    "siqa/validation.jsonl",
    '{"context": "c", "question": "q", "answerA": "a", "answerB": "b", "answerC": "c", "label": "1"}\n',
  );
  const results = await evaluate(new RecordingModel(), { tasks: ["siqa"], dataDir: dir });
  expect(results.map(({ task, group, items }) => [task, group, items])).toEqual([["social_iqa", undefined, 1]]);
});

test("what a plugin may add", () => {
  expect(isTaskDefinition(defineTask({ task: "x", kind: "perplexity" }))).toBe(true);
  expect(isTaskDefinition({ task: "x" })).toBe(false);
});
