import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDialogues } from "./dialogue-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nuwa-dialogues-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const asked = { role: "user", content: "Who?" };
const answered = { role: "assistant", content: "Nuwa." };

describe("readDialogues", () => {
  it("reads the three common shapes as the same messages", async () => {
    const lines = [
      { messages: [asked, answered] },
      {
        conversations: [
          { from: "human", value: "Who?" },
          { from: "gpt", value: "Nuwa." },
        ],
      },
      { instruction: "Who?", output: "Nuwa.", weight: 0.1 },
    ];
    const path = await file("three.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    const { dialogues, problems } = await readDialogues(path);
    expect(problems).toEqual([]);
    expect(dialogues.map(({ messages }) => messages)).toEqual([0, 0, 0].map(() => [asked, answered]));
    expect(dialogues.map((dialogue) => dialogue.weight)).toEqual([undefined, undefined, 0.1]);
  });

  it("joins an Alpaca input below its instruction, and reads a JSON array", async () => {
    const path = await file("array.json", JSON.stringify([{ instruction: "Add.", input: "1 + 1", output: "2" }]));
    const { dialogues } = await readDialogues(path);
    expect(dialogues[0]?.messages[0]?.content).toBe("Add.\n\n1 + 1");
    expect(dialogues[0]?.where).toBe(`${path}#1`);
  });

  it("names what it skips by file and line, and goes on", async () => {
    const good = JSON.stringify({ messages: [asked, answered] });
    const path = await file("bad.jsonl", `${good}\n{"messages": [\n\n{"text": "x"}\n{"messages": []}\n${good}\n`);
    const { dialogues, problems } = await readDialogues(path);
    expect(dialogues).toHaveLength(2);
    expect(problems.map(({ where }) => where)).toEqual([`${path}:2`, `${path}:4`, `${path}:5`]);
    const silent = await file("silent.jsonl", `${JSON.stringify({ messages: [asked] })}\n${good}`);
    expect((await readDialogues(silent)).problems).toMatchObject([{ where: `${silent}:1` }]);
  });

  it("refuses a missing file and one without a single dialogue", async () => {
    await expect(readDialogues(join(folder, "none.jsonl"))).rejects.toMatchObject({ code: "FILE" });
    await expect(readDialogues(await file("empty.jsonl", ""))).rejects.toThrow(/no dialogues/);
    await expect(readDialogues(await file("cut.json", "[{"))).rejects.toThrow(/not valid JSON/);
  });
});
