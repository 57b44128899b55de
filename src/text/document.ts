import { createHash } from "node:crypto";

/** What JSON can say. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** The unit of every data stage: one text, and where it came from. */
export interface Document {
  /** Stable from run to run: see {@link documentId}. */
  readonly id: string;
  readonly text: string;
  /** The file or address it came from, with `#n` for the n-th record inside it. */
  readonly source: string;
  /** ISO 639-1 code, once known. */
  readonly language?: string;
  /** What else is known: `format`, `title`, `date`, `url`, … */
  readonly meta: { readonly [key: string]: JsonValue };
}

/** 16 hexadecimal digits of SHA-256 over the source, so that the same file gives the same id in every run. */
export function documentId(source: string): string {
  return createHash("sha256").update(source).digest("hex").slice(0, 16);
}
