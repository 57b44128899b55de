import { z } from "zod";
import { unsupported } from "../steps/json-faults.ts";
import {
  presetScanner,
  regexScanner,
  scannerForPattern,
  toJavaScriptRegex,
  type PieceScanner,
} from "../steps/pre-tokenizer.ts";

const byteLevelSchema = z.object({
  type: z.literal("ByteLevel"),
  add_prefix_space: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});

const splitSchema = z.object({
  type: z.literal("Split"),
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]),
  behavior: z.string(),
  invert: z.boolean().default(false),
});

const digitsSchema = z.object({ type: z.literal("Digits"), individual_digits: z.boolean().default(false) });
const sequenceSchema = z.object({ type: z.literal("Sequence"), pretokenizers: z.array(z.unknown()) });
const stepSchema = z.discriminatedUnion("type", [byteLevelSchema, splitSchema, digitsSchema]);

/**
 * The `pre_tokenizer` of a byte-level BPE: ByteLevel alone, or a Sequence of Split and Digits that ends in ByteLevel.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readPreTokenizer(
  json: unknown,
  where: string,
): { scanners: readonly PieceScanner[]; addPrefixSpace: boolean } {
  const sequence = sequenceSchema.safeParse(json);
  const steps = sequence.success ? sequence.data.pretokenizers : [json];
  const scanners: PieceScanner[] = [];
  let byteLevel = false;
  let addPrefixSpace = false;
  steps.forEach((value, index) => {
    const part = sequence.success ? `pre_tokenizer.pretokenizers[${index}]` : "pre_tokenizer";
    const step = stepSchema.safeParse(value);
    if (!step.success) {
      throw unsupported(where, part, "expected ByteLevel, Split or Digits, or a Sequence of them");
    }
    if (byteLevel) throw unsupported(where, part, "nothing may follow ByteLevel");
    if (step.data.type === "ByteLevel") {
      byteLevel = true;
      addPrefixSpace = step.data.add_prefix_space;
      if (step.data.use_regex && addPrefixSpace && scanners.length > 0) {
        throw unsupported(where, part, "add_prefix_space with use_regex after another step");
      }
      if (step.data.use_regex) scanners.push(presetScanner("gpt2"));
    } else if (step.data.type === "Split") {
      scanners.push(splitScanner(step.data, part, where));
    } else {
      scanners.push(regexScanner(step.data.individual_digits ? /\p{N}/gu : /\p{N}+/gu));
    }
  });
  if (!byteLevel) throw unsupported(where, "pre_tokenizer", "expected a ByteLevel step");
  return { scanners, addPrefixSpace };
}

function splitScanner(split: z.infer<typeof splitSchema>, part: string, where: string): PieceScanner {
  const isolated = split.behavior === "Isolated" && !split.invert;
  // Keeping the matches and removing all else: how some files of GPT-4's tokenizer say the same.
  const matchesOnly = split.behavior === "Removed" && split.invert;
  if (!isolated && !matchesOnly) {
    throw unsupported(
      where,
      part,
      `behavior ${split.behavior}${split.invert ? " with invert" : ""}; only Isolated can be read`,
    );
  }
  const pattern =
    "Regex" in split.pattern ? split.pattern.Regex : split.pattern.String.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  try {
    return isolated ? scannerForPattern(pattern) : regexScanner(toJavaScriptRegex(pattern), { dropGaps: true });
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw unsupported(where, `${part}.pattern`, cause.message);
  }
}
