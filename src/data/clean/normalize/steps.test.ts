import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { removeInvisible } from "./control.ts";
import { decodeEntities } from "./entities.ts";
import { joinHyphenated } from "./hyphenation.ts";
import { normalizeLineEndings } from "./line-endings.ts";
import { normalizeUnicode } from "./unicode.ts";
import { normalizeWhiteSpace } from "./white-space.ts";
import { toHalfWidth } from "./width.ts";

test("line endings", () => {
  expect(normalizeLineEndings("a\r\nb\rc\u0085d\u2028e\u2029f\vg\fh\n\r\n")).toBe("a\nb\nc\nd\ne\nf\ng\nh\n\n");
});

describe("Unicode form", () => {
  test("composes, and replaces lone surrogates", () => {
    expect(normalizeUnicode("cafe\u0301 \u1112\u1161\u11ab \ud800x \u212b \uf900")).toBe("café 한 \ufffdx Å 豈");
  });
  test("agrees with String.normalize on every character and on what may follow it", () => {
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint < 0x30000; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const character = String.fromCodePoint(codePoint);
      for (const text of [character, `e${character}`, `か${character}`, `가${character}`]) {
        if (normalizeUnicode(text) !== text.normalize("NFC")) wrong.push(codePoint.toString(16));
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("invisible characters", () => {
  test("controls, zero-width, soft hyphens, marks of direction, byte order marks", () => {
    expect(removeInvisible("\ufeffco\u00adop\u200beration\0\u0007\u200e\u202etext\u2066\u009f\ufffc\tend\n")).toBe(
      "cooperationtext\tend\n",
    );
  });
  test("joiners stay where a script needs them", () => {
    expect(removeInvisible("می\u200cخواهم क्\u200dष a\u200cb \u200d")).toBe("می\u200cخواهم क्\u200dष ab ");
  });
});

describe("white space", () => {
  const options = { maxBlankLines: 1, indentation: "keep" } as const;
  test("one space inside lines, none at the ends, one empty line", () => {
    expect(normalizeWhiteSpace("\n\na  b\t c \u00a0 \n\n\n\n　　第一　回\u2003x\n \n", options)).toBe(
      "a b c\n\n  第一 回 x",
    );
  });
  test("indentation kept or removed", () => {
    expect(normalizeWhiteSpace("a\n    b  c", options)).toBe("a\n    b c");
    expect(normalizeWhiteSpace("a\n    b  c", { ...options, indentation: "remove" })).toBe("a\nb c");
  });
  test("inside code fences spaces stay", () => {
    const code = "x\n\n```\na  =  1\n\tb   \n```\n\ny  z";
    expect(normalizeWhiteSpace(code, options)).toBe("x\n\n```\na  =  1\n\tb\n```\n\ny z");
  });
  test.each([
    [" ", 1_000_000],
    ["a ", 500_000],
    ["\n", 1_000_000],
    [" \n", 300_000],
  ])("hostile: %j without end takes linear time", async (unit, size) => {
    await expectGrowth(
      (count) => `${unit.repeat(count)}x`,
      size,
      (text) => normalizeWhiteSpace(text, options),
    );
  });
});

describe("entities", () => {
  test("named, numbered, doubled; those without an end or a meaning stay", () => {
    expect(decodeEntities("Tom &amp;amp; Jerry&nbsp;&#8217;&#x4e2d; AT&T &nosuch; &lt b")).toEqual({
      text: "Tom & Jerry\u00a0’中 AT&T &nosuch; &lt b",
      count: 5,
    });
  });
  test("code is left alone", () => {
    const text = "write `&lt;` for &lt;\n```html\n&amp;\n```\n";
    expect(decodeEntities(text).text).toBe("write `&lt;` for <\n```html\n&amp;\n```\n");
  });
});

test("width: letters and digits, or all", () => {
  expect(toHalfWidth("ＡＩ２０２４，好！", "letters")).toBe("AI2024，好！");
  expect(toHalfWidth("ＡＩ２０２４，好！", "all")).toBe("AI2024,好!");
});

test("hyphenation: broken words joined, compounds kept", () => {
  expect(joinHyphenated("to under-\nstand it")).toEqual({ text: "to understand\nit", count: 1 });
  expect(joinHyphenated("a well-known man, a well-\nknown, old man").text).toBe(
    "a well-known man, a well-known,\nold man",
  );
  expect(joinHyphenated("pages 10-\n12, A-\nB, word -\nword").count).toBe(0);
});
