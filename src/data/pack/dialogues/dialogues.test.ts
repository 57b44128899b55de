import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../text/document.ts";
import { toMessages } from "./dialogue.ts";
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
    expect(toMessages({ messages: expected.messages })).toEqual(expected);
    expect(
      toMessages({
        conversations: [
          { from: "human", value: "1+1?" },
          { from: "gpt", value: "2" },
        ],
      }),
    ).toEqual(expected);
    expect(toMessages({ instruction: "1+1?", input: "", output: "2" })).toEqual(expected);
  });

  test("that are wrong say what was expected", () => {
    expect(toMessages({ text: "hello" })).toEqual({ fault: expect.stringContaining("expected messages") });
    expect(toMessages({ messages: [{ role: "assistant", content: "hi" }] })).toEqual({
      fault: expect.stringContaining("turn"),
    });
    expect(toMessages({ conversations: [{ from: "toString", value: "x" }] })).toEqual({
      fault: expect.stringContaining("toString"),
    });
    expect(toMessages({ instruction: "x", output: " " })).toEqual({ fault: "turn 2 is empty" });
  });
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
