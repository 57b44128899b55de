import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { isCardNumber, isIdentityCard, passesLuhn } from "./checksums.ts";
import { findPersonalData } from "./find.ts";
import { createPrivacy, protectText } from "./privacy.ts";
import { privacySettings } from "./settings.ts";

const settings = privacySettings.parse({});
const kinds = (text: string): string[] => findPersonalData(text, { publicIpsOnly: true }).map(({ kind }) => kind);

describe("checksums", () => {
  // Test numbers that the card networks publish.
  test.each([
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
    "6200000000000005",
  ])("card %s", (number) => {
    expect(isCardNumber(number)).toBe(true);
    const changed = number.slice(0, -1) + String((Number(number.at(-1)) + 1) % 10);
    expect(passesLuhn(changed)).toBe(false);
  }); // prettier-ignore
  test("Luhn alone is not a card", () => {
    expect(passesLuhn("79927398713")).toBe(true); // the example of the patent's descriptions
    for (const number of ["79927398713", "0000000000000000", "1234567812345670"])
      expect(isCardNumber(number)).toBe(false);
  });
  test("identity card: the example of GB 11643, and what breaks it", () => {
    expect(isIdentityCard("11010519491231002X")).toBe(true);
    expect(isIdentityCard("11010519491231002x")).toBe(true);
    for (const wrong of ["110105194912310021", "11010519491331002X", "11010519490230002X", "99010519491231002X"]) {
      expect(isIdentityCard(wrong)).toBe(false);
    }
  });
});

const POSITIVE: [string, string][] = [
  ["email", "Write to ann.lee+news@mail.example.org."],
  ["email", "邮箱：zhangsan@163.com，欢迎来信"],
  ["email", "mailto:bob@example.co.uk"],
  ["email", "<o'brien_7@sub-domain.example.museum>"],
  ["phone", "手机13812345678，请联系"],
  ["phone", "电话：+86 138 1234 5678"],
  ["phone", "联系 138-1234-5678"],
  ["phone", "Tel. 010-62751234"],
  ["phone", "座机 0571 87951234 转 8"],
  ["phone", "(021) 62932222"],
  ["phone", "Call (212) 555-2368 now"],
  ["phone", "Call 415-555-2671."],
  ["phone", "phone: +44 20 7946 0958"],
  ["phone", "+49 30 901820 is the number"],
  ["phone", "+33 (0)1 42 68 53 00"],
  ["phone", "张某，13688888888"],
  ["phone", "电话：02162512345"],
  ["phone", "电话 021 6251 2345"],
  ["phone", "（0755）8765 4321"],
  ["phone", "0755-8765-4321"],
  ["phone", "手机号码：139 12345678"],
  ["phone", "联系方式 86-13912345678"],
  ["phone", "傳真：02-2345-6789"],
  ["phone", "Tel.: 0711 1234567"],
  ["phone", "Telefon 0711/123 45 67"],
  ["phone", "0711 / 1234567"],
  ["phone", "Handy: 0151-23456789"],
  ["phone", "Mobil 015123456789"],
  ["phone", "0170 1234567 ist meine Nummer"],
  ["phone", "Fax: (030) 12345-67"],
  ["phone", "0049 30 901820"],
  ["phone", "tél. 01.42.68.53.00"],
  ["phone", "01 42 68 53 00"],
  ["phone", "ring 020 7946 0958"],
  ["phone", "07700 900 123"],
  ["ip", "from 8.8.8.8 at noon"],
  ["ip", "IP地址是114.114.114.114。"],
  ["ip", "host 2001:4860:4860::8888 answered"],
  ["ip", "2400:3200:baba:0:0:0:0:1 is theirs"],
  ["card", "card 4111 1111 1111 1111, thanks"],
  ["card", "5555-5555-5555-4444"],
  ["card", "银行卡6200000000000005"],
  ["card", "amex 3782 822463 10005"],
  ["identity_card", "身份证号11010519491231002X。"],
  ["identity_card", "ID 11010519491231002x"],
  ["qq", "QQ：10001234"],
  ["qq", "加QQ群 123456789"],
  ["qq", "我的qq号是34567"],
];

const NEGATIVE = [
  "@everyone at 5 pm",
  "user@localhost",
  "npm install left-pad@1.3.0",
  "logo@2x.png",
  "git@github.com:owner/name.git",
  "a @ b . c",
  "foo@bar",
  "x@y..z",
  "call 555-1234",
  "订单号 02162512345",
  "（2021）京0105民初12345号",
  "Aktenzeichen 12 O 345/21",
  "01/02/2023 and 03/04/2024",
  "Fax 2021-10-12",
  "Tel Aviv 1909",
  "Telefonbuch 2021",
  "hotel 12345678",
  "010 2021 was not a good year",
  "scores 01 02 03 04",
  "2023-10-12 to 2024-11-13",
  "ISBN 978-7-302-51261-4",
  "order 13812345678901",
  "price 1,381,234.56",
  "138.12345678 seconds",
  "3.14159265358979",
  "id A13812345678",
  "1999-2000 and 2001-2002",
  "+3.14159265",
  "0.13812345678",
  "12812345678",
  "range 100-200-3000",
  "+1 for this",
  "page 123-456-78",
  "version 1.2.3.4",
  "v10.20.30.40",
  "192.168.1.1",
  "127.0.0.1",
  "10.0.0.5",
  "1.2.3",
  "1.2.3.4.5",
  "256.1.1.1",
  "01.02.03.04",
  "std::vector<int>",
  "12:30:45",
  "a::b",
  "00:1A:2B:3C:4D:5E",
  "fe80::1",
  "::1",
  "Genesis 1:1",
  "see 3:16:20:5",
  "4111 1111 1111 1112",
  "1234567812345670",
  "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
  "0000 0000 0000 0000",
  "20231012123456789012",
  "110105194912310021",
  "110105194902300023",
  "2021050419491231002X7",
  "QQ音乐有10000首歌",
  "QQ 2023 版",
  "QQ用户达10000万",
  "Q&A 12345",
  "FAQQ 12345",
  "1949年10月1日",
  "人口1381234567890人",
  "第1.2.3.4节",
]; // prettier-ignore

describe("found, and nothing else", () => {
  test.each(POSITIVE)("%s in %s", (kind, text) => expect(kinds(text)).toEqual([kind]));
  test.each(NEGATIVE)("nothing in %s", (text) => expect(kinds(text)).toEqual([]));

  test("planted in sentences: precision and recall", () => {
    let state = 11;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const tally: Record<string, { planted: number; found: number; right: number }> = {};
    const of = (kind: string) => (tally[kind] ??= { planted: 0, found: 0, right: 0 });
    for (let round = 0; round < 300; round++) {
      const planted = Array.from({ length: 4 }, () => POSITIVE[random(POSITIVE.length)] ?? (["", ""] as const));
      const others = Array.from({ length: 6 }, () => NEGATIVE[random(NEGATIVE.length)] ?? "");
      const all: { kind: string; text: string }[] = [
        ...planted.map(([kind, text]) => ({ kind, text })),
        ...others.map((text) => ({ kind: "", text })),
      ];
      for (let i = all.length - 1; i > 0; i--) {
        const j = random(i + 1);
        const [a, b] = [all[i], all[j]];
        if (a === undefined || b === undefined) continue;
        all[i] = b;
        all[j] = a;
      }
      const text = all.map((piece) => piece.text).join(" ; ");
      const found = findPersonalData(text, { publicIpsOnly: true });
      let at = 0;
      for (const { kind, text: piece } of all) {
        const inside = found.filter(({ start, end }) => start >= at && end <= at + piece.length);
        for (const { kind: got } of inside) {
          of(got).found++;
          if (got === kind) of(got).right++;
        }
        if (kind !== "") of(kind).planted++;
        at += piece.length + 3;
      }
    }
    for (const [kind, { planted, found, right }] of Object.entries(tally)) {
      expect(right / found, `precision of ${kind}`).toBeGreaterThanOrEqual(0.99);
      expect(right / planted, `recall of ${kind}`).toBeGreaterThanOrEqual(0.99);
    }
    expect(Object.keys(tally).sort()).toEqual(["card", "email", "identity_card", "ip", "phone", "qq"]);
  });
});

describe("the stage", () => {
  const document = (text: string) => ({ id: "0", text, source: "x", meta: {} });

  test("masks, with a line in the ledger that does not give away what was masked", () => {
    const verdict = createPrivacy(settings).map(document("a@example.org, b@example.org, 13812345678"));
    expect(verdict).toEqual({
      keep: document("<email>, <email>, <phone>"),
      parts: [
        { rule: "privacy.email", value: 2, excerpt: "<email>, <email>, <phone>" },
        { rule: "privacy.phone", value: 1, excerpt: "<email>, <email>, <phone>" },
      ],
    });
    expect(JSON.stringify(verdict)).not.toMatch(/example|1381/u);
  });
  test("removes, keeps, own masks", () => {
    const own = privacySettings.parse({ email: "remove", phone: "keep", masks: { ip: "0.0.0.0" } });
    expect(protectText("a@b.org 13812345678 8.8.8.8", own)).toEqual({
      text: " 13812345678 0.0.0.0",
      counts: { email: 1, ip: 1 },
    });
  });
  test("an address list is dropped", () => {
    const privacy = createPrivacy(privacySettings.parse({ max_items: 2 }));
    expect(privacy.map(document("a@b.org b@b.org"))).toHaveProperty("keep");
    expect(privacy.map(document("a@b.org b@b.org c@b.org"))).toMatchObject({
      drop: { rule: "privacy.max_items", value: 3, threshold: 2 },
    });
  });
  test.each([
    ["1", 1e6],
    ["1 ", 5e5],
    ["a@", 5e5],
    ["1.", 5e5],
    [":", 1e6],
    ["+1-", 3e5],
    ["a.", 5e5],
  ])("hostile: %s without end takes linear time", async (unit, size) => {
    await expectGrowth(
      (count) => unit.repeat(count),
      size,
      (text) => protectText(text, settings),
    );
  });
});

const novel = `${process.env["NUWA_SHARED"] ?? "../shared"}/data/wikitext-2`;
test.skipIf(!existsSync(novel))("encyclopaedia pages have none (needs the shared data)", () => {
  const text = readFileSync(`${novel}/wiki.test.raw`, "utf8");
  const found = findPersonalData(text, { publicIpsOnly: true });
  expect(found.map(({ start, end }) => text.slice(start - 20, end + 20))).toEqual([]);
});
