// UTF-8 that was read as GBK: "浣犲ソ锛屼笘鐣�" for "你好，世界". The way back: the characters' GBK bytes, read as UTF-8.

/**
 * Characters that the UTF-8 of Chinese marks (，。“” and their like) becomes when it is read as GBK. In good texts they are
 * rarer than one in a hundred thousand.
 */
const EVIDENCE = /[锛銆鈥]/gu;
/** Of the letters of a text, the share that such characters make up at the least where it is mojibake. */
const EVIDENCE_SHARE = 0.005;
const RUN = /[\u0080-\uffff]+/gu;

/**
 * Repairs texts that are UTF-8 read as GBK. What the wrong reading has lost (the last byte of an odd number) stays lost
 * and is a U+FFFD.
 *
 * @returns the text, and how many runs of characters were repaired
 * @example repairGbkMojibake("浣犲ソ锛屼笘鐣屻€�") // { text: "你好，世界。", count: 1 }
 */
export function repairGbkMojibake(text: string): { text: string; count: number } {
  const evidence = text.match(EVIDENCE)?.length ?? 0;
  if (evidence === 0 || evidence < EVIDENCE_SHARE * text.length) return { text, count: 0 };
  let count = 0;
  const repaired = text.replace(RUN, (run) => {
    const once = decodeRun(run);
    if (once === undefined) return run;
    count++;
    return once;
  });
  return { text: repaired, count };
}

const decoder = new TextDecoder("utf-8");

/** The run read rightly, or undefined where that gives no Chinese. */
function decodeRun(run: string): string | undefined {
  const bytes: number[] = [];
  for (const character of run.replace(/\ufffd+$/u, "")) {
    // In the middle of a run the one byte that GBK has no character for is 80.
    const code = character === "\ufffd" ? 0x80 : gbkBytes().get(character);
    if (code === undefined) return undefined;
    bytes.push(...(code > 0xff ? [code >> 8, code & 0xff] : [code]));
  }
  const text = decoder.decode(Uint8Array.from(bytes));
  const lost = text.match(/\ufffd/gu)?.length ?? 0;
  const good = text.match(/[\p{Script=Han}\u3000-\u303f\uff00-\uffef\u2010-\u2026]/gu)?.length ?? 0;
  return good > 0 && lost <= Math.max(1, 0.1 * good) && good + lost >= 0.9 * text.length ? text : undefined;
}

let known: Map<string, number> | undefined;

/** Characters of GBK and their one or two bytes, from the decoder that Node has; made when first asked for. */
function gbkBytes(): ReadonlyMap<string, number> {
  if (known !== undefined) return known;
  known = new Map([["€", 0x80]]);
  const gbk = new TextDecoder("gbk");
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      const character = gbk.decode(Uint8Array.of(lead, trail));
      if (trail !== 0x7f && [...character].length === 1 && character !== "\ufffd" && !known.has(character)) {
        known.set(character, (lead << 8) | trail);
      }
    }
  }
  return known;
}
