import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MetricsLine } from "../../train/index.ts";
import { Progress } from "../progress.ts";
import { parseRecipe } from "../recipe/load.ts";
import type { Recipe } from "../settings/general.ts";
import { inherit, recipeSchemaOf } from "../recipe/schema.ts";
import { builtInStages } from "../stages/list.ts";
import { runRecipe } from "../run.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { smooth } from "./charts.ts";
import { gather } from "./gather.ts";
import { escapeHtml, html } from "./html.ts";
import { leaderboard, meanOf } from "./published.ts";
import { renderReport } from "./report.ts";

let root: string;
let directory: RunDirectory;
const hostile = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>";

/** A run of the data stages on three documents, one of them hostile; the training's files are put beside it. */
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), "nuwa-report-"));
  mkdirSync(path.join(root, "texts"));
  const text = "The river and the stone have to be of the village that stands with the old bridge. ";
  writeFileSync(
    path.join(root, "texts", "a.txt"),
    text.repeat(1) + "Many words of another kind follow here, all different. ".repeat(1),
  );
  writeFileSync(path.join(root, "texts", "b.txt"), hostile);
  writeFileSync(path.join(root, "texts", "c.txt"), "");
  const recipe = read(
    "name: r\ncollect: {sources: [{files: texts}]}\nclean: {entities: false}\nfilter: {only: [min_words], english: {min_words: 12}}\n",
  );
  directory = await runRecipe(recipe, {
    cwd: root,
    progress: new Progress({ quiet: true, stream: { write: () => true } }),
    signal: new AbortController().signal,
    where: "r.yaml",
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folded(text: string | null | undefined): string {
  return (text ?? "").replaceAll(/\s+/g, " ");
}

function read(text: string): Recipe {
  return parseRecipe(recipeSchemaOf(builtInStages), "r.yaml", text, { prepare: inherit(builtInStages) });
}

describe("the page", () => {
  test("has the funnel's numbers and the removed document as text", () => {
    const page = readFileSync(directory.report, "utf8");
    const { document } = parseHTML(page);
    const rows = [...document.querySelectorAll("tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent),
    );
    expect(rows).toContainEqual(["filter", "2", "1", "1", "0", expect.any(String), expect.any(String)]);
    expect(folded(document.querySelector("summary")?.textContent)).toContain("filter / min_words: 1 documents");
    expect(document.querySelector("blockquote")?.textContent).toBe(hostile);
    expect(page).toContain("empty file");
  });

  test("needs nothing from elsewhere, runs no code, and what it shows cannot become markup", () => {
    const page = readFileSync(directory.report, "utf8");
    const { document } = parseHTML(page);
    expect(document.querySelectorAll("script, img, link, iframe, object, embed, form, base")).toHaveLength(0);
    const styles = [...document.querySelectorAll("style")].map(({ textContent }) => textContent).join("");
    expect(styles).not.toMatch(/url\(|@import/i);
    for (const element of document.querySelectorAll("*")) {
      for (const { name } of element.attributes) {
        expect(name).not.toMatch(/^(?:on.*|src|srcset|href|xlink:href|action|data|poster|background)$/);
      }
    }
  });

  test("shows curves, samples, questions and scores, and each section opens with a sentence", async () => {
    const steps = Array.from({ length: 40 }, (_, i): MetricsLine => {
      const step = i + 1;
      return {
        type: "step",
        step,
        loss: 5 / step + 2,
        lr: 0.01,
        grad_norm: 1,
        tokens: 512 * step,
        tokens_per_s: 9000,
        elapsed_s: step,
      };
    });
    const evaluation: MetricsLine = {
      type: "eval",
      step: 40,
      val_loss: 2.5,
      perplexity: 12.18,
      tokens: 10,
      bits_per_byte: 1.234,
      best: true,
    };
    const sample: MetricsLine = { type: "sample", step: 40, prompt: "The <b>", text: "whale & <i>sea</i>" };
    const data = await gather(directory);
    const score = (value: number) => ({ value, standardError: 0.01, n: 100 });
    const page = renderReport({
      ...data,
      recipe: { ...data.recipe, language: "zh" },
      pretrain: [...steps, evaluation, sample],
      summary: {
        ...data.summary,
        stages: { pretrain: { seconds: 5, summary: { val_loss: 2.5, bits_per_byte: 1.234, parameters: 1000 } } },
        samples: [{ prompt: "Call me", text: " Ishmael <script>" }],
        questions: [
          {
            messages: [{ role: "user", content: "Capital of <u>?" }],
            reply: "No",
            answer: "Paris",
            set: "capitals",
            key: "x",
            right: false,
          },
        ],
        scores: {
          model: "m",
          questions: { overall: score(0.875), bySet: { capitals: score(0.875) } },
          tasks: [
            {
              task: "arc_challenge",
              kind: "multiple_choice",
              metric: "acc_norm",
              scores: { acc_norm: score(0.237) },
              fewShot: 25,
              items: 5,
              available: 10,
              files: [],
            },
          ],
        },
      },
    });
    const { document } = parseHTML(page);
    const text = folded(document.body.textContent);
    for (const wanted of [
      "1.234",
      "perplexity 12.2",
      "87.5%",
      "expected: Paris",
      "23.7",
      "30.0",
      " Ishmael <script>",
      "whale & <i>sea</i>",
    ]) {
      expect(text).toContain(wanted);
    }
    expect(text).toContain("损失曲线 · How the loss fell");
    const sections = [...document.querySelectorAll("section")];
    expect(sections.length).toBeGreaterThan(10);
    for (const section of sections) {
      expect(section.querySelector("h2 + p.lead")?.textContent).toMatch(/^[A-Z].*\.$/s);
    }
    for (const figure of document.querySelectorAll("figure"))
      expect(figure.querySelector("svg path, svg rect")).not.toBeNull();
    expect(document.querySelectorAll("script, b, u, i i").length).toBeLessThan(60);
    expect(document.querySelector("script")).toBeNull();
    expect(page).not.toMatch(/NaN|undefined|\[object/);
  });
});

test("escaping", () => {
  expect(escapeHtml(`<a href="x" b='y'>&`)).toBe("&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
  expect(escapeHtml("a\u0000b\u202ec")).toBe("a\ufffdb\ufffdc");
  expect(html`<p>${"<"}${html`<b>`}${["&", 1]}${undefined}${false}</p>`.text).toBe("<p>&lt;<b>&amp;1</p>");
});

test("published means are those of the leaderboard", () => {
  // The leaderboard's own column "Average".
  const published: Record<string, number> = {
    chance: 30,
    gpt2: 30,
    "gpt2-xl": 36.66,
    "falcon-7b": 47.01,
    "Llama-2-7b": 54.32,
  };
  for (const score of leaderboard) expect(meanOf(score)).toBeCloseTo(published[score.model] ?? 0, 1);
});

test("smoothing keeps constants and ends, and follows the trend", () => {
  const points = (values: number[]) => values.map((value, step) => ({ step, value, series: "a" }));
  expect(smooth(points([3, 3, 3])).map(({ value }) => value)).toEqual([3, 3, 3]);
  const rising = smooth(points(Array.from({ length: 500 }, (_, i) => i)));
  expect(rising.at(-1)?.value).toBeGreaterThan(480);
});
