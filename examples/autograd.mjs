// Fits a network of two layers to sin(x): tensors on a device, a tape that records the forward pass and runs it backward,
// an optimizer that steps.
//   node examples/autograd.mjs
import { Linear, normal, ParameterStore } from "nuwa/nn";
import { createOptimizer, optimizerSettings } from "nuwa/optim";
import { activation, createDevice, nativeAvailable, square, subtract, sum, scale, Tape } from "nuwa/tensor";

const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
const store = new ParameterStore(device);
const hidden = new Linear(store, "hidden", { inputs: 1, outputs: 32, bias: true });
const output = new Linear(store, "output", { inputs: 32, outputs: 1, bias: true });
// Parameters begin as zeros; random numbers depend on the seed and the name alone, so that every run gives the same bits.
for (const parameter of store) normal(parameter, 0.5, 1);

const optimizer = createOptimizer(
  optimizerSettings.parse({ name: "adamw", learning_rate: 0.02, weight_decay: 0 }),
  store,
);
const xs = Float32Array.from({ length: 64 }, (_, i) => -3 + (6 * i) / 63);
const ys = xs.map(Math.sin);

/**
 * x (B, 1) -> (B, 1)
 * @param {Tape} tape
 * @param {Float32Array} values
 */
function network(tape, values) {
  const x = tape.constant(values, [values.length, 1]);
  return output.forward(tape, activation(tape, hidden.forward(tape, x), "silu"));
}

// All that one step computes lies in the arena, and is gone when it is reset.
const arena = device.createArena();
for (let step = 0; step <= 600; step++) {
  const tape = new Tape({ device, arena, recording: true, training: true });
  const error = subtract(tape, network(tape, xs), tape.constant(ys, [ys.length, 1]));
  const loss = scale(tape, sum(tape, square(tape, error)), 1 / ys.length);
  const value = step % 100 === 0 ? await device.read(loss.storage) : undefined;
  tape.backward(loss);
  optimizer.step({ learningRateScale: 1 });
  arena.reset();
  if (value !== undefined) console.log(`step ${step}: mean squared error ${value[0]?.toFixed(6)}`);
}

const tape = new Tape({ device, arena, recording: false, training: false });
const answers = await device.read(network(tape, Float32Array.of(-1, 0, 0.5, 2)).storage);
console.log(`sin(0.5) is ${Math.sin(0.5).toFixed(3)}, the network says ${answers[2]?.toFixed(3)}`);
