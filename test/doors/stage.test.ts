import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nuwa, startNuwa } from "../../src/run/test-cli.ts";
import { seeded, writeCorpus } from "../../src/run/test-corpus.ts";
import { killedAfter } from "../helpers/killed-after.ts";

const data = pathToFileURL(path.resolve("dist/src/data/index.js")).href;
const zod = pathToFileURL(createRequire(import.meta.url).resolve("zod")).href;

/** Two stages of a user's: one maps documents one by one, one must know all of them. */
const plugin = (version: number): string => `
import { defineCorpusStage, defineFirstRound, defineLastRound, defineStage } from ${JSON.stringify(data)};
import * as z from ${JSON.stringify(zod)};

const shout = defineStage({
  name: "shout",
  version: ${version},
  module: import.meta.url,
  after: "clean",
  summary: "Write every document in capitals.",
  schema: z.strictObject({ marks: z.int().min(0).default(1), fail_at: z.string().optional() }),
  prepare: () => async ({ documents, file }) => {
    let count = 0;
    for await (const document of documents) count += document.id.length > 0 ? 1 : 0;
    (await import("node:fs")).writeFileSync(file, String(count));
  },
  load: async ({ marks, fail_at }, { prepared }) => {
    const { readFileSync } = await import("node:fs");
    const documents = Number(readFileSync(prepared, "utf8"));
    return {
      name: "shout",
      map: (document) => {
        if (fail_at !== undefined && document.source.includes(fail_at)) readFileSync("/no/such/list");
        if (document.text.includes("lantern")) return { drop: { rule: "lantern", value: documents } };
        const text = document.text.toUpperCase() + "!".repeat(marks * ${version});
        return { keep: { ...document, text } };
      },
    };
  },
});

const firstWord = (text) => text.split(/\\s+/u)[0] ?? "";

/** Keeps of all documents that begin with one word the first. */
const beginnings = defineCorpusStage({
  name: "beginnings",
  version: 1,
  module: import.meta.url,
  summary: "Drop documents that begin as one before.",
  schema: z.strictObject({}),
  load: async () => ({
    rounds: [
      defineFirstRound({
        name: "words",
        part: (_settings, documents) => Buffer.from(JSON.stringify(documents.map(({ text }) => firstWord(text)))),
      }),
    ],
    last: defineLastRound({
      input: z.array(z.string()),
      answer: async function* (_settings, { corpus, files, pause }) {
        const { readFileSync } = await import("node:fs");
        const firsts = new Map();
        for (const [shard, file] of files("words").entries()) {
          await pause("reading", shard / corpus.shards);
          const words = JSON.parse(readFileSync(file, "utf8"));
          const input = words.map((word, place) => {
            const known = firsts.get(word);
            if (known === undefined) firsts.set(word, corpus.idOf(corpus.firstOf(shard) + place));
            return known ?? "";
          });
          yield { key: shard, shard, input };
        }
      },
      verdicts: (_settings, documents, input) =>
        documents.map((document, place) =>
          input[place] === "" ? { keep: document } : { drop: { rule: "beginning", detail: \`as \${input[place]}\` } },
        ),
    }),
  }),
});

export default { stages: [shout, beginnings] };
`;

const recipe = `
plugins: [plugin.mjs]
shard_mb: 0.02
collect: {sources: [{files: texts}]}
extract:
clean:
shout:
beginnings:
tokenizer: {vocab_size: 300}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-door-stage-"));
  writeCorpus(path.join(folder, "texts"), 200);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
  writeFileSync(path.join(folder, "plugin.mjs"), plugin(1));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tree(name: string): Record<string, string> {
  const root = path.join(folder, name);
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const relative = path.relative(root, file);
    if (!entry.isFile() || ["manifest.json", "report.html", "recipe.yaml"].includes(relative)) continue;
    files[relative] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return files;
}

interface Report {
  readonly stages: readonly {
    readonly stage: string;
    readonly summary: {
      readonly shards: number;
      readonly statistics: {
        readonly in: { readonly documents: number };
        readonly out: { readonly documents: number };
      };
    };
  }[];
}

interface Entry {
  readonly id: string;
  readonly rule: string;
  readonly detail?: string;
}

describe("a plugin's stages", () => {
  test("run in their places, and are inspected as the built-in ones are", { timeout: 120_000 }, () => {
    const whole = nuwa(["run", "r.yaml", "--dir", "whole", "--set", "threads=1"], folder);
    expect(whole.stderr).not.toContain("nuwa:");
    expect(whole.code).toBe(0);

    const { stages } = JSON.parse(nuwa(["data", "report", "whole", "--json"], folder).stdout) as Report;
    expect(stages.map(({ stage }) => stage)).toEqual(["collect", "extract", "clean", "shout", "beginnings"]);
    for (const { stage, summary } of stages.slice(3)) {
      expect(summary.shards, stage).toBeGreaterThan(3);
      expect(summary.statistics.out.documents, stage).toBeGreaterThan(0);
      expect(summary.statistics.out.documents, stage).toBeLessThan(summary.statistics.in.documents);
    }

    const removed = (stage: string): Entry[] =>
      nuwa(["data", "removed", "whole", "--stage", stage, "--json", "--limit", "3"], folder)
        .stdout.trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Entry);
    const [lantern] = removed("shout");
    // What the preparation counted: all documents that the stage reads.
    expect(lantern).toMatchObject({ rule: "lantern", value: stages[3]?.summary.statistics.in.documents });
    const [repeated] = removed("beginnings");
    expect(repeated).toMatchObject({ rule: "beginning", detail: expect.stringMatching(/^as [0-9a-f]{16}$/) });
    const why = nuwa(["data", "why", "whole", repeated?.id ?? ""], folder).stdout;
    expect(why).toMatch(/shout +changed/);
    expect(why).toMatch(/beginnings +removed: rule beginning/);
    expect(nuwa(["data", "why", "whole", repeated?.detail?.slice(3) ?? ""], folder).stdout).toMatch(/beginnings +kept/);
  });

  test("have a section that is checked and printed with its comments", () => {
    const misspelt = nuwa(["run", "r.yaml", "--set", "shout={mraks: 3}"], folder);
    expect(misspelt.code).toBe(2);
    expect(misspelt.stderr).toContain('unknown key "shout.mraks" (did you mean "marks"?)');
    const printed = nuwa(["run", "r.yaml", "--print-recipe"], folder).stdout;
    expect(printed).toContain("# Write every document in capitals.\nshout:\n  marks: 1");
  });

  test("killed with SIGKILL and with other threads, end with the same bytes", { timeout: 300_000 }, async () => {
    const random = seeded(11);
    const options = ["run", "r.yaml", "--dir", "killed", "--set", "threads=2"];
    let kills = 0;
    for (let attempt = 0; attempt < 40; attempt++) {
      // The two stages begin where the one before them is done, or was; from the 12th time on it may end.
      const sign = path.join(folder, "killed/data/clean/statistics.json");
      const moment = 1 + Math.floor(random() * 60);
      const child = startNuwa(options, folder, attempt < 12 ? killedAfter(moment, sign) : {});
      const [code] = (await once(child, "exit")) as [number | null];
      if (code === 0) break;
      kills++;
    }
    expect(kills).toBeGreaterThan(3);
    expect(nuwa(options, folder).code).toBe(0);
    expect(tree("killed")).toEqual(tree("whole"));
  });

  test("are done by a plugin's executor with the same bytes", { timeout: 60_000 }, () => {
    const run = pathToFileURL(path.resolve("dist/src/run/index.js")).href;
    writeFileSync(
      path.join(folder, "executor.mjs"),
      `import { work } from ${JSON.stringify(run)};
      const one = {
        name: "one",
        workers: 1,
        run: async (tasks, { signal, onDone }) => {
          for await (const task of tasks) {
            signal.throwIfAborted();
            // What goes to another machine must be plain data.
            await work(structuredClone(task));
            onDone(task);
          }
        },
      };
      export default { executors: [{ name: "one-by-one", create: () => one }] };`,
    );
    const plugins = ["--set", "plugins=[plugin.mjs, executor.mjs]"];
    const done = nuwa(["run", "r.yaml", "--dir", "one", "--executor", "one-by-one", ...plugins], folder);
    expect(done.stderr).not.toContain("nuwa:");
    expect(done.code).toBe(0);
    expect(tree("one")).toEqual(tree("whole"));
    const unknown = nuwa(["run", "r.yaml", "--dir", "one", "--executor", "one-by-two", ...plugins], folder);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('unknown executor "one-by-two" (did you mean "one-by-one"?)');
  });

  test("that fail stop at once, and name the stage, the shard and the cause", { timeout: 60_000 }, () => {
    const failed = nuwa(
      ["run", "r.yaml", "--dir", "killed", "--set", "shout.fail_at=0150.txt", "--set", "threads=2"],
      folder,
    );
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /nuwa: .*\/no\/such\/list: stage "shout", shard \d+: there is no such file or folder/,
    );
  });

  test("of another version are done again, and nothing before them", { timeout: 60_000 }, () => {
    writeFileSync(path.join(folder, "plugin.mjs"), plugin(2));
    const { stderr, code } = nuwa(["run", "r.yaml", "--dir", "whole"], folder);
    expect(code).toBe(0);
    expect(stderr).toMatch(/clean +done before/);
    expect(stderr).toMatch(/✓ shout/);
    expect(stderr).toMatch(/✓ beginnings/);
  });

  test("without their plugin, or in a place that there is not, are refused by name", () => {
    const absent = nuwa(["run", "r.yaml", "--set", "plugins=[]"], folder);
    expect(absent.code).toBe(2);
    expect(absent.stderr).toContain('unknown key "shout"');
    writeFileSync(path.join(folder, "lost.mjs"), plugin(1).replace('after: "clean"', 'after: "claen"'));
    const lost = nuwa(["run", "r.yaml", "--set", "plugins=[lost.mjs]"], folder);
    expect(lost.stderr).toContain('unknown stage "claen" (did you mean "clean"?)');
  });
});
