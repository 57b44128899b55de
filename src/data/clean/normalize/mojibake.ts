// UTF-8 that was read as windows-1252 or Latin-1: "donâ€™t" for "don’t", "PÃ©rez" for "Pérez", "ä¸­æ–‡" for "中文".
// The way back: take the characters' windows-1252 bytes and read them as UTF-8. Done blindly this would damage good text
// (in "CAFÉ”" the bytes of É and ” are valid UTF-8 too), so a run of such characters is repaired only where what it is
// and what stands around it leave no doubt.

/** Characters of bytes 0x80 to 0x9f in windows-1252 (WHATWG Encoding Standard); the five unused ones are C1 controls. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

const byteOf = new Map<string, number>();
for (let byte = 0x80; byte <= 0xff; byte++) byteOf.set(String.fromCharCode(byte), byte);
for (const [k, character] of [...WINDOWS_1252].entries()) byteOf.set(character, 0x80 + k);

const CONTINUATION = `[\\u0080-\\u00bf${WINDOWS_1252}]`;
const SEQUENCE = `(?:[\\u00c2-\\u00df]${CONTINUATION}|[\\u00e0-\\u00ef]${CONTINUATION}{2}|[\\u00f0-\\u00f4]${CONTINUATION}{3})`;
const CANDIDATE = new RegExp(`[\\u00c2-\\u00f4]${CONTINUATION}|[a-z.,;:!?)]Â |[a-z]Ã `);
const RUNS = new RegExp(`${SEQUENCE}+`, "g");

/**
 * Repairs mojibake, double encoded too (four times at the most).
 *
 * @returns the text, and how many runs of characters were repaired
 * @example repairMojibake("Itâ€™s PÃ©rez") // { text: "It’s Pérez", count: 2 }
 */
export function repairMojibake(text: string): { text: string; count: number } {
  let count = 0;
  let out = text;
  for (let pass = 0; pass < 4 && CANDIDATE.test(out); pass++) {
    const once = repairOnce(out);
    if (once.count === 0) break;
    count = Math.max(count, once.count);
    out = once.text;
  }
  return { text: out, count };
}

function repairOnce(text: string): { text: string; count: number } {
  let count = 0;
  const evidence = text.match(CERTAIN)?.length ?? 0;
  let out = text.replace(RUNS, (run, at: number) => {
    const repaired = decodeRun(run);
    if (repaired === undefined || !isSafe(run, repaired, text, at, evidence)) return run;
    count++;
    return repaired;
  });
  if (out.includes("â€") || /[a-z.,;:!?)]Â |[a-z]Ã /.test(out)) {
    out = out
      // The byte 9D has no character in windows-1252; some readers drop it, and of the closing quote this is left.
      .replace(/(?<=\S)â€(?=[\s.,;:!?)\]]|$)/gm, () => (count++, "”"))
      // A no-break space (C2 A0, and in "à" C3 A0) that has since become a plain space.
      .replace(/(?<=[a-z.,;:!?)])Â (?= |\S)/g, () => (count++, " "))
      .replace(/(?<=[a-z])Ã {1,2}(?=\S)/g, () => (count++, "à "));
  }
  return { text: out, count };
}

// What no good text holds: the beginnings of quotes, dashes, bullets, euro and trade mark signs, of emoji.
const CERTAIN = /â(?:€[\u0080-\u00bf‘’“”•–—˜™š›œžŸ¢£¤¥¦]|„¢|‚¬|†[’”])|ðŸ/g;

const decoder = new TextDecoder("utf-8", { fatal: true });

function decodeRun(run: string): string | undefined {
  const bytes = Uint8Array.from(run, (character) => byteOf.get(character) ?? 0);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const LETTER = /\p{L}/u;
const UPPER = /\p{Lu}/u;
const LOWER = /\p{Ll}/u;
const C1 = /[\u0080-\u009f]/;

/** Whether a run that can be decoded is certain enough to be mojibake. */
function isSafe(run: string, repaired: string, text: string, at: number, evidence: number): boolean {
  const characters = [...repaired];
  // Decoding gives controls only for accidents such as "Â…", unless it is a step on the way through double encoding.
  if (C1.test(repaired) && !MULTIPLE.test(repaired)) return false;
  const lead = run.charCodeAt(0);
  const before = text.slice(Math.max(0, at - 1), at);
  const after = text.slice(at + run.length, at + run.length + 1);
  if (characters.length === 1) {
    if (lead >= 0xf0) return true; // four bytes: emoji and rare letters
    if (lead >= 0xe0) return run.startsWith("â") ? isSymbol(repaired) : evidence >= 3 && /\p{L}|\p{P}/u.test(repaired);
    if (lead === 0xc2) return !UPPER.test(before) && !/[Ââ]/.test(before);
    // Ã at the end of a Portuguese word in capitals, before a quote, dash or ellipsis, is itself.
    if (lead === 0xc3) {
      if (!LETTER.test(repaired) && repaired !== "×" && repaired !== "÷") return false;
      if (!UPPER.test(before)) return true;
      return UPPER.test(repaired) ? LETTER.test(after) : LOWER.test(after);
    }
    // Ä, Å, Ð, Î, …: letters of many languages, which may stand before a quote. In company only, or inside a word.
    return (
      LETTER.test(repaired) &&
      (evidence >= 3 ||
        !PUNCTUATION.test(run.charAt(1)) ||
        (LOWER.test(before) && LOWER.test(after) && LOWER.test(repaired)))
    );
  }
  // Two and more in a row: good text does not put letters and symbols of Latin-1 in such an order, but for capitals
  // before quotation marks, of which all are then letters and marks that exist in windows-1252.
  if (lead === 0xc2 || lead === 0xc3 || run.startsWith("â") || lead >= 0xf0) return true;
  return characters.every((character) => /[\p{L}\p{M}\p{N}\p{P}\p{S}\s]/u.test(character)) && oneScript(repaired);
}

// Continuations that are letters, or what may stand after a word: quotes, dashes, marks. The others (¾ ¼ ¶ ¨ ±) do not.
const PUNCTUATION = /[\p{L}\p{P}\u00a0€™®°²³¹]/u;
const MULTIPLE = new RegExp(`[\\u00c2-\\u00f4]${CONTINUATION}`);

function isSymbol(character: string): boolean {
  return /[\u2000-\u2bff]/.test(character);
}

const SCRIPTS = [
  "Han}\\p{scx=Hiragana}\\p{scx=Katakana",
  "Cyrillic",
  "Greek",
  "Arabic",
  "Hebrew",
  "Hangul",
  "Thai",
  "Latin",
  "Devanagari",
].map((script) => new RegExp(`^[\\p{scx=${script}}\\p{M}\\p{N}\\p{P}\\p{S}\\s]+$`, "u")); // prettier-ignore

function oneScript(text: string): boolean {
  return /\p{L}{2}|\p{L}.?\p{L}/u.test(text) && SCRIPTS.some((script) => script.test(text));
}
