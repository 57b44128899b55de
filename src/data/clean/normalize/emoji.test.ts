import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { emojiLabels, replaceEmoji } from "./emoji.ts";

// Names are those of Unicode's CLDR; expected ones are written out here from its charts.
const english = (text: string): string => replaceEmoji(text, "words", "en").text;
const chinese = (text: string): string => replaceEmoji(text, "words", "zh").text;

describe("words", () => {
  test("English, with spaces where they are needed", () => {
    expect(english("I am happy 😀!")).toBe("I am happy grinning face!");
    expect(english("nice👍work")).toBe("nice thumbs up work");
    expect(english("(🚀)")).toBe("(rocket)");
    expect(english("😀\n🚀")).toBe("grinning face\nrocket");
  });
  test("Chinese, in brackets", () => {
    expect(chinese("火箭🚀升空。")).toBe("火箭[火箭]升空。");
  });
  test("skin tones are left out, repeats named once, others divided", () => {
    expect(replaceEmoji("Well done👍🏽👍🏿!", "words", "en")).toEqual({ text: "Well done thumbs up!", count: 2 });
    expect(english("🚀😀")).toBe("rocket, grinning face");
  });
  test("joined sequences, flags, keycaps, tags", () => {
    expect(english("👩🏽‍🚒")).toBe("woman firefighter");
    expect(english("👨‍👩‍👧")).toBe("family: man, woman, girl");
    expect(english("🇨🇳")).toBe("flag China");
    expect(english("🏴󠁧󠁢󠁥󠁮󠁧󠁿")).toBe("flag England");
    expect(english("1️⃣")).toBe("keycap 1");
    expect(english("❤️‍🔥")).toBe("heart on fire");
  });
  test("older symbols: pictures by selector or by use, text by default", () => {
    expect(english("I❤you")).toBe("I red heart you");
    expect(english("☎️")).toBe("telephone");
    for (const text of ["© 2026 ™ ®", "a ↔ b ✓ → ■", "3 # * 7", "☎ 123"]) expect(english(text)).toBe(text);
  });
});

test("remove", () => {
  expect(replaceEmoji("Go 🚀 now", "remove", "en")).toEqual({ text: "Go  now", count: 1 });
});

test("every emoji of the data has a name in both languages, and none is left in the text", () => {
  for (const language of ["en", "zh"] as const) {
    for (const key of emojiLabels(language).keys()) {
      const points = key.split("-").map((hex) => Number.parseInt(hex, 16));
      // Single regional indicators, and symbols that are text without their selector.
      if (points.length === 1 && (points[0] ?? 0) < 0x1f200) continue;
      const emoji = String.fromCodePoint(...points);
      if ((points[0] ?? 0) < 0x3300) continue;
      expect(replaceEmoji(emoji, "words", language).text, key).not.toContain(emoji);
    }
  }
});

test.each([
  ["👨\u200d", 50_000],
  ["\ufe0f", 100_000],
  ["\u200d", 100_000],
  ["🇨", 99_999],
])("hostile: %j without end takes linear time", async (unit, size) => {
  await expectGrowth(
    (count) => unit.repeat(count),
    size,
    (text) => replaceEmoji(text, "words", "en"),
  );
});
