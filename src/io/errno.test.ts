import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { NuwaError } from "../text/errors.ts";
import { errnoOf, fileError, isErrno } from "./errno.ts";

function thrown(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

test("an error of the operating system is one message, with the file that it is about", () => {
  const error = thrown(() => readFileSync("/no/such/file"));
  expect([isErrno(error, "EACCES", "ENOENT"), isErrno(error, "EACCES"), errnoOf(error)]).toEqual([
    true,
    false,
    "ENOENT",
  ]);
  expect(fileError(error)).toMatchObject({
    code: "FILE",
    message: "there is no such file or folder",
    where: "/no/such/file",
    cause: error,
  });
  expect(fileError(error, "another")).toMatchObject({ where: "another" });
});

test("an errno without a message of its own keeps the system's", () => {
  const error = Object.assign(new Error("EXDEV: cross-device link not permitted, rename"), {
    code: "EXDEV",
    syscall: "rename",
  });
  expect(fileError(error, "x")).toMatchObject({ code: "FILE", message: error.message, where: "x" });
});

test("all other errors pass as they are", () => {
  const own = new NuwaError("DATA", "expected text");
  const fault = new TypeError("x is not a function");
  const coded = Object.assign(new Error("aborted"), { code: "ABORT_ERR" });
  for (const error of [own, fault, coded, "text", undefined]) expect(fileError(error, "x")).toBe(error);
});
