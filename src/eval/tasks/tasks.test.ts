import { existsSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RecordingModel } from "../../../test/helpers/recording-model.ts";
import { evaluate, type EvalOptions } from "../harness.ts";
import { cleanHellaswag, detokenizeWikitext, splitWikitext } from "./helpers.ts";
import { findTasks } from "./index.ts";

const shared = process.env["NUWA_SHARED"] ?? join(import.meta.dirname, "../../../../shared/data");
// Counted as skipped where the benchmarks' files, which belong to others, are not beside the repository.
const sharedTest = test.skipIf(!existsSync(join(shared, "arc")));

/** The contexts that a task asks about, one for each item, and the choices after it. */
async function prompts(task: string, dataDir: string, options: Partial<EvalOptions> = {}) {
  const model = new RecordingModel();
  const examples: Record<string, unknown>[] = [];
  await evaluate(model, { tasks: [task], dataDir, ...options, onExample: (example) => examples.push({ ...example }) });
  return { contexts: [...new Set(model.continuations.map(({ context }) => context))], examples };
}

describe("own small files", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "nuwa-eval-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const write = (name: string, text: string) => {
    mkdirSync(join(dir, name, ".."), { recursive: true });
    writeFileSync(join(dir, name), text);
  };

  test("an MMLU prompt: description, first five of dev, question", async () => {
    write("mmlu/dev/world_history_dev.csv", "question,choice0,choice1,choice2,choice3,answer\nWho?,a,b,c,d,2\n");
    write("mmlu/test/world_history_test.csv", '"Where, then?","x, y",b,c,d,B\n');
    const { contexts, examples } = await prompts("mmlu", dir);
    expect(examples[0]?.["gold"]).toBe(1);
    expect(contexts[0]).toBe(
      "The following are multiple choice questions (with answers) about world history.\n\n" +
        "Who?\nA. a\nB. b\nC. c\nD. d\nAnswer: C\n\n" +
        "Where, then?\nA. x, y\nB. b\nC. c\nD. d\nAnswer:",
    );
  });

  test("a CMMLU prompt", async () => {
    write("cmmlu/dev/agronomy.csv", "Question,A,B,C,D,Answer\n0,问？,甲,乙,丙,丁,D\n");
    write("cmmlu/test/agronomy.csv", "Question,A,B,C,D,Answer\n0,何？,一,二,三,四,A\n");
    const { contexts } = await prompts("cmmlu_agronomy", dir);
    expect(contexts[0]).toBe(
      "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n\n" +
        "问？\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案： D\n\n何？\nA. 一\nB. 二\nC. 三\nD. 四\n答案：",
    );
  });

  test("ARC in AI2's own form; examples are drawn from train as the harness draws them", async () => {
    const row = (id: number) =>
      JSON.stringify({
        id: `q${id}`,
        question: `Q${id}`,
        choices: { text: ["no", "yes"], label: ["A", "B"] },
        answerKey: "B",
      });
    write("arc/ARC-Challenge.test.jsonl", `${row(100)}\n${row(101)}\n`);
    write("arc/ARC-Challenge.train.jsonl", Array.from({ length: 100 }, (_, i) => row(i)).join("\n"));
    const { contexts } = await prompts("arc_challenge", dir, { fewShot: 2 });
    const [first, second] = contexts;
    // CPython: r = Random(1234); r.sample(range(100), 2) = [99, 56], then [14, 0]
    expect(first).toBe("Question: Q99\nAnswer: yes\n\nQuestion: Q56\nAnswer: yes\n\nQuestion: Q100\nAnswer:");
    expect(second).toBe("Question: Q14\nAnswer: yes\n\nQuestion: Q0\nAnswer: yes\n\nQuestion: Q101\nAnswer:");
  });

  test("HellaSwag in its authors' form", async () => {
    const record = {
      ind: 4,
      activity_label: "Home",
      ctx_a: "[header] How to mop [title] Sweep.",
      ctx_b: "the Floor",
      endings: [" is [x]  wet.", "b"],
      label: "1",
    };
    write("hellaswag_val.jsonl", JSON.stringify(record));
    const { examples } = await prompts("hellaswag", dir);
    expect(examples[0]).toMatchObject({
      query: "Home: How to mop. Sweep. The floor",
      choices: ["is  wet.", "b"],
      gold: 1,
    });
    expect(cleanHellaswag("a  b    c")).toBe("a b  c");
  });

  // AGIEval's own records, with the words of its `convert_zero_shot` (src/dataset_loader.py of its repository).
  test("AGIEval in its authors' form, English and Chinese, choices and results to be written", async () => {
    const record = (more: object) =>
      `${JSON.stringify({ passage: null, question: "Why?", options: null, label: null, answer: null, ...more })}\n`;
    const options = ["(A)one", "(B)two", "(C)three"];
    write(
      "agieval/sat-math.jsonl",
      record({ passage: "Read. ", options, label: "C" }) + record({ question: "How?", options, label: "A" }),
    );
    write(
      "agieval/gaokao-physics.jsonl",
      record({ question: "何？", options: [...options, "(D)四"], label: ["A", "D"] }),
    );
    const english = await prompts("agieval_sat_math", dir);
    expect(english.contexts).toEqual([
      "Read. Q: Why? Answer Choices: (A)one (B)two (C)three\nA: Among A through C, the answer is",
      "Q: How? Answer Choices: (A)one (B)two (C)three\nA: Among A through C, the answer is",
    ]);
    expect(english.examples.map((example) => example["gold"])).toEqual([2, 0]);
    const chinese = await prompts("agieval_gaokao_physics", dir);
    expect(chinese.contexts).toEqual(["问题：何？ 选项：(A)one (B)two (C)three (D)四\n答案：从A到D, 我们应选择"]);
    expect(chinese.examples[0]?.["gold"]).toEqual([0, 3]);

    write("agieval/math.jsonl", record({ answer: "$2$" }));
    write("agieval/gaokao-mathcloze.jsonl", record({ answer: "$3$" }));
    const model = new RecordingModel(undefined, () => " $2$");
    const results = await evaluate(model, { tasks: ["agieval"], dataDir: dir });
    expect(model.generations.map(({ context }) => context)).toEqual([
      "Q: Why?\nA: The answer is",
      "问题：Why?\n答案：",
    ]);
    // All choices are as likely, and the first is taken. Groups are weighted by items: (0.5 · 2 + 1 · 1) / 3.
    expect(results.map(({ task, group, scores, items }) => [task, group, scores["acc"]?.value, items])).toEqual([
      ["agieval_en", undefined, 2 / 3, 3],
      ["agieval_sat_math", "agieval_en", 0.5, 2],
      ["agieval_math", "agieval_en", 1, 1],
      ["agieval_cn", undefined, 0.5, 2],
      ["agieval_gaokao_physics", "agieval_cn", 1, 1],
      ["agieval_gaokao_mathcloze", "agieval_cn", 0, 1],
      ["agieval", undefined, 3 / 5, 5],
    ]);
  });

  test("missing and damaged files, unknown names", async () => {
    expect(() => findTasks(["hellaswog"], { dataDir: dir })).toThrow(
      expect.objectContaining({ message: 'no task "hellaswog"', hint: 'did you mean "hellaswag"?' }),
    );
    expect(() => findTasks(["mmlu"], { dataDir: dir })).toThrow(
      /no data for task "mmlu_{subject}": looked for mmlu\/test\/\*_test.csv/,
    );
    const load = () => prompts("hellaswag", dir);
    await expect(load()).rejects.toMatchObject({
      message: expect.stringMatching(/no data for task "hellaswag": looked for hellaswag\/hellaswag_val.jsonl/),
      hint: expect.stringContaining(`put the file at ${join(dir, "hellaswag/hellaswag_val.jsonl")}`),
    });
    write("hellaswag_val.jsonl", '{"query": "a", "choices": ["b", "c"], "gold": 0}\n{"query": 1}\n');
    await expect(load()).rejects.toMatchObject({
      code: "DATA",
      where: expect.stringMatching(/hellaswag_val.jsonl:2$/),
    });
  });
});

describe("WikiText", () => {
  test("pages start at first-level headings only", () => {
    const raw = " \n = One = \n \n text \n = = Part = = \n more \n \n = Two = \n end \n";
    expect(splitWikitext(raw)).toEqual([" = One = \n \n text \n = = Part = = \n more \n ", " = Two = \n end \n"]);
  });

  test("detokenization", () => {
    expect(detokenizeWikitext(' = = Part = = \n It \'s 1 @,@ 000 @.@ 5 ( or so ) , " he said " . \n')).toBe(
      ' == Part ==\nIt\'s 1,000.5 (or so), "he said".\n',
    );
  });

  sharedTest("the test file has the harness's pages, words and bytes (needs the shared data)", async () => {
    const [task] = findTasks(["wikitext"], { dataDir: shared }).tasks;
    const originals = ((await task?.load())?.documents ?? []).map(({ fields }) => String(fields["page"]));
    const words = originals.reduce((sum, text) => sum + text.split(/\s+/).length, 0);
    const bytes = originals.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect([originals.length, words, bytes]).toEqual([62, 241335, 1290527]);
  });
});

sharedTest("the shared benchmark files load whole (needs the shared data)", async () => {
  const sizes: Record<string, number> = {};
  const tasks = ["leaderboard", "arc_easy", "truthfulqa_mc1", "gsm8k", "lambada_openai", "cmmlu"];
  for (const result of await evaluate(new RecordingModel(), { tasks, dataDir: shared, fewShot: 0 })) {
    if (result.group === undefined) sizes[result.task] = result.items;
  }
  expect(sizes).toEqual({
    arc_challenge: 1172,
    arc_easy: 2376,
    hellaswag: 10042,
    mmlu: 14042,
    truthfulqa_mc1: 817,
    truthfulqa_mc2: 817,
    gsm8k: 1319,
    lambada_openai: 5153,
    cmmlu: 11582,
  });
});
