import { isAscii, isUtf8 } from "node:buffer";
import { analyse } from "chardet";
import { NuwaError } from "../../../text/errors.ts";
import { InputProblem } from "./input-problem.ts";

/** Bytes turned into text, and how well that went. */
export interface Decoded {
  readonly text: string;
  /** WHATWG name, lower case: `utf-8`, `gb18030`, … */
  readonly encoding: string;
  /** How many places could not be decoded and stand as U+FFFD in the text. */
  readonly replaced: number;
  /** Offset of the first such byte in the input; `undefined` where none, or where the decoder cannot tell. */
  readonly firstBrokenByte?: number;
}

/** How much of a file is looked at to find its encoding, in bytes. */
export const SAMPLE_BYTES = 1 << 16;

/** What no supported encoding can be: bytes of a picture, a program, an archive. */
export class BinaryContent extends InputProblem {}

/**
 * The encoding of a text, from its byte order mark, from what an HTML or XML head declares, from being valid UTF-8, or
 * guessed from the frequencies of its bytes (chardet). Valid UTF-8 goes before a declaration: pages saved by tools are
 * often re-encoded without their `<meta>` being changed, and other encodings are almost never valid UTF-8 by accident.
 *
 * @param bytes the beginning of the file, or all of it
 * @param whole whether `bytes` ends where the file ends (else a character cut at the end is no fault)
 * @throws BinaryContent when the bytes are no text
 */
export function detectEncoding(bytes: Uint8Array, { html = false, whole = true } = {}): string {
  const mark = byteOrderMark(bytes);
  if (mark !== undefined) return mark;
  const sample = bytes.length > SAMPLE_BYTES ? aroundFirstHighByte(bytes) : bytes;
  const wide = wideWithoutMark(sample);
  if (wide !== undefined) return wide;
  if (isBinary(sample)) throw new BinaryContent("holds NUL bytes: no text");
  const declared = html ? declaredEncoding(bytes) : undefined;
  // Seven-bit Japanese is valid ASCII too.
  if (isUtf8(sample)) return isAscii(sample) && hasJapaneseEscape(sample) ? "iso-2022-jp" : "utf-8";
  const utf8 = utf8Evidence(sample, whole && sample === bytes);
  if (utf8.broken === 0) return "utf-8";
  if (declared !== undefined && declared !== "utf-8") return declared;
  if (declared === "utf-8" || utf8.multibyte >= 10 * utf8.broken) return "utf-8";
  return guess(sample);
}

/**
 * Decodes a whole file.
 *
 * @param encoding a WHATWG label, or `auto`
 * @throws NuwaError VALUE for an encoding that does not exist; BinaryContent for bytes that are no text
 */
export function decode(bytes: Uint8Array, encoding = "auto", { html = false } = {}): Decoded {
  const name = encoding === "auto" ? detectEncoding(bytes, { html }) : checkedEncoding(encoding);
  return withoutNul(decodeAs(bytes, name));
}

function decodeAs(bytes: Uint8Array, name: string): Decoded {
  if (name === "utf-8") return decodeUtf8(bytes);
  if (name.startsWith("utf-32")) return decodeUtf32(bytes, name === "utf-32le");
  const text = new TextDecoder(name).decode(bytes);
  return { text, encoding: name, replaced: count(text, 0xfffd) };
}

/** As browsers do with a NUL between a page's letters (HTML standard, "data state"): it is dropped. */
function withoutNul(decoded: Decoded): Decoded {
  return decoded.text.includes("\0") ? { ...decoded, text: decoded.text.replaceAll("\0", "") } : decoded;
}

/** NUL bytes that a text may hold: programs have left one here and there in pages and logs. */
const NUL_SHARE = 0.01;

/**
 * Whether bytes are no text: more than a few are NUL, or the bytes beside the NULs are no text either (text has next to
 * no control characters but white space, form feeds and escape sequences).
 */
function isBinary(sample: Uint8Array): boolean {
  let nuls = 0;
  let controls = 0;
  for (const byte of sample) {
    if (byte === 0) nuls++;
    else if (byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b) || byte === 0x7f) controls++;
  }
  return nuls > 0 && (nuls > NUL_SHARE * sample.length || controls > nuls + NUL_SHARE * sample.length);
}

/** The WHATWG name of an encoding label. @throws NuwaError VALUE when Node knows no such encoding */
export function checkedEncoding(label: string): string {
  if (/^utf-?32(?:le|be)$/i.test(label)) return label.toLowerCase().replace(/^utf32/, "utf-32");
  try {
    return new TextDecoder(label).encoding;
  } catch (cause) {
    throw new NuwaError("VALUE", `expected the name of a text encoding, got "${label}"`, {
      where: "encoding",
      hint: "auto, utf-8, utf-16le, gb18030, big5, shift_jis, euc-jp, euc-kr, windows-1250 to windows-1258, koi8-r",
      cause,
    });
  }
}

/** UTF-8 with every broken sequence replaced as WHATWG says, the number of those and where the first one is. */
export function decodeUtf8(bytes: Uint8Array): Decoded {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const body = start === 0 ? bytes : bytes.subarray(start);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  if (isUtf8(body)) return { text, encoding: "utf-8", replaced: 0 };
  // Replacement characters that were in the input itself are valid there, and not counted.
  const replaced = count(text, 0xfffd) - countBytes(body, [0xef, 0xbf, 0xbd]);
  return { text, encoding: "utf-8", replaced, firstBrokenByte: start + firstBrokenByte(body) };
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "utf-32le" : "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "utf-32be";
  return undefined;
}

/** UTF-16 without a mark shows in NUL bytes on every second place (Latin letters, spaces, line ends). */
function wideWithoutMark(sample: Uint8Array): string | undefined {
  let even = 0;
  let odd = 0;
  const length = Math.min(sample.length, 4096) & ~1;
  for (let i = 0; i < length; i += 2) {
    if (sample[i] === 0) even++;
    if (sample[i + 1] === 0) odd++;
  }
  const units = length / 2;
  if (units < 2) return undefined;
  // U+4E00 (一) and other letters at the start of a row have a NUL in their other byte.
  if (odd > units * 0.3 && even < odd * 0.1) return "utf-16le";
  if (even > units * 0.3 && odd < even * 0.1) return "utf-16be";
  return undefined;
}

/** `<meta charset>`, `<meta http-equiv content="…; charset=…">` or `<?xml encoding?>` in the first 4 KB. */
function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString("latin1");
  const match =
    /<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([\w:.-]+)/i.exec(head) ??
    /^\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w:.-]+)/i.exec(head);
  if (match?.[1] === undefined) return undefined;
  try {
    const { encoding } = new TextDecoder(match[1]);
    // A page whose declaration can be read byte by byte is not UTF-16 (HTML standard, "prescan a byte stream").
    return encoding.startsWith("utf-16") ? "utf-8" : encoding;
  } catch {
    return undefined;
  }
}

/** A window of the sample size that begins a little before the first byte above 127. */
function aroundFirstHighByte(bytes: Uint8Array): Uint8Array {
  let first = 0;
  while (first < bytes.length && (bytes[first] ?? 0) < 0x80) first++;
  if (first === bytes.length) return bytes.subarray(0, SAMPLE_BYTES);
  const start = Math.max(0, Math.min(first - 1024, bytes.length - SAMPLE_BYTES));
  return bytes.subarray(start, start + SAMPLE_BYTES);
}

/** Whole multi-byte sequences and broken places; a sequence cut off by the sample's end is neither. */
function utf8Evidence(bytes: Uint8Array, whole: boolean): { multibyte: number; broken: number } {
  const evidence = { multibyte: 0, broken: 0 };
  for (let i = 0; i < bytes.length; ) {
    if ((bytes[i] ?? 0) < 0x80) {
      i++;
      continue;
    }
    const length = sequenceLength(bytes, i);
    if (length > 0) evidence.multibyte++;
    else if (whole || i < bytes.length - 4) evidence.broken++;
    i += Math.max(1, length);
  }
  return evidence;
}

/** Length of the valid UTF-8 sequence at `i`, else 0 (Unicode standard, table 3-7). */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i] ?? 0;
  const length =
    lead < 0x80
      ? 1
      : lead >= 0xc2 && lead <= 0xdf
        ? 2
        : (lead & 0xf0) === 0xe0
          ? 3
          : lead >= 0xf0 && lead <= 0xf4
            ? 4
            : 0;
  for (let k = 1; k < length; k++) {
    const byte = bytes[i + k] ?? 0;
    let low = 0x80;
    let high = 0xbf;
    if (k === 1) {
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
      else if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    }
    if (byte < low || byte > high) return 0;
  }
  return length;
}

function firstBrokenByte(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return bytes.length;
}

function hasJapaneseEscape(sample: Uint8Array): boolean {
  const at = Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength).indexOf("\u001b$");
  return at >= 0 && (sample[at + 2] === 0x40 || sample[at + 2] === 0x42);
}

/** chardet's best guess that Node can decode without faults; windows-1252, which decodes any bytes, if none can. */
function guess(sample: Uint8Array): string {
  for (const { name, confidence } of analyse(sample)) {
    if (confidence < 10 || /^utf/i.test(name)) continue;
    try {
      const decoder = new TextDecoder(name === "ISO-2022-CN" ? "gb18030" : name);
      const text = decoder.decode(sample);
      // The sample may begin and end inside a character.
      if (count(text.slice(2, -2), 0xfffd) <= text.length / 1000) return decoder.encoding;
    } catch {
      // A name that Node's decoder does not know: the next guess.
    }
  }
  return "windows-1252";
}

function decodeUtf32(bytes: Uint8Array, littleEndian: boolean): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  let replaced = bytes.length % 4 === 0 ? 0 : 1;
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    const codePoint = view.getUint32(i, littleEndian);
    if (i === 0 && codePoint === 0xfeff) continue;
    const valid = codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
    if (!valid) replaced++;
    parts.push(String.fromCodePoint(valid ? codePoint : 0xfffd));
  }
  return { text: parts.join(""), encoding: littleEndian ? "utf-32le" : "utf-32be", replaced };
}

function count(text: string, unit: number): number {
  let found = 0;
  const character = String.fromCharCode(unit);
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++;
  return found;
}

function countBytes(bytes: Uint8Array, sequence: readonly number[]): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = Buffer.from(sequence);
  let found = 0;
  for (let at = buffer.indexOf(wanted); at >= 0; at = buffer.indexOf(wanted, at + sequence.length)) found++;
  return found;
}
