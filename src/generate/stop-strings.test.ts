import { expect, test } from "vitest";
import { StopWatch } from "./stop-strings.ts";

function run(stops: string[], pieces: string[]): { text: string; stopped: boolean } {
  const watch = new StopWatch(stops);
  let text = "";
  for (const piece of pieces) {
    const result = watch.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + watch.flush(), stopped: false };
}

test("a stop string ends the text, however it is cut into pieces", () => {
  const whole = "Yes.\nUser: no";
  for (let a = 0; a <= whole.length; a++) {
    for (let b = a; b <= whole.length; b++) {
      const pieces = [whole.slice(0, a), whole.slice(a, b), whole.slice(b)];
      expect(run(["\nUser:"], pieces)).toEqual({ text: "Yes.", stopped: true });
    }
  }
});

test("a beginning that does not go on is given back", () => {
  expect(run(["\nUser:"], ["a\nUs", "ually"])).toEqual({ text: "a\nUsually", stopped: false });
  expect(run(["abab"], ["ab", "a", "c"])).toEqual({ text: "abac", stopped: false });
  expect(run(["aab"], ["aa", "ab"])).toEqual({ text: "a", stopped: true });
});

test("the earliest of several stop strings counts", () => {
  expect(run(["two", "one"], ["a one two"])).toEqual({ text: "a ", stopped: true });
});

test("text that cannot be a stop string is not held back", () => {
  expect(new StopWatch(["###"]).push("hello")).toEqual({ text: "hello", stopped: false });
  expect(new StopWatch([]).push("x")).toEqual({ text: "x", stopped: false });
});
