import { expect, test } from "vitest";
import { holdsAnswer } from "./questions.ts";

test.each([
  ["The capital of France is Paris.", "Paris", true],
  ["the capital is PARIS", "Paris", true],
  ["The capital of Nigeria", "Niger", false],
  ["It was 1862.", "186", false],
  ["John  F.\nKennedy gave it", "John F. Kennedy", true],
  ["George H. W. Bush", "George W. Bush", false],
  ["作者是李白。", "李白", true],
  ["作者是 李 白 。", "李白", true],
  ["作者是李商隐。", "李白", false],
  ["São Tomé!", "São Tomé", true],
  ["a (b) c", "(b)", true],
  ["It is Port-au-Prince.", "Port-au-Prince", true],
  ["Nur-Sultan", "Nur.Sultan", false],
  ["anything", "", false],
  ["", "Paris", false],
])("%j holds %j: %s", (reply, answer, expected) => {
  expect(holdsAnswer(reply, answer)).toBe(expected);
});
