import { z } from "zod";
import { malformed, unsupported } from "./json-faults.ts";
import { readSteps } from "./step-json.ts";
import type { EncodedPair, EncodeOptions } from "../types.ts";

/** A place in a template: a control token's ids, or one of the texts. */
type Item =
  | { readonly ids: readonly number[]; readonly typeId: number }
  | { readonly text: "A" | "B"; readonly typeId: number };

/** What stands around a text, or around two, for a model that wants it so: `[CLS] a [SEP] b [SEP]`. */
export interface PostProcessor {
  readonly single: readonly Item[];
  readonly pair: readonly Item[];
  /** The same without control tokens. */
  readonly barePair: readonly Item[];
}

const tokenPair = z.tuple([z.string(), z.int().min(0)]);
const typeId = z.int().min(0).max(255).default(0);
const piece = z.union([
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: typeId }) }),
  z.strictObject({ Sequence: z.strictObject({ id: z.enum(["A", "B"]), type_id: typeId }) }),
]);
/** These bear on offsets only, which are not reported here. */
const offsetOptions = { trim_offsets: z.boolean().optional(), add_prefix_space: z.boolean().optional() };

const stepSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ByteLevel"), use_regex: z.boolean().optional(), ...offsetOptions }),
  z.strictObject({ type: z.literal("BertProcessing"), sep: tokenPair, cls: tokenPair }),
  z.strictObject({ type: z.literal("RobertaProcessing"), sep: tokenPair, cls: tokenPair, ...offsetOptions }),
  z.strictObject({
    type: z.literal("TemplateProcessing"),
    single: z.array(piece),
    pair: z.array(piece),
    special_tokens: z.record(
      z.string(),
      z.strictObject({
        id: z.string().optional(),
        ids: z.array(z.int().min(0)),
        tokens: z.array(z.string()).optional(),
      }),
    ),
  }),
]);

const NO_PROCESSOR: PostProcessor = {
  single: [{ text: "A", typeId: 0 }],
  pair: [
    { text: "A", typeId: 0 },
    { text: "B", typeId: 1 },
  ],
  barePair: [
    { text: "A", typeId: 0 },
    { text: "B", typeId: 1 },
  ],
};

/**
 * The `post_processor` of a tokenizer.json; undefined when it adds nothing.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readPostProcessor(json: unknown, where: string): PostProcessor | undefined {
  const found = readSteps(json, { schema: stepSchema, list: "processors", where, part: "post_processor" }).flatMap(
    ({ step, part }) => makeProcessor(step, where, part) ?? [],
  );
  if (found.length > 1) throw unsupported(where, "post_processor", "more than one step that adds tokens");
  return found[0];
}

function makeProcessor(step: z.infer<typeof stepSchema>, where: string, part: string): PostProcessor | undefined {
  if (step.type === "ByteLevel") return undefined;
  if (step.type === "TemplateProcessing") {
    const items = (name: "single" | "pair"): Item[] =>
      step[name].map((one) => {
        if ("Sequence" in one) {
          if (name === "single" && one.Sequence.id === "B") throw malformed(where, `${part}.single`, "there is no B");
          return { text: one.Sequence.id, typeId: one.Sequence.type_id };
        }
        const ids = step.special_tokens[one.SpecialToken.id]?.ids;
        if (ids === undefined) throw unsupported(where, `${part}.special_tokens`, `lacks ${one.SpecialToken.id}`);
        return { ids, typeId: one.SpecialToken.type_id };
      });
    const [single, pair] = [items("single"), items("pair")];
    if (single.filter((item) => "text" in item).length !== 1) {
      throw unsupported(where, `${part}.single`, "expected the text A once");
    }
    return { single, pair, barePair: pair.filter((item) => "text" in item) };
  }
  const a = { text: "A", typeId: 0 } as const;
  const cls = { ids: [step.cls[1]], typeId: 0 };
  const sep = { ids: [step.sep[1]], typeId: 0 };
  const single = [cls, a, sep];
  if (step.type === "BertProcessing") {
    const b = { text: "B", typeId: 1 } as const;
    return { single, pair: [...single, b, { ...sep, typeId: 1 }], barePair: [a, b] };
  }
  const b = { text: "B", typeId: 0 } as const;
  return { single, pair: [...single, sep, b, sep], barePair: [a, b] };
}

/** The ids of a text with what stands around it, where that is wanted. */
export function postProcess(
  processor: PostProcessor | undefined,
  ids: Uint32Array,
  options: EncodeOptions,
): Uint32Array {
  if (options.addSpecialTokens !== true || processor === undefined) return ids;
  return applyTemplate(processor.single, { A: ids, B: [] }).ids;
}

/** Two texts in one, with what stands around them, where that is wanted. */
export function postProcessPair(
  processor: PostProcessor = NO_PROCESSOR,
  texts: { readonly A: ArrayLike<number>; readonly B: ArrayLike<number> },
  options: EncodeOptions,
): EncodedPair {
  return applyTemplate(options.addSpecialTokens === true ? processor.pair : processor.barePair, texts);
}

function applyTemplate(
  items: readonly Item[],
  texts: { readonly A: ArrayLike<number>; readonly B: ArrayLike<number> },
): EncodedPair {
  const ids: number[] = [];
  const typeIds: number[] = [];
  for (const item of items) {
    const part = "ids" in item ? item.ids : texts[item.text];
    for (let i = 0; i < part.length; i++) {
      ids.push(part[i] ?? 0);
      typeIds.push(item.typeId);
    }
  }
  return { ids: Uint32Array.from(ids), typeIds: Uint8Array.from(typeIds) };
}
