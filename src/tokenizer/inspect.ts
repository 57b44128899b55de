import { countCharacters, words } from "../text/index.ts";
import type { Tokenizer } from "./types.ts";

const scripts: readonly (readonly [name: string, letters: RegExp])[] = [
  ["Han", /\p{Script=Han}/gu],
  ["Latin", /\p{Script=Latin}/gu],
  ["Cyrillic", /\p{Script=Cyrillic}/gu],
  ["Greek", /\p{Script=Greek}/gu],
  ["Arabic", /\p{Script=Arabic}/gu],
  ["Hebrew", /\p{Script=Hebrew}/gu],
  ["Devanagari", /\p{Script=Devanagari}/gu],
  ["Thai", /\p{Script=Thai}/gu],
  ["Hangul", /\p{Script=Hangul}/gu],
  ["kana", /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
];

/** The script that most letters of a text are of; "other letters", "digits" or "signs" where none of the known ones is. */
export function scriptOf(text: string): string {
  let best = "";
  let most = 0;
  for (const [name, letters] of scripts) {
    const count = text.match(letters)?.length ?? 0;
    if (count > most) [best, most] = [name, count];
  }
  if (best !== "") return best;
  if (/\p{L}/u.test(text)) return "other letters";
  return /\p{N}/u.test(text) ? "digits" : "signs";
}

/** What a vocabulary is made of. */
export interface VocabularyReport {
  readonly kind: string;
  readonly size: number;
  /** Control tokens by text. */
  readonly special: Readonly<Record<string, number>>;
  /** Tokens by the script of their letters; "bytes" are those that are no whole characters. */
  readonly byScript: Readonly<Record<string, number>>;
  /** Tokens by how many characters they have, from 1. Tokens of "bytes" and control tokens are left out. */
  readonly byLength: readonly number[];
}

/** Counts a vocabulary's tokens by script and length. */
export function inspectVocabulary(tokenizer: Tokenizer): VocabularyReport {
  const byScript: Record<string, number> = {};
  const byLength: number[] = [];
  const special = new Set(tokenizer.specialTokens.values());
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    if (tokenizer.idToToken(id) === undefined || special.has(id)) continue;
    const text = wholeText(tokenizer.tokenBytes(id));
    const script = text === undefined ? "bytes" : scriptOf(text);
    byScript[script] = (byScript[script] ?? 0) + 1;
    if (text === undefined) continue;
    const length = countCharacters(text);
    while (byLength.length < length) byLength.push(0);
    if (length > 0) byLength[length - 1] = (byLength[length - 1] ?? 0) + 1;
  }
  const sorted = Object.fromEntries(Object.entries(byScript).sort(([, a], [, b]) => b - a));
  return {
    kind: tokenizer.kind,
    size: tokenizer.vocabSize,
    special: Object.fromEntries(tokenizer.specialTokens),
    byScript: sorted,
    byLength,
  };
}

/** How a text is cut. Shares are of its tokens, 0 to 1. */
export interface Fertility {
  characters: number;
  /** In scripts written without blanks each character is a word. */
  words: number;
  bytes: number;
  tokens: number;
  tokensPerWord: number;
  tokensPerCharacter: number;
  bytesPerToken: number;
  /** Tokens that stand for text the vocabulary cannot write. */
  unknownShare: number;
  /** Tokens that are part of a character only. */
  byteShare: number;
}

/**
 * How a text is cut, as a whole and by the script of its lines (a line counts to the script of most of its letters).
 *
 * @example inspectText(tokenizer, "the cat\n猫").byScript // { Latin: {…}, Han: {…} }
 */
export function inspectText(
  tokenizer: Tokenizer,
  text: string,
): { readonly all: Fertility; readonly byScript: Readonly<Record<string, Fertility>> } {
  const byScript: Record<string, Fertility> = {};
  const all = none();
  for (const line of text.split(/(?<=\n)/)) {
    if (line.trim() === "") continue;
    const part = (byScript[scriptOf(line)] ??= none());
    const ids = tokenizer.encode(line);
    let unknown = 0;
    let partial = 0;
    for (const id of ids) {
      if (id === tokenizer.unknownId) unknown++;
      else if (wholeText(tokenizer.tokenBytes(id)) === undefined) partial++;
    }
    for (const sum of [part, all]) {
      sum.characters += countCharacters(line);
      sum.words += words(line).length;
      sum.bytes += Buffer.byteLength(line);
      sum.tokens += ids.length;
      sum.unknownShare += unknown;
      sum.byteShare += partial;
    }
  }
  for (const sum of [all, ...Object.values(byScript)]) {
    sum.tokensPerWord = ratio(sum.tokens, sum.words);
    sum.tokensPerCharacter = ratio(sum.tokens, sum.characters);
    sum.bytesPerToken = ratio(sum.bytes, sum.tokens);
    sum.unknownShare = ratio(sum.unknownShare, sum.tokens);
    sum.byteShare = ratio(sum.byteShare, sum.tokens);
  }
  return { all, byScript };
}

function none(): Fertility {
  return {
    characters: 0,
    words: 0,
    bytes: 0,
    tokens: 0,
    tokensPerWord: 0,
    tokensPerCharacter: 0,
    bytesPerToken: 0,
    unknownShare: 0,
    byteShare: 0,
  };
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes, or undefined where they are not whole characters. */
function wholeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
