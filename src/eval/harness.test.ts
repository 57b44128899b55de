import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { RecordingModel } from "../../test/helpers/recording-model.ts";
import { evaluate } from "./harness.ts";

// What lm_eval 0.4.13 asks of a model on invented items, and its scores: test/fixtures/evaluation.py.
const fixture = z
  .object({
    cases: z.array(
      z.object({
        task: z.string(),
        /** Contents of benchmark files, by their place under the data folder. */
        files: z.record(z.string(), z.string()),
        fewShot: z.int(),
        chat: z.object({
          apply_chat_template: z.boolean().optional(),
          fewshot_as_multiturn: z.boolean().optional(),
          system_instruction: z.string().optional(),
        }),
        /** Each context with the continuations after it; null where the text is scored whole or an answer is written. */
        requests: z.array(z.tuple([z.string(), z.array(z.string().nullable())])),
        answers: z.array(z.union([z.tuple([z.number(), z.boolean()]), z.number(), z.string()])),
        scores: z.record(z.string(), z.array(z.number())),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../test/fixtures/evaluation.json"), "utf8")));

let dataDir = "";
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "nuwa-harness-"));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const named = fixture.cases.map(
  (one) => [`${one.task}, ${one.fewShot}-shot ${JSON.stringify(one.chat)}`, one] as const,
);

test.each(named)("%s: the requests and the scores of the harness", async (_, expected) => {
  for (const [path, contents] of Object.entries(expected.files)) {
    mkdirSync(dirname(join(dataDir, path)), { recursive: true });
    writeFileSync(join(dataDir, path), contents);
  }
  const model = new RecordingModel(
    (_request, position) => {
      const answer = expected.answers[position];
      if (!Array.isArray(answer)) throw new Error(`no scripted log-likelihood for request ${position}`);
      return { logLikelihood: answer[0], isGreedy: answer[1] };
    },
    (_request, position) => String(expected.answers[position]),
  );
  const { chat } = expected;
  const results = await evaluate(model, {
    tasks: [expected.task],
    dataDir,
    fewShot: expected.fewShot,
    applyChatTemplate: chat.apply_chat_template,
    fewshotAsMultiturn: chat.fewshot_as_multiturn,
    systemInstruction: chat.system_instruction,
  });

  const asked = [
    ...model.continuations.map(({ context, continuation }) => [context, continuation] as const),
    ...model.generations.map(({ context }) => [context, null] as const),
    ...model.texts.map((text) => [text, null] as const),
  ];
  expect(asked).toEqual(
    expected.requests.flatMap(([context, continuations]) => continuations.map((one) => [context, one] as const)),
  );

  const scores = results[0]?.scores ?? {};
  for (const [name, [value = Number.NaN, standardError]] of Object.entries(expected.scores)) {
    // The harness calls mc2 acc.
    const score = scores[name === "acc" && expected.task === "truthfulqa_mc2" ? "mc2" : name];
    expect(score?.value, name).toBeCloseTo(value, 10);
    if (standardError !== undefined) expect(score?.standardError, name).toBeCloseTo(standardError, 10);
  }
});
