import type { JsonValue } from "../../../../text/document.ts";
import type { InputFile } from "../files.ts";
import type { SourceSettings } from "../settings.ts";

/** What a format's reader hands over: one text, still without an id. */
export interface RawDocument {
  readonly text: string;
  /** Number of the record or piece inside the file, from 1; `undefined` where the file is one document. */
  readonly record?: number | undefined;
  /** What the source is called, where it is not the file: `archive.zip!/inside.txt`. */
  readonly name?: string;
  readonly meta: { readonly [key: string]: JsonValue };
}

export interface ReadContext {
  readonly settings: SourceSettings;
  /** Names something that was skipped inside the file, by line or record number. */
  problem(message: string, line?: number): void;
  /** Reads a file that lay inside another. */
  readInner(file: InputFile): AsyncGenerator<RawDocument>;
}

/** Above this share of characters that could not be decoded, a text is skipped; below, it is kept and counted. */
export const MAX_BROKEN_SHARE = 0.01;

/** Says what broken bytes mean for a text of `length` characters: whether to keep it, and the line for the report. */
export function judgeBroken(
  length: number,
  replaced: number,
  encoding: string,
  firstBrokenByte?: number,
): { keep: boolean; message: string } {
  const keep = replaced <= length * MAX_BROKEN_SHARE;
  const at = firstBrokenByte === undefined ? "" : `, first at byte ${firstBrokenByte}`;
  const what = keep ? "replaced by U+FFFD" : "more than 1% of the text, skipped";
  return { keep, message: `broken ${encoding}: ${replaced} place(s)${at}; ${what}` };
}
