import {
  createCausal,
  defineFamily,
  loadAnyModel,
  loadModel,
  resolveArchitecture,
  type Architecture,
  type CausalModel,
  type LossResult,
  type Model,
} from "nuwa/models";
import { createDevice, Tape, type Tensor } from "nuwa/tensor";
import { type Equal, expectType } from "./expect.ts";

const device = createDevice("reference");
const architecture = resolveArchitecture({ vocab_size: 300 });
expectType<Equal<typeof architecture, Architecture>>(true);
// @ts-expect-error a family is named by a string
resolveArchitecture({ family: 3 });
const model = createCausal(architecture, device, { seed: 1 });
expectType<Equal<typeof model, CausalModel>>(true);
// @ts-expect-error an architecture is made by a family, not by hand
createCausal({ vocab_size: 300 }, device);
expectType<Equal<CausalModel["kind"], "causal">>(true);

const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
const tokens = tape.constant([1, 2], [1, 2], "int32");
const result = model.loss(tape, { tokens, targets: tokens }, { normalizer: 2 });
expectType<Equal<typeof result, LossResult>>(true);
// @ts-expect-error what the sum is divided by must be said
model.loss(tape, { tokens, targets: tokens });
expectType<Equal<ReturnType<CausalModel["logits"]>, Tensor>>(true);

// Any model can be loaded; what needs a causal one asks for it.
const any: Model = await loadAnyModel("runs/sample", device);
// @ts-expect-error not every model gives logits of the next token
any.logits(tape, tokens);
expectType<Equal<Awaited<ReturnType<typeof loadModel>>, CausalModel>>(true);

export const results: readonly unknown[] = [defineFamily];
