import { activation, createDevice, linear, Parameter, Tape, type Device, type DType, type Tensor } from "nuwa/tensor";
import { type Equal, expectType } from "./expect.ts";

const device = createDevice("cpu", { threads: 2 });
expectType<Equal<typeof device, Device>>(true);
// @ts-expect-error threads is a number
createDevice("cpu", { threads: "2" });
// @ts-expect-error there is no such option
createDevice("cpu", { thread: 2 });
expectType<Equal<DType, "float32" | "int32">>(true);
// @ts-expect-error no such dtype of a buffer
device.allocate("float64", 4);

const tape = new Tape({ device, arena: device.createArena(), recording: true, training: true });
// @ts-expect-error whether it records must be said
new Tape({ device, arena: device.createArena(), training: true });
const weight = new Parameter(device, "w", [3, 2]);
const y = linear(tape, tape.constant([1, 2], [1, 2]), weight);
expectType<Equal<typeof y, Tensor>>(true);
activation(tape, y, "silu");
// @ts-expect-error no such activation
activation(tape, y, "swosh");
// @ts-expect-error a parameter is a tensor, a tensor no parameter
const parameter: Parameter = y;
// @ts-expect-error shapes do not change
y.shape.push(4);
// @ts-expect-error the first argument is the tape
linear(y, weight);

export const results: readonly unknown[] = [parameter, await device.read(y.storage)];
