import { z } from "zod";
import { unsupported } from "./json-faults.ts";

/** A place in a template: a control token's ids, or one of the texts. */
type Item =
  | { readonly ids: readonly number[]; readonly typeId: number }
  | { readonly text: "A" | "B"; readonly typeId: number };

/** What stands around a text, or around two, for a model that wants it so: `[CLS] a [SEP] b [SEP]`. */
export interface PostProcessor {
  readonly single: readonly Item[];
  readonly pair: readonly Item[];
}

const tokenPair = z.tuple([z.string(), z.int().min(0)]);
const piece = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: z.int().min(0).default(0) }) }),
  z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), type_id: z.int().min(0).default(0) }) }),
]);

const stepSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ByteLevel") }),
  z.object({ type: z.literal("BertProcessing"), sep: tokenPair, cls: tokenPair }),
  z.object({ type: z.literal("RobertaProcessing"), sep: tokenPair, cls: tokenPair }),
  z.object({
    type: z.literal("TemplateProcessing"),
    single: z.array(piece),
    pair: z.array(piece),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().min(0)) })),
  }),
]);

const sequenceSchema = z.object({ type: z.literal("Sequence"), processors: z.array(z.unknown()) });

/**
 * The `post_processor` of a tokenizer.json; undefined when it adds nothing.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readPostProcessor(json: unknown, where: string, part = "post_processor"): PostProcessor | undefined {
  if (json === null || json === undefined) return undefined;
  const sequence = sequenceSchema.safeParse(json);
  if (sequence.success) {
    const steps = sequence.data.processors
      .map((one, index) => readPostProcessor(one, where, `${part}.processors[${index}]`))
      .filter((step) => step !== undefined);
    if (steps.length > 1) throw unsupported(where, part, "more than one step that adds tokens");
    return steps[0];
  }
  const step = stepSchema.safeParse(json);
  if (!step.success) {
    const issue = step.error.issues[0];
    const at = issue === undefined || issue.path.length === 0 ? part : `${part}.${issue.path.join(".")}`;
    throw unsupported(where, at, issue?.message ?? "not a post-processor that can be read");
  }
  const { data } = step;
  if (data.type === "ByteLevel") return undefined;
  const a = { text: "A", typeId: 0 } as const;
  if (data.type === "TemplateProcessing") {
    const items = (list: readonly z.infer<typeof piece>[]): Item[] =>
      list.map((one) => {
        if ("Sequence" in one) return { text: one.Sequence.id, typeId: one.Sequence.type_id };
        const ids = data.special_tokens[one.SpecialToken.id]?.ids;
        if (ids === undefined) throw unsupported(where, `${part}.special_tokens`, `lacks ${one.SpecialToken.id}`);
        return { ids, typeId: one.SpecialToken.type_id };
      });
    return { single: items(data.single), pair: items(data.pair) };
  }
  const cls = { ids: [data.cls[1]], typeId: 0 };
  const sep = { ids: [data.sep[1]], typeId: 0 };
  if (data.type === "BertProcessing") {
    return { single: [cls, a, sep], pair: [cls, a, sep, { text: "B", typeId: 1 }, { ...sep, typeId: 1 }] };
  }
  return { single: [cls, a, sep], pair: [cls, a, sep, sep, { text: "B", typeId: 0 }, sep] };
}

/** Ids with what stands around them, and for each which of the two texts it counts to (BERT's token types). */
export function applyTemplate(
  items: readonly Item[],
  texts: { readonly A: ArrayLike<number>; readonly B?: ArrayLike<number> },
): { ids: Uint32Array; typeIds: Uint8Array } {
  const ids: number[] = [];
  const typeIds: number[] = [];
  for (const item of items) {
    const part = "ids" in item ? item.ids : (texts[item.text] ?? []);
    for (let i = 0; i < part.length; i++) {
      ids.push(part[i] ?? 0);
      typeIds.push(item.typeId);
    }
  }
  return { ids: Uint32Array.from(ids), typeIds: Uint8Array.from(typeIds) };
}
