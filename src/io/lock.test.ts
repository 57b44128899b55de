import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { takeLock } from "./lock.ts";

const folder = mkdtempSync(path.join(tmpdir(), "nuwa-lock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const hold = (file: string, pid: number, host = hostname()): void =>
  writeFileSync(file, JSON.stringify({ pid, host, started: "2026-01-01" }));

test("is taken once, and can be taken again when given back", () => {
  const file = path.join(folder, "a");
  const release = takeLock(file);
  expect(() => takeLock(file)).toThrow(`this run is being written by process ${process.pid}`);
  release();
  expect(existsSync(file)).toBe(false);
  takeLock(file)();
});

test("of a process that is gone is taken over", () => {
  const file = path.join(folder, "b");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  hold(file, pid);
  takeLock(file)();
});

test("cut short while being written is taken over", () => {
  const file = path.join(folder, "c");
  writeFileSync(file, '{"pid": 1');
  takeLock(file)();
});

test("of a living process or of another machine stands", () => {
  const file = path.join(folder, "d");
  hold(file, process.ppid);
  expect(() => takeLock(file)).toThrow("being written by process");
  hold(file, 1, "some-other-machine");
  expect(() => takeLock(file)).toThrow("on some-other-machine");
});
