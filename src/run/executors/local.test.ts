import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cleanStage } from "../../data/clean/normalize/stage.ts";
import { emptyStatistics } from "../../data/stage.ts";
import { ShardFolder } from "../shards/shards.ts";
import type { MapTask } from "../shards/tasks.ts";
import { Interrupted } from "../interrupted.ts";
import { builtInExecutors } from "./list.ts";

let root: string;
let from: ShardFolder;
let to: ShardFolder;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "nuwa-executor-"));
  from = new ShardFolder(path.join(root, "from"));
  to = new ShardFolder(path.join(root, "to"));
  for (let shard = 0; shard < 4; shard++) {
    const document = { id: `${shard}`, text: "a  b", source: "x", meta: {} };
    from.write(shard, [document], { removed: [], statistics: emptyStatistics("from"), problems: [] });
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const tasks = (): MapTask[] =>
  Array.from({ length: 4 }, (_, shard) => ({
    kind: "map",
    stage: { name: cleanStage.name, module: cleanStage.module },
    settings: {},
    cwd: root,
    from: from.folder,
    to: to.folder,
    shard,
  }));

const local = builtInExecutors.get("local").create({ threads: 1 });

async function* oneByOne(all: readonly MapTask[], taken: number[]): AsyncGenerator<MapTask> {
  try {
    for (const task of all) {
      taken.push(task.shard);
      yield task;
    }
  } finally {
    taken.push(-1);
  }
}

test("does tasks that are made as they are taken, and says which are done", async () => {
  const [done, taken]: number[][] = [[], []];
  await local.run(oneByOne(tasks(), taken ?? []), {
    signal: new AbortController().signal,
    onDone: ({ shard }) => done?.push(shard),
  });
  expect(done).toEqual([0, 1, 2, 3]);
  expect(taken).toEqual([0, 1, 2, 3, -1]);
  expect(to.info(2)?.documents).toBe(1);
});

test("a failed task is named with its stage, shard and cause, and ends the work at once", async () => {
  rmSync(from.documents(1));
  const [done, taken]: number[][] = [[], []];
  const run = local.run(oneByOne(tasks(), taken ?? []), {
    signal: new AbortController().signal,
    onDone: ({ shard }) => done?.push(shard),
  });
  await expect(run).rejects.toMatchObject({
    code: "FILE",
    message: 'stage "clean", shard 1: there is no such file or folder',
    where: from.documents(1),
  });
  expect(done).toEqual([0]);
  expect(existsSync(to.mark(2))).toBe(false);
  // Whoever makes the tasks can close its files.
  expect(taken).toEqual([0, 1, -1]);
});

test("a stage that its module does not export is named", async () => {
  const lost = tasks().map((task) => ({ ...task, stage: { ...task.stage, name: "gone" } }));
  const run = local.run(lost, { signal: new AbortController().signal, onDone: () => {} });
  await expect(run).rejects.toMatchObject({
    message: 'stage "gone", shard 0: this module exports no stage "gone"',
    where: cleanStage.module,
  });
});

test("after Ctrl-C no task is begun", async () => {
  const controller = new AbortController();
  const done: number[] = [];
  const run = local.run(tasks(), {
    signal: controller.signal,
    onDone: ({ shard }) => {
      done.push(shard);
      if (shard === 1) controller.abort();
    },
  });
  await expect(run).rejects.toThrow(Interrupted);
  expect(done).toEqual([0, 1]);
});
