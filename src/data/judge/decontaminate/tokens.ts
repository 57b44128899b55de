import { isHan } from "../../../text/script.ts";

/** The tokens of a text that n-grams are made of: 64-bit hashes in two halves, and where each stands. */
export interface HashedTokens {
  readonly count: number;
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** 1 for a Han character, 0 for a word. */
  readonly han: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const WORD = 1;
const HAN = 2;
let classes: Uint8Array | undefined;

function table(): Uint8Array {
  if (classes !== undefined) return classes;
  classes = new Uint8Array(0x10000);
  for (let unit = 0; unit < 0x10000; unit++) {
    if (unit >= 0xd800 && unit < 0xe000) classes[unit] = WORD;
    else if (isHan(unit)) classes[unit] = HAN;
    else if (/[\p{L}\p{M}\p{N}]/u.test(String.fromCharCode(unit))) classes[unit] = WORD;
  }
  return classes;
}

/**
 * Words in lower case without punctuation, and Han characters one by one. An apostrophe inside a word is no part of it
 * and does not end it ("don't" is "dont"), so that typographic and plain ones are the same.
 */
export function hashTokens(text: string): HashedTokens {
  const kinds = table();
  const lower = text.toLowerCase();
  // Lower case can be longer than its original (İ); then places would not fit, and the original is taken.
  const source = lower.length === text.length ? lower : text;
  const room = source.length + 1;
  const tokens = {
    first: new Int32Array(room),
    second: new Int32Array(room),
    han: new Uint8Array(room),
    starts: new Int32Array(room),
    ends: new Int32Array(room),
  };
  let count = 0;
  let open = false;
  let [first, second] = [0, 0];
  const close = (end: number): void => {
    tokens.first[count] = first;
    tokens.second[count] = second;
    tokens.ends[count++] = end;
    open = false;
  };
  for (let i = 0; i < source.length; i++) {
    const unit = source.charCodeAt(i);
    const kind = kinds[unit] ?? 0;
    if (kind === WORD) {
      if (!open) {
        open = true;
        tokens.starts[count] = i;
        tokens.han[count] = 0;
        [first, second] = [0x811c9dc5 | 0, 0];
      }
      first = Math.imul(first ^ unit, 0x01000193);
      second = Math.imul(((second << 5) | (second >>> 27)) ^ unit, 0x9e3779b1);
      continue;
    }
    if (open && (unit === 0x27 || unit === 0x2019) && kinds[source.charCodeAt(i + 1)] === WORD) continue;
    if (open) close(i);
    if (kind === HAN) {
      tokens.starts[count] = i;
      tokens.han[count] = 1;
      first = Math.imul(unit, 0x01000193) | 1;
      second = Math.imul(unit, 0x9e3779b1);
      close(i + 1);
    }
  }
  if (open) close(source.length);
  return { count, ...tokens };
}
