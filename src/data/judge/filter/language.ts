import { eld } from "eld/extrasmall";
import { countScripts } from "../../../text/script.ts";
import type { LanguageSettings } from "./settings.ts";

export interface LanguageFinding {
  /** ISO 639-1, or `und` when nothing could be told. */
  language: string;
  /** Share of the text that is in this language, 0 to 1. */
  score: number;
}

/** UTF-16 units of text that the detector sees at once: on prose, 120 are right 99.9% of the time. */
const WINDOW = 120;
/** Most windows of one document; more change nothing but the time. */
const MAX_WINDOWS = 6;
/** One more window for each so many units. */
const STRIDE = 3000;
/** A Han character says about as much as four Latin letters, so it weighs as much. */
const HAN_WEIGHT = 4;
/** Below this many letters an allowed language wins when its score is this near to the best. */
const SHORT = 120;
const NEAR = 0.1;

/**
 * The language of a text. Chinese is told by its script, whatever the length (Han without kana); for the rest, windows
 * spread over the text go to `eld` (the detector by itself reads only the first 350 bytes of a text), and the score is
 * the share of them that is reliably in the language. Texts of fewer than `min_letters` letters get the first allowed
 * language that is written in their script, with score 1.
 *
 * @example detectLanguage("The cat sat on the mat, and the dog lay by the door.", settings) // { language: "en", score: 1 }
 */
export function detectLanguage(text: string, settings: LanguageSettings): LanguageFinding {
  const { letters, han, unspaced } = countScripts(text);
  if (letters === 0) return { language: "und", score: 0 };
  const weighted = HAN_WEIGHT * han + (letters - han);
  const chinese = (HAN_WEIGHT * han) / weighted;
  if (chinese >= 0.5 && unspaced < 0.1 * (han + unspaced)) return { language: "zh", score: chinese };
  const allowed = settings.allowed;
  if (letters < settings.min_letters) {
    const latin = /\p{Script=Latin}/u.test(text) && unspaced === 0;
    const first = latin ? allowed.find((code) => LATIN.has(code)) : undefined;
    if (first !== undefined) return { language: first, score: 1 };
  }
  const votes = new Map<string, number>();
  const windows = windowsOf(text);
  for (const window of windows) {
    const language = detectWindow(window, letters < SHORT ? allowed : []);
    votes.set(language, (votes.get(language) ?? 0) + 1);
  }
  let best = "und";
  let most = 0;
  for (const [language, count] of votes) {
    if (language !== "und" && count > most) [best, most] = [language, count];
  }
  // Chinese between foreign lines: windows of Latin text say nothing about the Han share.
  const score = (most / windows.length) * (best === "zh" ? chinese : 1);
  return { language: best, score };
}

function detectWindow(window: string, favoured: readonly string[]): string {
  const result = eld.detect(window);
  if (result.language === "") return "und";
  if (favoured.length > 0 && !favoured.includes(result.language)) {
    const scores = result.getScores();
    const bound = (scores[result.language] ?? 0) - NEAR;
    const near = favoured.find((language) => (scores[language] ?? 0) >= Math.max(bound, 0.3));
    if (near !== undefined) return near;
  }
  return favoured.includes(result.language) || result.isReliable() ? result.language : "und";
}

/** Evenly spread pieces of the text, cut at white space where there is some near. */
function windowsOf(text: string): string[] {
  if (text.length <= 2 * WINDOW) return [text];
  const count = Math.min(MAX_WINDOWS, 1 + Math.floor(text.length / STRIDE));
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
