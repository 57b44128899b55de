import { eld } from "eld/extrasmall";
import { countScripts } from "../../../text/script.ts";
import type { LanguageSettings } from "./settings.ts";

/** The language a text is in, as far as can be told. */
export interface LanguageFinding {
  /** ISO 639-1, or `und` when nothing could be told. */
  language: string;
  /** Share of the text that is in this language, 0 to 1. */
  score: number;
  /** Share of the text that is in any of the allowed languages, 0 to 1. */
  allowed: number;
}

/** UTF-16 units of text that the detector sees at once: on prose, 120 are right 99.9% of the time. */
const WINDOW = 120;
/** Most windows of one document where they agree; more change nothing but the time. */
const MAX_WINDOWS = 6;
/** Windows of a document whose first ones do not agree. */
const MORE_WINDOWS = 24;
/** One more window for each so many units. */
const STRIDE = 3000;
/** A Han character says about as much as four Latin letters, so it weighs as much. */
const HAN_WEIGHT = 4;
/** Below this many letters an allowed language wins when its score is this near to the best. */
const SHORT = 120;
const NEAR = 0.1;
/** Of Han characters and Hangul, the share of Hangul from which on a text is Korean with Chinese characters in it. */
const HANGUL_SHARE = 0.1;

/**
 * The language of a text. Chinese is told by its script, whatever the length (Han with next to no kana or Hangul); for
 * the rest, windows spread over the text go to `eld` (the detector by itself reads only the first 350 bytes of a text),
 * and the score is the share of them that is in the language. Where they do not agree, more of them are read. Texts of
 * fewer than `min_letters` letters get the first allowed language that is written in their script, with score 1.
 *
 * @example
 * detectLanguage("The cat sat on the mat, and the dog lay by the door.", settings)
 * // { language: "en", score: 1, allowed: 1 }
 */
export function detectLanguage(text: string, settings: LanguageSettings): LanguageFinding {
  const { letters, han, unspaced } = countScripts(text);
  if (letters === 0) return { language: "und", score: 0, allowed: 0 };
  const weighted = HAN_WEIGHT * han + (letters - han);
  const chinese = (HAN_WEIGHT * han) / weighted;
  const { allowed } = settings;
  if (chinese >= 0.5 && unspaced < 0.1 * (han + unspaced) && !isKorean(text, han)) {
    const inChinese = allowed.includes("zh") ? chinese : 0;
    // The terms of another language between the characters: found out only where it decides.
    const others = inChinese >= settings.min_score ? 0 : (1 - chinese) * allowedShareOfRest(text, allowed);
    return { language: "zh", score: chinese, allowed: inChinese + others };
  }
  if (letters < settings.min_letters) {
    const latin = /\p{Script=Latin}/u.test(text) && unspaced === 0;
    const first = latin ? allowed.find((code) => LATIN.has(code)) : undefined;
    if (first !== undefined) return { language: first, score: 1, allowed: 1 };
  }
  const favoured = letters < SHORT ? allowed : [];
  let shares = sharesOf(windowsOf(text, 1 + Math.floor(text.length / STRIDE), MAX_WINDOWS), favoured);
  if (shares.best < 1) shares = sharesOf(windowsOf(text, Math.floor(text.length / WINDOW), MORE_WINDOWS), favoured);
  // Chinese between foreign lines: windows of Latin text say nothing about the Han share.
  const weight = (code: string): number => (code === "zh" ? chinese : 1);
  let inAllowed = 0;
  for (const [code, share] of shares.byLanguage) if (allowed.includes(code)) inAllowed += share * weight(code);
  return { language: shares.language, score: shares.best * weight(shares.language), allowed: inAllowed };
}

function isKorean(text: string, han: number): boolean {
  const hangul = text.match(/[\uac00-\ud7a3]/gu)?.length ?? 0;
  return hangul > HANGUL_SHARE * (han + hangul);
}

/** 1 if what stands between the Han characters is in an allowed language, or too little to be told; else 0. */
function allowedShareOfRest(text: string, allowed: readonly string[]): number {
  const rest = text.replace(/[\p{Script=Han}\p{P}\s]+/gu, " ").trim();
  const { language } = detectWindow(rest.slice(0, 2 * WINDOW), allowed);
  const unknown = language === "" && /\p{Script=Latin}/u.test(rest) && allowed.some((code) => LATIN.has(code));
  return unknown || allowed.includes(language) ? 1 : 0;
}

interface Shares {
  readonly language: string;
  /** Share of the windows in `language`. */
  readonly best: number;
  readonly byLanguage: ReadonlyMap<string, number>;
}

/** Each window counts for its language; one that is not told reliably counts if it looks like the text's own. */
function sharesOf(windows: readonly string[], favoured: readonly string[]): Shares {
  const votes = new Map<string, number>();
  const guesses = new Map<string, number>();
  for (const window of windows) {
    const { language, reliable } = detectWindow(window, favoured);
    const counted = reliable ? votes : guesses;
    counted.set(language, (counted.get(language) ?? 0) + 1);
  }
  let language = "und";
  let most = 0;
  for (const [code, count] of votes) if (count > most) [language, most] = [code, count];
  if (most > 0) votes.set(language, most + (guesses.get(language) ?? 0));
  const byLanguage = new Map([...votes].map(([code, count]) => [code, count / windows.length]));
  return { language, best: byLanguage.get(language) ?? 0, byLanguage };
}

/** `language` is empty where not even a guess can be made. */
function detectWindow(window: string, favoured: readonly string[]): { language: string; reliable: boolean } {
  const result = eld.detect(window);
  const { language } = result;
  if (language === "") return { language, reliable: false };
  if (favoured.length > 0 && !favoured.includes(language)) {
    const scores = result.getScores();
    const bound = (scores[language] ?? 0) - NEAR;
    const near = favoured.find((code) => (scores[code] ?? 0) >= Math.max(bound, 0.3));
    if (near !== undefined) return { language: near, reliable: true };
  }
  return { language, reliable: favoured.includes(language) || result.isReliable() };
}

/** Evenly spread pieces of the text, cut at white space where there is some near. */
function windowsOf(text: string, wanted: number, most: number): string[] {
  if (text.length <= 2 * WINDOW) return [text];
  const count = Math.min(wanted, most);
  const windows: string[] = [];
  for (let k = 0; k < count; k++) {
    let start = Math.floor(((k + 0.5) / count) * (text.length - WINDOW));
    for (let i = start; i < start + 20; i++) {
      if (text.charCodeAt(i) === 0x20) {
        start = i;
        break;
      }
    }
    windows.push(text.slice(start, start + WINDOW));
  }
  return windows;
}

/** The languages of eld that are written in Latin letters. */
const LATIN = new Set(
  "az ca cs da de en es et eu fi fr hr hu is it lt lv ms nl no pl pt ro sk sl sq sv tl tr vi yo".split(" "),
);
