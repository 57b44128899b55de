import { toWellFormed } from "./character-classes.ts";
import { forEachPiece, type PieceScanner } from "./pre-tokenizer.ts";

export interface PieceCounts {
  readonly counts: ReadonlyMap<string, number>;
  /** UTF-16 units read. */
  readonly characters: number;
  readonly texts: number;
  /** Pieces left out because there were too many different ones, with repetitions: the rarest go first. */
  readonly dropped: number;
}

/**
 * How often each piece occurs. At most `maxPieces` different ones are kept: when there are more, those seen once (then
 * twice, …) are forgotten until half remain, so memory has a bound whatever the corpus (lossy counting, after Manku and
 * Motwani 2002). What is forgotten is too rare to become a token.
 */
export async function countPieces(
  texts: AsyncIterable<string> | Iterable<string>,
  scanners: readonly PieceScanner[],
  options: { readonly maxPieces: number; readonly onText?: (characters: number) => void },
): Promise<PieceCounts> {
  const counts = new Map<string, number>();
  let characters = 0;
  let documents = 0;
  let dropped = 0;
  const visit = (text: string, start: number, end: number): void => {
    const piece = text.slice(start, end);
    const count = counts.get(piece);
    if (count !== undefined) {
      counts.set(piece, count + 1);
      return;
    }
    counts.set(ownString(piece), 1);
    if (counts.size > options.maxPieces) dropped += forgetRarest(counts, options.maxPieces / 2);
  };
  for await (const text of texts) {
    forEachPiece(scanners, toWellFormed(text), visit);
    characters += text.length;
    documents++;
    options.onText?.(characters);
  }
  return { counts, characters, texts: documents, dropped };
}

/** A string this short is copied by `slice`; a longer one would keep its whole document alive, so it is copied by hand. */
const COPIED_BY_SLICE = 12;

/** The same string in memory of its own. */
function ownString(piece: string): string {
  return piece.length <= COPIED_BY_SLICE ? piece : Buffer.from(piece, "utf16le").toString("utf16le");
}

/** Forgets the rarest pieces until at most `keep` remain; returns how many occurrences that were. */
function forgetRarest(counts: Map<string, number>, keep: number): number {
  let dropped = 0;
  for (let threshold = 1; counts.size > keep; threshold++) {
    for (const [piece, count] of counts) {
      if (count > threshold) continue;
      counts.delete(piece);
      dropped += count;
    }
  }
  return dropped;
}
