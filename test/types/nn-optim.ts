import { Linear, ParameterStore, type ParameterKind } from "nuwa/nn";
import {
  createOptimizer,
  createSchedule,
  optimizerSettings,
  scheduleSettings,
  type Optimizer,
  type Schedule,
} from "nuwa/optim";
import { createDevice } from "nuwa/tensor";
import { type Equal, expectType } from "./expect.ts";

const store = new ParameterStore(createDevice("reference"));
const layer = new Linear(store, "hidden", { inputs: 2, outputs: 3, bias: true });
// @ts-expect-error whether it has a bias must be said
new Linear(store, "hidden", { inputs: 2, outputs: 3 });
// @ts-expect-error no such kind of parameter
store.parameter("w", [2, 3], "matrices");
const kind: ParameterKind = "head";
// The bias is there or not: whoever reads it must say what happens when it is not.
// @ts-expect-error possibly undefined
void layer.bias.name;

const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), store);
expectType<Equal<typeof optimizer, Optimizer>>(true);
// @ts-expect-error settings are whole: parsed by their schema
createOptimizer({ name: "muon" }, store);
// @ts-expect-error the schedule's factor must be said
optimizer.step({});
const schedule = createSchedule(scheduleSettings.parse({ name: "cosine" }), 100);
expectType<Equal<typeof schedule, Schedule>>(true);
expectType<Equal<ReturnType<Schedule>, number>>(true);

export const results: readonly unknown[] = [kind];
