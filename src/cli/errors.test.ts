import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { Interrupted } from "../run/index.ts";
import { NuwaError } from "../text/index.ts";
import { judge } from "./errors.ts";

// oxlint-disable-next-line no-control-regex
const plain = (text: string | undefined): string | undefined => text?.replaceAll(/\u001b\[[0-9;]*m/g, "");
const line = (error: unknown, debug = false): [number, string | undefined] => {
  const { exitCode, message } = judge(error, debug);
  return [exitCode, plain(message)];
};

test("our errors: one line, 2 for usage and 1 for work that failed", () => {
  expect(line(new NuwaError("VALUE", "expected a, got b", { where: "r.yaml:3", hint: "try c" }))).toEqual([
    2,
    "nuwa: r.yaml:3: expected a, got b (try c)",
  ]);
  expect(line(new NuwaError("CHECKPOINT", "cut short"))).toEqual([1, "nuwa: cut short"]);
});

test("Ctrl-C: 130", () => {
  expect(line(new Interrupted("stopped at step 3"))).toEqual([130, "nuwa: stopped at step 3"]);
  expect(line(new DOMException("x", "AbortError"))[0]).toBe(130);
});

test("the operating system's errors in words", () => {
  const full = Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC", syscall: "write", path: "/x" });
  expect(line(full)).toEqual([
    1,
    "nuwa: /x: the disk is full (free some space and run again; nothing finished is lost)",
  ]);
});

test("unexpected errors: one line, the stack only where it is asked for", () => {
  const [code, text] = line(new TypeError("x is not a function\nmore"));
  expect(code).toBe(1);
  expect(text).toMatch(/^nuwa: unexpected TypeError: x is not a function \(.*please report.*\)$/);
  expect(line(new TypeError("x"), true)[1]).toContain("\n    at ");
});

test("commander's errors on one line; help is none", () => {
  expect(
    line(new CommanderError(1, "commander.unknownOption", "error: unknown option '--a'\n(Did you mean --b?)")),
  ).toEqual([2, `nuwa: unknown option '--a' (did you mean "--b"?)`]);
  expect(line(new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"))).toEqual([0, undefined]);
});
