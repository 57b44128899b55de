import * as z from "zod";
import { countCharacters } from "../../../text/script.ts";
import {
  defineFirstRound,
  defineLastRound,
  type AnswerContext,
  type CorpusWork,
  type Part,
} from "../../define-corpus-stage.ts";
import type { Verdict } from "../../stage.ts";
import { ExternalSorter } from "../external-sort.ts";
import { dropOf, resolveDuplicates, type Resolution } from "./resolve.ts";
import type { DedupSettings } from "./settings.ts";
import { encodeSignatures, SignatureFiles } from "./signature-files.ts";
import { createSigner } from "./signature.ts";

const drop = z.object({
  rule: z.string(),
  value: z.number().optional(),
  threshold: z.number().optional(),
  detail: z.string().optional(),
});

/** Documents of one shard that go, by their places in it. */
const drops = z.map(z.number(), drop);
type Drops = z.output<typeof drops>;

/**
 * Copies and near copies over the corpus: signatures of every shard to disk; then, once it is known what goes, each
 * shard without it. Memory holds some 20 bytes a document and what sorting may take.
 */
export const dedupWork: CorpusWork<DedupSettings> = {
  rounds: [
    defineFirstRound({
      name: "signatures",
      part: (settings, documents) => {
        const signer = createSigner(settings);
        const signed = documents.map((document) => ({
          id: document.id,
          length: countCharacters(document.text),
          signature: signer.signature(document),
        }));
        return encodeSignatures(signed);
      },
    }),
  ],
  last: defineLastRound({
    input: drops,
    answer,
    verdicts: (_settings, documents, byPosition) =>
      documents.map((document, position): Verdict => {
        const reason = byPosition.get(position);
        return reason === undefined ? { keep: document } : { drop: reason };
      }),
  }),
};

async function* answer(settings: DedupSettings, context: AnswerContext): AsyncGenerator<Part<Drops>> {
  const { corpus, folder } = context;
  const memoryBytes = context.memoryBytes / 2;
  const signatures = new SignatureFiles(context.files("signatures"), memoryBytes);
  try {
    const resolution = await resolve(signatures, settings, context, () => new ExternalSorter({ folder, memoryBytes }));
    // Made one by one as they are taken: the reasons of a whole corpus are not in memory at once.
    for (let shard = 0; shard < corpus.shards; shard++) {
      if (!context.isMissing(shard)) continue;
      const [first, end] = [corpus.firstOf(shard), corpus.firstOf(shard + 1)];
      const byPosition: Drops = new Map();
      for (let document = first; document < end; document++) {
        const reason = dropOf(document, resolution, signatures, settings);
        if (reason !== undefined) byPosition.set(document - first, reason);
      }
      yield { key: shard, shard, input: byPosition };
    }
  } finally {
    signatures.close();
  }
}

async function resolve(
  signatures: SignatureFiles,
  settings: DedupSettings,
  context: AnswerContext,
  makeSorter: () => ExternalSorter,
): Promise<Resolution> {
  const steps = resolveDuplicates(signatures, settings, makeSorter);
  let step = steps.next();
  try {
    for (; step.done !== true; step = steps.next()) await context.pause("comparing", step.value);
    return step.value;
  } finally {
    // Lets it close its files when it is left early.
    if (step.done !== true) steps.return({ kept: new Uint32Array(), rules: new Uint8Array() });
  }
}
