import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { repairMojibake } from "./mojibake.ts";

const WINDOWS_1252 = new TextDecoder("windows-1252");

/** The damage itself, made by Node's own decoders: UTF-8 bytes read as another encoding. */
const asWindows1252 = (text: string): string => WINDOWS_1252.decode(Buffer.from(text));
const asLatin1 = (text: string): string => Buffer.from(text).toString("latin1");

const GOOD = [
  "don’t “quote” — it’s",
  "Pérez Müller Été à la carte, Ökologie KÖLN naïve",
  "中文测试，你好。",
  "《红楼梦》第一回　甄士隐梦幻识通灵",
  "Привет, мир!",
  "Γειά σου, κόσμε",
  "東京タワーと日本語",
  "€5 ™ • item… –",
  "© 2020 Foo »bar« £3 20°",
  "žluťoučký kůň",
  "שלום עולם",
  "مرحبا بالعالم",
  "한국어 문장",
  "¿Dónde está el niño? ¡Aquí!",
  "so happy 😀👍🏽",
];

describe("repairs", () => {
  test.each(GOOD)("%s, read as windows-1252, as Latin-1, and twice", (good) => {
    expect(repairMojibake(asWindows1252(good)).text).toBe(good);
    expect(repairMojibake(asLatin1(good)).text).toBe(good);
    expect(repairMojibake(asWindows1252(asWindows1252(good))).text).toBe(good);
  });
  test("counts the places, and leaves the good text between them", () => {
    expect(repairMojibake("Itâ€™s naïve, PÃ©rez said. “Fine”")).toEqual({
      text: "It’s naïve, Pérez said. “Fine”",
      count: 2,
    });
  });
  test("where the damage has lost a byte", () => {
    expect(repairMojibake("â€œHelloâ€ she said").text).toBe("“Hello” she said");
    expect(repairMojibake("The end.Â  Next").text).toBe("The end.  Next");
    expect(repairMojibake("voilÃ  tout, voilÃ tout").text).toBe("voilà tout, voilà tout");
  });
});

describe("leaves good text alone", () => {
  test.each([
    ...GOOD,
    "CAFÉ” he said",
    "L’ÉTÉ… est fini",
    "MAÇÃ” disse",
    "AMANHÃ… não",
    "IRMÃ\u00a0DE",
    "«café»…",
    "TÂ\u00a0x",
    "Ângela, Îles, Œuvre, Ærø, Ïrak",
    "Ã is a letter, Â too",
    "àéîõü ÀÉÎÕÜ ßÿ",
    "™®©°±²³µ¶·¹º»¼½¾",
  ])("%s", (good) => {
    expect(repairMojibake(good)).toEqual({ text: good, count: 0 });
  });

  const shared = `${process.env["NUWA_SHARED"] ?? "../shared"}/data`;
  for (const folder of ["novels-en", "classics-zh"]) {
    test.skipIf(!existsSync(`${shared}/${folder}`))(`every text of ${folder} (needs the shared data)`, () => {
      for (const file of readdirSync(`${shared}/${folder}`)) {
        const text = readFileSync(`${shared}/${folder}/${file}`, "utf8");
        expect(repairMojibake(text).count, file).toBe(0);
        const paragraph = text.slice(20_000, 21_000).replace(/[\ud800-\udfff]/g, "");
        if (/[\u0080-\uffff]/.test(paragraph)) {
          // Not toBe: a failure would print the text.
          expect(repairMojibake(asWindows1252(paragraph)).text === paragraph, file).toBe(true);
        }
      }
    });
  }
});

test.each(["Ã", "Ã©", "â€", "Â ", "\ud800Ã©"])("hostile: %j without end takes linear time", async (unit) => {
  expect(() => repairMojibake(unit)).not.toThrow();
  await expectGrowth((count) => unit.repeat(count), 300_000, repairMojibake);
});
