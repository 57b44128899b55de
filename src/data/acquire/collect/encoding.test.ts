import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { BinaryContent, checkedEncoding, decode, detectEncoding } from "./encoding.ts";

const CHINESE =
  "却说曹操引军追至，见张飞立马于桥上，圆睁环眼，睁睁欲战。操便令众将回军。张飞见曹军一拥而退，不敢追赶，速唤回原随二十余骑。";
const TRADITIONAL =
  "卻說曹操引軍追至，見張飛立馬於橋上，圓睜環眼，睜睜欲戰。操便令眾將回軍。張飛見曹軍一擁而退，不敢追趕。";
const JAPANESE =
  "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いていた。";
const RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.";
const KOREAN =
  "나는 고양이다. 이름은 아직 없다. 어디서 태어났는지 전혀 짐작이 가지 않는다. 아무튼 어두컴컴한 곳에서 울고 있었다.";
const FRENCH =
  "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient déjà.";

/** The system's iconv: another implementation than the decoder under test. */
function iconv(text: string, encoding: string): Buffer {
  return execFileSync("iconv", ["-f", "UTF-8", "-t", encoding], { input: text.repeat(3) });
}
const hasIconv = (() => {
  try {
    return iconv("a", "GB18030").length === 3;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasIconv)("encodings found out (needs iconv)", () => {
  test.each([
    ["GB18030", CHINESE, "gb18030"],
    ["GBK", CHINESE, "gb18030"],
    ["BIG5", TRADITIONAL, "big5"],
    ["SHIFT_JIS", JAPANESE, "shift_jis"],
    ["EUC-JP", JAPANESE, "euc-jp"],
    ["ISO-2022-JP", JAPANESE, "iso-2022-jp"],
    ["EUC-KR", KOREAN, "euc-kr"],
    ["WINDOWS-1251", RUSSIAN, "windows-1251"],
    ["KOI8-R", RUSSIAN, "koi8-r"],
    ["WINDOWS-1252", FRENCH, "windows-1252"],
    ["UTF-8", CHINESE, "utf-8"],
    ["UTF-16", CHINESE, "utf-16le"],
    ["UTF-16LE", FRENCH, "utf-16le"],
    ["UTF-16BE", FRENCH, "utf-16be"],
    ["UTF-32", RUSSIAN, "utf-32le"],
  ])("%s", (encoding, text, expected) => {
    const found = decode(iconv(text, encoding));
    expect(found.text.replace(/^\ufeff/, "")).toBe(text.repeat(3));
    expect([found.encoding, found.replaced]).toEqual([expected, 0]);
  });
});

describe("HTML", () => {
  const page = (meta: string, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`<html><head>${meta}</head><body>`), body, Buffer.from("</body></html>")]);
  // "中文" in GBK: D6D0 CEC4; too short for guessing, so the declaration decides.
  const gbk = Buffer.from([0xd6, 0xd0, 0xce, 0xc4]);
  test.each([
    '<meta charset="gb2312">',
    '<META http-equiv=Content-Type content="text/html; charset=GBK">',
    "<meta name=x><meta charset = ' gb18030'>",
  ])("declared by %s", (meta) => {
    expect(decode(page(meta, gbk), "auto", { html: true }).text).toContain("中文");
  });
  test("valid UTF-8 goes before a declaration that was left behind", () => {
    const bytes = page('<meta charset="gb2312">', Buffer.from("中文"));
    expect(decode(bytes, "auto", { html: true })).toMatchObject({ encoding: "utf-8", replaced: 0 });
  });
  test("a declaration that names nothing is passed over", () => {
    expect(decode(page('<meta charset="klingon">', Buffer.from("中文")), "auto", { html: true }).encoding).toBe(
      "utf-8",
    );
  });
});

describe("broken UTF-8", () => {
  test("is counted, with the offset of the first bad byte", () => {
    const bytes = Buffer.concat([
      Buffer.from("你好世界你好世界你好世界"),
      Buffer.from([0xff]),
      Buffer.from("再见\ufffd"),
    ]);
    expect(decode(bytes)).toEqual({
      text: "你好世界你好世界你好世界\ufffd再见\ufffd",
      encoding: "utf-8",
      replaced: 1,
      firstBrokenByte: 36,
    });
  });
  test.each([
    ["cut character", [0x61, 0xe4, 0xbd], 1],
    ["overlong", [0x61, 0xc0, 0xaf], 1],
    ["surrogate", [0x61, 0xed, 0xa0, 0x80], 1],
    ["beyond Unicode", [0x61, 0xf5, 0x80, 0x80, 0x80], 1],
    ["lone continuation", [0x80], 0],
  ])("%s", (_, bytes, first) => {
    const found = decode(Uint8Array.from(bytes), "utf-8");
    expect(found.firstBrokenByte).toBe(first);
    expect(found.replaced).toBeGreaterThan(0);
  });
  test("a byte order mark is no text", () => {
    expect(decode(Buffer.from("\ufeffabc")).text).toBe("abc");
  });
});

test("bytes that are no text are refused; names that are no encoding too", () => {
  expect(() => detectEncoding(Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13, 1, 2]))).toThrow(BinaryContent);
  expect(() => checkedEncoding("utf-9")).toThrow(/expected the name of a text encoding, got "utf-9"/);
  expect(checkedEncoding("GBK")).toBe("gbk");
});

test("a few NUL bytes in a text are dropped; many, or other control characters beside them, are no text", () => {
  const page = "<p>One two three, 一二三四.</p>".repeat(20);
  const at = [3, 40, 41, 297];
  const bytes = Buffer.from(page);
  for (const encoding of ["utf8", "utf16le"] as const) {
    const body = Buffer.from(page, encoding);
    expect(decode(body).text).toBe(page);
  }
  const parts = at.map((end, k) => bytes.subarray(at[k - 1] ?? 0, end));
  const holed = Buffer.concat([...parts.flatMap((part) => [part, Buffer.of(0)]), bytes.subarray(at.at(-1))]);
  expect(decode(holed, "auto", { html: true })).toEqual({ text: page, encoding: "utf-8", replaced: 0 });
  const gbk = Buffer.concat([Buffer.from("\0<meta charset=gbk>"), Buffer.from("c4e3bac3cac0bde7".repeat(30), "hex")]);
  expect(decode(gbk, "auto", { html: true }).text).toBe(`<meta charset=gbk>${"你好世界".repeat(30)}`);
  expect(() => decode(Buffer.concat([bytes, Buffer.alloc(100)]))).toThrow(BinaryContent);
  const program = Uint8Array.from({ length: 5000 }, (_, k) => (k % 500 === 0 ? 0 : k % 20 === 0 ? 1 : 97));
  expect(() => decode(program)).toThrow(BinaryContent);
});

test("nothing and next to nothing", () => {
  expect(decode(new Uint8Array())).toEqual({ text: "", encoding: "utf-8", replaced: 0 });
  for (let byte = 0; byte < 256; byte++) {
    try {
      decode(Uint8Array.from([byte]));
    } catch (error) {
      expect(error).toBeInstanceOf(BinaryContent);
    }
  }
});
