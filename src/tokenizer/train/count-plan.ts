import { toWellFormed } from "../steps/character-classes.ts";
import { readNormalizer } from "../steps/normalizers.ts";
import { forEachPiece } from "../steps/pieces.ts";
import { presetScanner, type PreTokenizerName } from "../steps/pre-tokenizer.ts";
import { readPreTokenizer } from "../steps/pre-tokenizer-json.ts";
import type { JsonObject } from "../types.ts";

/** How a text is cut before its pieces are counted: plain data, so that it can be told to a thread. */
export type CountPlan =
  | { readonly kind: "scanner"; readonly preTokenizer: PreTokenizerName }
  /** The parts of a tokenizer.json. */
  | { readonly kind: "pipeline"; readonly normalizer: JsonObject | null; readonly preTokenizer: JsonObject | null };

/** A function that shows every piece of a text to `visit`, as units [start, end) of a string. */
export function pieceVisitor(
  plan: CountPlan,
): (text: string, visit: (text: string, start: number, end: number) => void) => void {
  if (plan.kind === "scanner") {
    const steps = [{ scan: presetScanner(plan.preTokenizer) }];
    return (text, visit) => forEachPiece(steps, toWellFormed(text), visit);
  }
  const normalize = readNormalizer(plan.normalizer, "tokenizer") ?? ((text: string) => text);
  const { steps } = readPreTokenizer(plan.preTokenizer, "tokenizer", false);
  return (text, visit) => forEachPiece(steps, normalize(toWellFormed(text)), visit);
}
