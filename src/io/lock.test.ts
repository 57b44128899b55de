import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import * as path from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";
import { takeLock as take } from "./lock.ts";
import { ownIdentity, type ProcessIdentity } from "./process-identity.ts";

const folder = mkdtempSync(path.join(tmpdir(), "nuwa-lock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const takeLock = (file: string): (() => void) => take(file, "this run");
const hold = (file: string, holder: ProcessIdentity): void =>
  writeFileSync(file, JSON.stringify({ ...holder, started: "2026-01-01" }));
const host = hostname();

test("is taken once, and can be taken again when given back", () => {
  const file = path.join(folder, "a");
  const release = takeLock(file);
  expect(() => takeLock(file)).toThrow(`this run is being written by process ${process.pid}`);
  release();
  expect(existsSync(file)).toBe(false);
  takeLock(file)();
  expect(readdirSync(folder)).toEqual([]);
});

test("of a process that is gone is taken over, and nothing else is left", () => {
  const file = path.join(folder, "b");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  hold(file, { pid, host });
  const release = takeLock(file);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid });
  release();
  expect(readdirSync(folder)).toEqual([]);
});

test("cut short while being written is taken over", () => {
  const file = path.join(folder, "c");
  writeFileSync(file, '{"pid": 1');
  takeLock(file)();
  writeFileSync(file, "");
  takeLock(file)();
});

test("of a living process, of another machine or of another container stands", () => {
  const file = path.join(folder, "d");
  hold(file, { pid: process.ppid, host });
  expect(() => takeLock(file)).toThrow("being written by process");
  hold(file, { pid: 1, host: "some-other-machine" });
  expect(() => takeLock(file)).toThrow("on some-other-machine");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  hold(file, { ...ownIdentity(), pid, namespace: "pid:[1]" });
  if (ownIdentity().namespace === undefined) takeLock(file)();
  else expect(() => takeLock(file)).toThrow("being written by process");
});

test.runIf(existsSync("/proc/self/stat"))(
  "of a process whose pid another one got since is taken over (needs /proc)",
  () => {
    const file = path.join(folder, "e");
    hold(file, { ...ownIdentity(), start: "1" });
    takeLock(file)();
    hold(file, { ...ownIdentity(), boot: "before the machine was switched off" });
    takeLock(file)();
  },
);

test("left half taken over by a process that died is taken over", () => {
  const file = path.join(folder, "f");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  hold(file, { pid, host });
  // The guard of exactly this lock, held by a process that is gone too.
  const guards = new Set<string>();
  const before = new Set(readdirSync(folder));
  const worker = spawnSync(process.execPath, ["--input-type=module", "-e", dieTakingOver], {
    env: { ...process.env, LOCK: lockModule, FILE: file },
  });
  expect(worker.signal).toBe("SIGKILL");
  for (const name of readdirSync(folder)) if (!before.has(name) && !name.endsWith(".tmp")) guards.add(name);
  expect(guards.size).toBe(1);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid });
  const release = takeLock(file);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid });
  release();
  expect([...guards].filter((name) => existsSync(path.join(folder, name)))).toEqual([]);
});

/** Other processes and threads run the built file: `npm run build:ts` makes it. */
const lockModule = path.resolve(import.meta.dirname, "../../dist/src/io/lock.js");

/** Dies after it has taken the guard and before it has replaced the lock. */
const dieTakingOver = `
import { createRequire, syncBuiltinESMExports } from "node:module";
const fs = createRequire(import.meta.url)("node:fs");
const { renameSync } = fs;
fs.renameSync = (from, to) => {
  if (to === process.env.FILE) process.kill(process.pid, "SIGKILL");
  renameSync(from, to);
};
syncBuiltinESMExports();
const { takeLock } = await import(process.env.LOCK);
takeLock(process.env.FILE, "this run");
`;

/**
 * Takes the lock `rounds` times, each time whatever number of tries it needs. While it holds it, `inside` says so: two
 * holders at once find each other there. At its `dies`-th time it kills its process with the lock held.
 */
const contender = `
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
const { lock, file, inside, log, start, rounds, dies } = JSON.parse(process.env.CONTENDER);
const { takeLock } = await import(lock);
const name = process.pid + "-" + threadId;
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const isAlive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
appendFileSync(log, "ready " + name + "\\n");
while (!existsSync(start)) sleep(1);
for (let taken = 0; taken < rounds; ) {
  let release;
  try {
    release = takeLock(file, "this run");
  } catch (error) {
    if (error.code !== "FILE") throw error;
    sleep(Math.random() * 2); // clock: so that turns differ
    continue;
  }
  taken++;
  let other = "";
  try { other = readFileSync(inside, "utf8"); } catch {}
  if (other !== "" && isAlive(Number(other.split("-")[0]))) appendFileSync(log, "violation " + name + " met " + other + "\\n");
  writeFileSync(inside, name);
  sleep(Math.random() * 2); // clock: so that turns differ
  if (readFileSync(inside, "utf8") !== name) appendFileSync(log, "violation " + name + " was joined\\n");
  if (taken === dies) process.kill(process.pid, "SIGKILL");
  rmSync(inside);
  release();
}
appendFileSync(log, "done " + name + "\\n");
`;

interface Contest {
  readonly program: string;
  readonly lock: string;
  readonly file: string;
  readonly inside: string;
  readonly log: string;
  readonly start: string;
  readonly rounds: number;
}

function contest(name: string, rounds: number): Contest {
  const root = mkdtempSync(path.join(folder, name));
  const inRoot = (file: string): string => path.join(root, file);
  writeFileSync(inRoot("log"), "");
  writeFileSync(inRoot("contender.mjs"), contender);
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  hold(inRoot("lock"), { pid, host }); // all race for a stale lock at first
  return {
    program: inRoot("contender.mjs"),
    lock: lockModule,
    file: inRoot("lock"),
    inside: inRoot("inside"),
    log: inRoot("log"),
    start: inRoot("start"),
    rounds,
  };
}

const linesOf = (log: string, word: string): readonly string[] =>
  readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.startsWith(word));

async function begin({ log, start }: Contest, contenders: number): Promise<void> {
  while (linesOf(log, "ready").length < contenders) await new Promise((resolve) => setTimeout(resolve, 10));
  writeFileSync(start, "");
}

test("raced for by many processes, some of which die holding it, is never held twice", async () => {
  const run = contest("processes-", 25);
  const children: ChildProcess[] = Array.from({ length: 12 }, (_, i) => {
    const dies = i % 3 === 0 ? undefined : i;
    return spawn(process.execPath, [run.program], {
      env: { ...process.env, CONTENDER: JSON.stringify({ ...run, dies }) },
      stdio: ["ignore", "ignore", "inherit"],
    });
  });
  const ends = children.map((child) => once(child, "exit"));
  await begin(run, children.length);
  await Promise.all(ends);
  expect(linesOf(run.log, "violation")).toEqual([]);
  expect(linesOf(run.log, "done")).toHaveLength(4);
  expect(children.filter(({ signalCode }) => signalCode === "SIGKILL")).toHaveLength(8);
});

test("raced for by threads of one process is never held twice", async () => {
  const run = contest("threads-", 25);
  const env = { ...process.env, CONTENDER: JSON.stringify(run) };
  const workers = Array.from({ length: 6 }, () => new Worker(run.program, { env }));
  const ends = workers.map((worker) => once(worker, "exit"));
  await begin(run, workers.length);
  expect(await Promise.all(ends)).toEqual(workers.map(() => [0]));
  expect(linesOf(run.log, "violation")).toEqual([]);
  expect(linesOf(run.log, "done")).toHaveLength(6);
});
