import { expect, test } from "vitest";
import { bytes, count, duration, Progress } from "./progress.ts";

// Colours are off in tests only where no terminal is; the codes are taken out to be sure.
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*[mK]/g, "");

function recorder(isTTY: boolean) {
  let text = "";
  let now = 0;
  const progress = new Progress({
    stream: { isTTY, columns: 100, write: (piece) => (text += piece) },
    now: () => now,
    interval: 5,
  });
  return { progress, text: () => plain(text), at: (milliseconds: number) => (now = milliseconds) };
}

test("without a terminal: plain lines now and then, with rate and time left", () => {
  const { progress, text, at } = recorder(false);
  const bar = progress.bar("clean", "documents", 1000);
  bar.update(0);
  at(1000);
  bar.update(100);
  expect(text()).toBe("");
  at(5000);
  bar.update(500);
  expect(text()).toBe("clean: 500/1,000 documents (50%), 100 documents/s, 5.0 s left\n");
  expect(text()).not.toContain("\r");
  at(10_000);
  bar.done("1,000 documents");
  expect(text()).toMatch(/✓ clean {6}1,000 documents {2}10 s\n$/);
});

test("work of an earlier run does not count as speed", () => {
  const { progress, text, at } = recorder(false);
  const bar = progress.bar("pretrain", "steps", 1000);
  bar.update(900);
  at(5000);
  bar.update(910);
  expect(text()).toContain("2 steps/s, 45 s left");
});

test("on a terminal one line is redrawn, and lines that stay go above it", () => {
  const { progress, text, at } = recorder(true);
  const bar = progress.bar("clean", "documents", 10);
  at(100);
  bar.update(5);
  progress.line("note");
  expect(text()).toMatch(/█{10}░{10} 5\/10 documents \(50%\)/);
  expect(text().split("\n")[0]?.endsWith("note")).toBe(true);
});

test("quiet says nothing but warnings", () => {
  let text = "";
  const progress = new Progress({ quiet: true, stream: { write: (piece) => (text += piece) } });
  progress.bar("a", "b", 1).done("c");
  progress.line("d");
  expect(text).toBe("");
  progress.warn("e");
  expect(plain(text)).toBe("warning: e\n");
});

test("figures for people", () => {
  expect([0, 12.34, 999, 12345, 1.5e6, 2e8, 3.2e9].map(count)).toEqual([
    "0",
    "12.3",
    "999",
    "12,345",
    "1.5M",
    "200M",
    "3.2G",
  ]);
  expect([0.4, 12, 185, 7800].map(duration)).toEqual(["0.4 s", "12 s", "3 min 05 s", "2 h 10 min"]);
  expect([512, 1500, 2e9].map(bytes)).toEqual(["512 B", "1.5 kB", "2.0 GB"]);
});
