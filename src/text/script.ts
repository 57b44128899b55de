// What kind of character each one is. Filters, tokenizer statistics and the extractor ask this of every character of a
// corpus, so classes of the Basic Multilingual Plane stand in a table of 64 KB that the first call fills.

/** Neither letter nor digit: space, punctuation, symbol, control. */
const OTHER = 0;
/** A letter, mark or digit of a script that puts spaces between words. */
const WORD = 1;
/** A Han character (Chinese, Japanese kanji, Korean hanja). */
const HAN = 2;
/** Japanese kana and other letters of scripts written without spaces (Thai, Lao, Khmer, Burmese). */
const UNSPACED = 3;

const LETTER_OR_DIGIT = /[\p{L}\p{M}\p{N}]/u;
const UNSPACED_LETTER =
  /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

let planeZero: Uint8Array | undefined;

function classTable(): Uint8Array {
  if (planeZero !== undefined) return planeZero;
  const table = new Uint8Array(0x10000);
  for (let unit = 0; unit < 0x10000; unit++) {
    // Lone surrogates are no characters; Hangul and private use need no regular expression.
    if (unit >= 0xd800 && unit <= 0xf8ff) continue;
    if (isHan(unit)) table[unit] = HAN;
    else if (unit >= 0xac00 && unit <= 0xd7a3) table[unit] = WORD;
    else table[unit] = classOf(unit);
  }
  planeZero = table;
  return table;
}

function classOf(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  if (!LETTER_OR_DIGIT.test(character)) return OTHER;
  return UNSPACED_LETTER.test(character) ? UNSPACED : WORD;
}

/** Whether a code point is a Han character: the unified ideographs and their extensions, compatibility forms, 〇 and 々. */
export function isHan(codePoint: number): boolean {
  return (
    (codePoint >= 0x4e00 && codePoint <= 0x9fff) ||
    (codePoint >= 0x3400 && codePoint <= 0x4dbf) ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
    codePoint === 0x3005 ||
    codePoint === 0x3007 ||
    (codePoint >= 0x20000 && codePoint <= 0x3ffff)
  );
}

/** The number of Unicode characters (code points) of a text; a lone surrogate counts as one. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      count--;
      i++;
    }
  }
  return count;
}

/** How many characters of each kind a text has; see {@link countScripts}. */
export interface ScriptCounts {
  /** Code points of any kind. */
  characters: number;
  /** Letters, marks and digits of every script, Han included. */
  letters: number;
  han: number;
  /** Kana, Thai, Lao, Khmer and Burmese letters. */
  unspaced: number;
}

/** Counts letters by kind of script, in one pass. */
export function countScripts(text: string): ScriptCounts {
  const table = classTable();
  const counts: ScriptCounts = { characters: 0, letters: 0, han: 0, unspaced: 0 };
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    let kind = table[unit];
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const codePoint = text.codePointAt(i) ?? unit;
      if (codePoint > 0xffff) {
        kind = isHan(codePoint) ? HAN : classOf(codePoint);
        i++;
      }
    }
    counts.characters++;
    if (kind === OTHER) continue;
    counts.letters++;
    if (kind === HAN) counts.han++;
    else if (kind === UNSPACED) counts.unspaced++;
  }
  return counts;
}

/**
 * The share of Han characters among all letters and digits, 0 to 1; 0 for a text without letters.
 *
 * @example hanShare("我爱 TypeScript") // 2 / 12
 */
export function hanShare(text: string): number {
  const { letters, han } = countScripts(text);
  return letters === 0 ? 0 : han / letters;
}

/**
 * Whether a text is to be handled as Chinese: at least `share` of its letters are Han, and it is not Japanese (kana make
 * up less than a tenth of its Han and kana together). A Han character says about as much as four Latin letters, so the
 * share that decides is low.
 */
export function isChinese(text: string, share = 0.3): boolean {
  const { letters, han, unspaced } = countScripts(text);
  return letters > 0 && han / letters >= share && unspaced < 0.1 * (han + unspaced);
}

// Joined to the word when a letter stands on both sides: apostrophes, hyphen, middle dot of Catalan.
const JOINERS = new Set(["'".charCodeAt(0), 0x2019, "-".charCodeAt(0), 0x2010, 0x2011, 0xb7]);

/**
 * The words of a text, in order, without white space and punctuation. A word is a run of letters, marks and digits,
 * with apostrophes and hyphens inside it; in scripts written without spaces each character is a word by itself, which
 * needs no dictionary and gives the same figures everywhere. {@link segmentWords} finds real Chinese words.
 *
 * @example words("Don't 吃饭, well-known 3D!") // ["Don't", "吃", "饭", "well-known", "3D"]
 */
export function words(text: string): string[] {
  const table = classTable();
  const found: string[] = [];
  let start = -1;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    let kind = table[unit];
    let width = 1;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const codePoint = text.codePointAt(i) ?? unit;
      if (codePoint > 0xffff) {
        kind = isHan(codePoint) ? HAN : classOf(codePoint);
        width = 2;
      }
    }
    if (kind === WORD) {
      if (start < 0) start = i;
    } else {
      const joins = start >= 0 && JOINERS.has(unit) && table[text.charCodeAt(i + 1)] === WORD;
      if (!joins && start >= 0) {
        found.push(text.slice(start, i));
        start = -1;
      }
      if (kind === HAN || kind === UNSPACED) found.push(text.slice(i, i + width));
    }
    i += width - 1;
  }
  if (start >= 0) found.push(text.slice(start));
  return found;
}

const segmenters = new Map<string, Intl.Segmenter>();

/**
 * The words of a text by Unicode's rules and ICU's dictionaries (Chinese, Japanese, Thai, …), punctuation left out. Some
 * twenty times slower than {@link words}; its cuts follow the ICU version of the Node that runs it.
 *
 * @example segmentWords("我喜欢大语言模型", "zh") // ["我", "喜欢", "大", "语言", "模型"]
 */
export function segmentWords(text: string, language = "zh"): string[] {
  let segmenter = segmenters.get(language);
  if (segmenter === undefined) {
    segmenter = new Intl.Segmenter(language, { granularity: "word" });
    segmenters.set(language, segmenter);
  }
  const found: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text)) if (isWordLike === true) found.push(segment);
  return found;
}
