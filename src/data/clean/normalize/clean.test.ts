import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { cleanText, createClean } from "./clean.ts";
import { cleanSettings } from "./settings.ts";

const settings = cleanSettings.parse({});
const document = (text: string, language?: string): Document => ({
  id: "0",
  text,
  source: "x",
  meta: { a: 1 },
  ...(language === undefined ? {} : { language }),
});

test("all steps together, and what they did in meta.cleaned", () => {
  const dirty = "\ufeffItâ€™s  &amp;  cafe\u0301\r\n\r\n\r\n\r\nＡＢＣ 👍\u00a0\0";
  expect(createClean(settings).map(document(dirty))).toEqual({
    keep: {
      ...document("It’s & café\n\nABC thumbs up"),
      meta: { a: 1, cleaned: { mojibake: 1, entities: 1, emoji: 1 } },
    },
  });
});

test("a clean document is the same, without a note in its meta", () => {
  const clean = document("Nothing to do here.\n\nNothing at all.");
  expect(createClean(settings).map(clean)).toEqual({ keep: clean });
});

test("emoji in the document's language, or that of its letters", () => {
  expect(cleanText("好🚀", settings).text).toBe("好[火箭]");
  expect(cleanText("好🚀", settings, "en").text).toBe("好 rocket");
  expect(cleanText("go🚀", settings, "zh-TW").text).toBe("go[火箭]");
  expect(cleanText("go 🚀", { ...settings, emoji: "keep" }).text).toBe("go 🚀");
  expect(cleanText("go 🚀", { ...settings, emoji: "remove" }).text).toBe("go");
});

test("a document of which nothing is left is dropped", () => {
  expect(createClean(settings).map(document(" \u200b\n\0"))).toMatchObject({ drop: { rule: "clean.empty", value: 0 } });
});

test("every step can be turned off", () => {
  const off = cleanSettings.parse({
    line_endings: false,
    mojibake: false,
    entities: false,
    unicode: false,
    width: "keep",
    emoji: "keep",
    invisible: false,
    white_space: false,
  });
  const dirty = "\ufeffItâ€™s  &amp;  cafe\u0301\r\n\r\n\r\n\r\nＡ 👍\u00a0\0\ud800";
  expect(cleanText(dirty, off).text).toBe(dirty);
});

test("cleaning twice changes nothing more, on any mixture of hostile pieces", () => {
  const pieces = [
    "Ã©",
    "â€",
    "&amp;",
    "&",
    "amp;",
    "👍",
    "\u200d",
    "\ufe0f",
    "🇨",
    "\ud800",
    "\udc00",
    "e",
    "\u0301",
    " ",
    "\t",
    "\n",
    "\r",
    "\u3000",
    "```",
    "`",
    "-",
    "好",
    "Ａ",
    "\u00a0",
    "Â",
    "€",
    "1",
    "\u20e3",
  ]; // prettier-ignore
  // A fixed linear congruential generator (Numerical Recipes), so that a failure can be seen again.
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let different = 0;
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: 1 + next(12) }, () => pieces[next(pieces.length)]).join("");
    const once = cleanText(text, settings).text;
    expect(once).not.toMatch(/[\r\u200b\ufeff]|\n{3}|\p{Surrogate}/u);
    if (cleanText(once, settings).text !== once) different++;
  }
  // What one step uncovers another may still take up (an entity completed by a removed mark); it must stay rare.
  expect(different).toBeLessThan(150);
});

const classic = `${process.env["NUWA_SHARED"] ?? "../shared"}/data/classics-zh/红楼梦.txt`;
test.skipIf(!existsSync(classic))(
  "a classic keeps every character that is no white space (needs the shared data)",
  () => {
    const text = readFileSync(classic, "utf8").normalize("NFC");
    const letters = (s: string): string => s.replace(/[\s\ufeff]+/g, "");
    // Not toBe: a failure would print the book.
    expect(letters(cleanText(text, { ...settings, width: "keep" }).text) === letters(text)).toBe(true);
  },
);
