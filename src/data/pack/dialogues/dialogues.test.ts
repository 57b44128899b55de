import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../text/document.ts";
import { readRecord } from "./dialogue.ts";
import { gatherFacts, heldOutQuestions } from "./facts.ts";
import { makeDialogues } from "./make.ts";
import { readRecords } from "./records.ts";
import { dialogueSettings, factSetSettings } from "./settings.ts";

async function* located(records: readonly JsonValue[]) {
  for (const [i, record] of records.entries()) yield { record, where: `test.jsonl:${i + 1}` };
}

const countries: JsonValue[] = [
  { name: "France", capital: ["Paris"], region: "Europe", member: true },
  { name: "Japan", capital: ["Tokyo"], region: "Asia", member: true },
  { name: "Nowhere", capital: [], region: "Asia", member: true },
  { name: "Sealand", capital: ["Fort Roughs"], region: "Europe", member: false },
  { name: "Bolivia", capital: ["Sucre"], region: "Americas", member: true },
  { name: "Bolivia", capital: ["La Paz"], region: "Americas", member: true },
  { name: "Japan", capital: ["Tokyo"], region: "Asia", member: true },
];

const capitals = factSetSettings.parse({
  name: "capitals",
  files: "countries.json",
  where: { member: true },
  key: "{name}",
  answer: "{capital.0}",
  reply: "The capital of {name} is {answer}.",
  train: ["What is the capital of {name}?", "Name the capital of {key}."],
  held_out: ["Which city is the capital of {name}?"],
});

describe("facts", () => {
  test("come from the records that fit; ambiguous, missing and repeated ones are counted", async () => {
    const set = await gatherFacts(capitals, located(countries), 1);
    expect(new Map(set.facts.map(({ key, answer }) => [key, answer]))).toEqual(
      new Map([
        ["France", "Paris"],
        ["Japan", "Tokyo"],
      ]),
    );
    expect(set.leftOut).toEqual({ "no capital.0": 1, where: 1, ambiguous: 1, "said before": 1 });
  });

  test("do not depend on the order of the records", async () => {
    const one = await gatherFacts(capitals, located(countries), 1);
    const other = await gatherFacts(capitals, located(countries.toReversed()), 1);
    expect(other.facts).toEqual(one.facts);
  });

  test("values are replaced by a table, and other values leave the record out", async () => {
    const set = factSetSettings.parse({ ...capitals, values: { region: { Europe: "欧洲" } }, answer: "{region}" });
    const { facts, leftOut } = await gatherFacts(set, located(countries), 1);
    expect(facts.map(({ key, answer }) => [key, answer])).toEqual([["France", "欧洲"]]);
    expect(leftOut["value not in the table"]).toBe(5);
  });

  test("a held-out phrasing must not be trained on", async () => {
    const leaky = { ...capitals, held_out: [...capitals.train] };
    const set = await gatherFacts(leaky, located(countries), 1);
    expect(() => heldOutQuestions(set, undefined)).toThrow(/stands both in train and in held_out/);
  });

  test("a phrasing with an unknown field says which", async () => {
    const wrong = { ...capitals, held_out: ["Capital of {country}?"] };
    const set = await gatherFacts(wrong, located(countries), 1);
    expect(() => heldOutQuestions(set, undefined)).toThrow(/"country"/);
  });
});

describe("dialogue files", () => {
  test("in three forms give messages", () => {
    const expected = {
      messages: [
        { role: "user", content: "1+1?" },
        { role: "assistant", content: "2" },
      ],
    };
    expect(readRecord({ messages: expected.messages })).toEqual(expected);
    expect(
      readRecord({
        conversations: [
          { from: "human", value: "1+1?" },
          { from: "gpt", value: "2" },
        ],
      }),
    ).toEqual(expected);
    expect(readRecord({ instruction: "1+1?", input: "", output: "2" })).toEqual(expected);
  });

  test("that are wrong say what was expected", () => {
    expect(readRecord({ text: "hello" })).toEqual({ fault: expect.stringContaining("expected messages") });
    expect(readRecord({ messages: [{ role: "user", content: "hi" }] })).toEqual({
      fault: expect.stringContaining("turn"),
    });
    expect(readRecord({ conversations: [{ from: "toString", value: "x" }] })).toEqual({
      fault: expect.stringContaining("toString"),
    });
    expect(readRecord({ instruction: "x", output: " " })).toEqual({ fault: "turn 2 is empty" });
  });
});

const asked = { role: "user", content: "q" };
const answered = { role: "assistant", content: "a" };
const call = { id: "1", function: { name: "f", arguments: "{}" } };

test.each<[string, JsonValue, unknown]>([
  [
    "history of Alpaca",
    { instruction: "q", input: "", output: "a", history: [["old q", "old a"]] },
    { messages: [{ role: "user", content: "old q" }, { role: "assistant", content: "old a" }, asked, answered] },
  ],
  [
    "system of Alpaca",
    { instruction: "q", output: "a", system: "s" },
    { messages: [{ role: "system", content: "s" }, asked, answered] },
  ],
  [
    "system and tools of ShareGPT",
    {
      conversations: [
        { from: "human", value: "q" },
        { from: "function_call", value: '{"name": "f", "arguments": {"x": 1}}' },
        { from: "observation", value: "3" },
        { from: "gpt", value: "a" },
      ],
      system: "s",
      tools: '[{"name": "f"}]',
    },
    {
      messages: [
        { role: "system", content: "s" },
        asked,
        {
          role: "assistant",
          content: "",
          fields: { tool_calls: [{ type: "function", function: { name: "f", arguments: { x: 1 } } }] },
        },
        { role: "tool", content: "3" },
        answered,
      ],
      tools: [{ name: "f" }],
    },
  ],
  [
    "weights and flags of messages",
    {
      messages: [
        asked,
        { ...answered, weight: 0 },
        asked,
        { ...answered, loss: false },
        asked,
        { ...answered, weight: 0.5 },
      ],
    },
    {
      messages: [
        asked,
        { ...answered, weight: 0 },
        asked,
        { ...answered, weight: 0 },
        asked,
        { ...answered, weight: 0.5 },
      ],
    },
  ],
  ["the weight of the record", { messages: [asked, answered], weight: 2 }, { messages: [asked, answered], weight: 2 }],
  [
    "only the last turn",
    { messages: [asked, answered, asked, answered], last_turn_only: true },
    { messages: [asked, { ...answered, weight: 0 }, asked, answered] },
  ],
  [
    "calls of tools",
    {
      messages: [
        asked,
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", content: "3", tool_call_id: "1" },
        answered,
      ],
    },
    {
      messages: [
        asked,
        { role: "assistant", content: "", fields: { tool_calls: [call] } },
        { role: "tool", content: "3", fields: { tool_call_id: "1" } },
        answered,
      ],
    },
  ],
  [
    "content in parts",
    { messages: [{ role: "user", content: [{ type: "text", text: "q" }] }, answered] },
    { messages: [asked, answered] },
  ],
  ["prompt and completion", { prompt: "q", completion: "a" }, { messages: [asked, answered] }],
  ["prompt and response", { prompt: "q", response: "a" }, { messages: [asked, answered] }],
  ["question and answer", { question: "q", answer: "a", id: 7 }, { messages: [asked, answered] }],
  [
    "prompt and completion as messages: only the completion is learned",
    { prompt: [asked, answered, asked], completion: [answered] },
    { messages: [asked, { ...answered, weight: 0 }, asked, answered] },
  ],
  ["two users in a row", { messages: [asked, asked, answered] }, { messages: [asked, asked, answered] }],
  ["the assistant first", { messages: [answered, asked, answered] }, { messages: [answered, asked, answered] }],
])("records of other tools: %s", (_, record, expected) => {
  expect(readRecord(record)).toEqual(expected);
  // As written to the run's own files and read again.
  expect(readRecord(JSON.parse(JSON.stringify(expected)))).toEqual(expected);
});

test.each<[string, JsonValue, string]>([
  ["weight 0", { messages: [asked, answered], weight: 0 }, "weight is 0"],
  ["all answers out of the loss", { messages: [asked, { ...answered, loss: false }] }, "all have weight 0"],
  ["a negative weight", { messages: [asked, { ...answered, weight: -1 }] }, "messages[1].weight"],
  ["a user's message to be learned", { messages: [{ ...asked, loss: true }, answered] }, "only the assistant's"],
  ["an unknown role", { messages: [{ role: "asistant", content: "x" }] }, 'unknown role "asistant"'],
  ["a picture", { messages: [{ role: "user", content: [{ type: "image_url" }] }, answered] }, "got image_url"],
  ["no content", { messages: [asked, { role: "assistant", content: null }] }, "expected content"],
  ["two system messages", { messages: [{ role: "system", content: "s" }, asked, answered], system: "t" }, "system"],
  ["a preference", { prompt: "q", chosen: "a", rejected: "b" }, "a preference"],
  ["history in another form", { instruction: "q", output: "a", history: ["old"] }, "history"],
  ["tools that are no list", { messages: [asked, answered], tools: "{" }, "tools"],
  ["a call that is no call", { conversations: [{ from: "function_call", value: "f()" }] }, "function call"],
])("records that are refused, with the reason: %s", (_, record, reason) => {
  expect(readRecord(record)).toEqual({ fault: expect.stringContaining(reason) });
});

describe("makeDialogues", () => {
  const settings = dialogueSettings.parse({
    facts: [capitals],
    fixed: [{ user: ["Hello"], assistant: "Hello! Ask me about capitals." }],
    turns: 3,
    repeats: 4,
    seed: 5,
  });
  const make = (dialogues: JsonValue[] = []) => {
    const problems: string[] = [];
    return makeDialogues(settings, {
      recordsOf: () => located(countries),
      dialogues: located(dialogues),
      onProblem: ({ where }) => problems.push(where),
    }).then((made) => ({ ...made, problems }));
  };

  test("uses each fact in each phrasing as often as asked, and asks each in each held-out phrasing", async () => {
    const { train, questions } = await make();
    const asked = train.flatMap((dialogue) => dialogue.messages.filter((message) => message.role === "user"));
    const count = (text: string) => asked.filter((message) => message.content === text).length;
    expect(count("What is the capital of France?")).toBe(4);
    expect(count("Name the capital of Japan.")).toBe(4);
    expect(count("Hello")).toBe(4);
    expect(asked).toHaveLength(2 * 2 * 4 + 4);
    expect(Math.max(...train.map((dialogue) => dialogue.messages.length))).toBeLessThanOrEqual(6);
    expect(questions.map(({ messages, answer }) => [messages[0]?.content, answer]).toSorted()).toEqual([
      ["Which city is the capital of France?", "Paris"],
      ["Which city is the capital of Japan?", "Tokyo"],
    ]);
    const trained = new Set(asked.map((message) => message.content));
    expect(questions.some(({ messages }) => trained.has(messages[0]?.content ?? ""))).toBe(false);
  });

  test("gives the same dialogues again", async () => {
    expect((await make()).train).toEqual((await make()).train);
  });

  test("reads dialogue files, and reports what it cannot read", async () => {
    const { train, heldOut, problems } = await make([{ instruction: "a", output: "b" }, { nothing: 1 }]);
    expect([...train, ...heldOut].filter((dialogue) => dialogue.source === "test.jsonl:1")).toHaveLength(1);
    expect(problems).toEqual(["test.jsonl:2"]);
  });

  test("weights, tools and fields stay; earlier answers become context where asked; copies are on one side", async () => {
    const record = {
      messages: [asked, answered, asked, { ...answered, weight: 0.5 }],
      weight: 3,
      tools: [{ name: "f" }],
    };
    const copies = Array.from({ length: 40 }, (_, i) => ({ prompt: `q${i % 10}`, completion: "a" }));
    const only = dialogueSettings.parse({ held_out_share: 0.5, last_turn_only: true, seed: 5 });
    const { train, heldOut } = await makeDialogues(only, {
      recordsOf: () => located([]),
      dialogues: located([...copies, record]),
      onProblem: () => {},
    });
    const all = [...train, ...heldOut];
    expect(all.find(({ source }) => source === "test.jsonl:41")).toEqual({
      messages: [asked, { ...answered, weight: 0 }, asked, { ...answered, weight: 0.5 }],
      weight: 3,
      tools: [{ name: "f" }],
      source: "test.jsonl:41",
    });
    const said = (list: typeof train) => new Set(list.map(({ messages }) => messages[0]?.content));
    expect([...said(train)].filter((one) => said(heldOut).has(one))).toEqual([]);
    expect(said(heldOut).size).toBeGreaterThan(1);
  });

  test("no facts is an error that tells why", async () => {
    const none = dialogueSettings.parse({ facts: [{ ...capitals, where: { member: "yes" } }] });
    const sources = { recordsOf: () => located(countries), dialogues: located([]), onProblem: () => {} };
    await expect(makeDialogues(none, sources)).rejects.toThrow(/no facts in countries.json; 7 left out: where/);
  });
});

test("records come from json, jsonl, gz and WordNet files; damaged ones are named", async () => {
  const dir = mkdtempSync(join(tmpdir(), "nuwa-records-"));
  try {
    writeFileSync(join(dir, "a.json"), '[{"n":1},{"n":2}]');
    writeFileSync(join(dir, "b.json"), '{"data":[{"n":3}]}');
    writeFileSync(join(dir, "c.json"), '{"n":4}');
    writeFileSync(join(dir, "d.jsonl"), '{"n":5}\n{"n":\n\n{"n":6}\n');
    writeFileSync(join(dir, "e.jsonl.gz"), gzipSync('{"n":7}\n'));
    writeFileSync(join(dir, "f.json"), "{");
    writeFileSync(join(dir, "data.noun"), "00001740 03 n 01 entity 0 000 | that which is perceived  \n");
    const problems: string[] = [];
    const found: JsonValue[] = [];
    const options = { cwd: dir, onProblem: ({ where }: { where: string }) => problems.push(where) };
    for await (const { record } of readRecords(["*.json*", "data.noun"], "auto", options)) found.push(record);
    expect(found).toEqual([
      ...[1, 2, 3, 4, 5, 6].map((n) => ({ n })),
      expect.objectContaining({ word: "entity", definition: "that which is perceived" }),
      { n: 7 },
    ]);
    expect(problems).toEqual(["d.jsonl:2", "f.json"]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
