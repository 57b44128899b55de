import { attentions, longAttentions, maskedAttentions } from "./attention.ts";
import { activations, dropouts, elementwise, memory, reductions } from "./elementwise.ts";
import { arrays, expertKernels, functions, recurrences, sampling, smoothedLosses } from "./kernels.ts";
import { embeddings, norms, products, ropes } from "./layers.ts";
import { losses, notFinite, optimizers } from "./sequence.ts";
import { moreOptimizers, scalars } from "./optimizers.ts";
import type { ParityCase } from "./trial.ts";
import { attentionSteps, weights } from "./weights.ts";

/** Every kernel on several odd sizes, in a fixed order. */
export function parityCases(): ParityCase[] {
  return [
    ...memory(),
    ...elementwise(),
    ...activations(),
    ...dropouts(),
    ...reductions(),
    ...products(),
    ...embeddings(),
    ...norms(),
    ...ropes(),
    ...attentions(),
    ...losses(),
    ...optimizers(),
    ...notFinite(),
    ...longAttentions(),
    ...functions(),
    ...arrays(),
    ...recurrences(),
    ...expertKernels(),
    ...smoothedLosses(),
    ...weights(),
    ...attentionSteps(),
    ...moreOptimizers(),
    ...maskedAttentions(),
    ...scalars(),
    ...sampling(),
  ];
}
