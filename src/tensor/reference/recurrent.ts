import type { Storage } from "../device.ts";
import { gateCount, type RecurrentBackward, type RecurrentDims } from "../kernels.ts";
import { at, floats } from "./memory.ts";

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const optional = (storage: Storage | null): Float64Array | null => (storage === null ? null : floats(storage));

export function recurrent(
  out: Storage,
  gates: Storage,
  memory: Storage | null,
  hidden: Storage | null,
  cell: Storage | null,
  weight: Storage,
  bias: Storage | null,
  { B, T, H, kind }: RecurrentDims,
): void {
  const N = gateCount(kind) * H;
  const [y, x, w, kept] = [floats(out), floats(gates), floats(weight), optional(memory) ?? new Float64Array(0)];
  const [h0, c0, b] = [optional(hidden), optional(cell), optional(bias)];
  for (let row = 0; row < B; row++) {
    for (let t = 0; t < T; t++) {
      const step = row * T + t;
      const before = (values: Float64Array, first: Float64Array | null, j: number) =>
        t > 0 ? at(values, (step - 1) * H + j) : first === null ? 0 : at(first, row * H + j);
      const product = (n: number) => {
        let sum = b === null ? 0 : at(b, n);
        for (let k = 0; k < H; k++) sum += at(w, n * H + k) * before(y, h0, k);
        return sum;
      };
      for (let j = 0; j < H; j++) {
        const place = (gate: number) => step * N + gate * H + j;
        const sum = (gate: number) => at(x, place(gate)) + product(gate * H + j);
        if (kind === "lstm") {
          const [i, f, g, o] = [sigmoid(sum(0)), sigmoid(sum(1)), Math.tanh(sum(2)), sigmoid(sum(3))];
          const c = f * before(kept, c0, j) + i * g;
          kept[step * H + j] = c;
          y[step * H + j] = o * Math.tanh(c);
          for (const [gate, value] of [i, f, g, o].entries()) x[place(gate)] = value;
        } else if (kind === "gru") {
          const [r, z, state] = [sigmoid(sum(0)), sigmoid(sum(1)), product(2 * H + j)];
          const n = Math.tanh(at(x, place(2)) + r * state);
          kept[step * H + j] = state;
          y[step * H + j] = (1 - z) * n + z * before(y, h0, j);
          for (const [gate, value] of [r, z, n].entries()) x[place(gate)] = value;
        } else {
          const value = kind === "rnn_tanh" ? Math.tanh(sum(0)) : sum(0) < 0 ? 0 : sum(0);
          y[step * H + j] = value;
          x[place(0)] = value;
        }
      }
    }
  }
}

export function recurrentBackward(storages: RecurrentBackward, { B, T, H, kind }: RecurrentDims): void {
  const N = gateCount(kind) * H;
  const [x, y, w, upstream] = [
    floats(storages.gates),
    floats(storages.out),
    floats(storages.weight),
    floats(storages.dout),
  ];
  const kept = optional(storages.memory) ?? new Float64Array(0);
  const [h0, c0, dlast] = [optional(storages.hidden), optional(storages.cell), optional(storages.dlastCell)];
  const [dh0, dc0, own] = [optional(storages.dhidden), optional(storages.dcell), optional(storages.hiddenGates)];
  for (let row = 0; row < B; row++) {
    let dh = new Float64Array(H);
    const dc = Float64Array.from({ length: H }, (_, j) => (dlast === null ? 0 : at(dlast, row * H + j)));
    for (let t = T - 1; t >= 0; t--) {
      const step = row * T + t;
      const before = (values: Float64Array, first: Float64Array | null, j: number) =>
        t > 0 ? at(values, (step - 1) * H + j) : first === null ? 0 : at(first, row * H + j);
      const dproduct = new Float64Array(N); // the gradient of h′
      const next = new Float64Array(H);
      for (let j = 0; j < H; j++) {
        const gate = (n: number) => at(x, step * N + n * H + j);
        const d = at(upstream, step * H + j) + at(dh, j);
        let gradients: number[];
        if (kind === "lstm") {
          const [i, f, g, o] = [gate(0), gate(1), gate(2), gate(3)];
          const squashed = Math.tanh(at(kept, step * H + j));
          const c = at(dc, j) + d * o * (1 - squashed ** 2);
          const input = c * g * i * (1 - i);
          const forget = c * before(kept, c0, j) * f * (1 - f);
          gradients = [input, forget, c * i * (1 - g ** 2), d * squashed * o * (1 - o)];
          dc[j] = c * f;
        } else if (kind === "gru") {
          const [r, z, n] = [gate(0), gate(1), gate(2)];
          const dn = d * (1 - z) * (1 - n ** 2);
          const dr = dn * at(kept, step * H + j) * r * (1 - r);
          gradients = [dr, d * (before(y, h0, j) - n) * z * (1 - z), dn];
          next[j] = d * z;
        } else {
          gradients = [kind === "rnn_tanh" ? d * (1 - gate(0) ** 2) : gate(0) > 0 ? d : 0];
        }
        const r = kind === "gru" ? gate(0) : 1;
        for (const [n, gradient] of gradients.entries()) {
          x[step * N + n * H + j] = gradient;
          dproduct[n * H + j] = gradient * (n === 2 && kind === "gru" ? r : 1);
        }
      }
      for (let k = 0; k < H; k++) {
        for (let n = 0; n < N; n++) next[k] = at(next, k) + at(dproduct, n) * at(w, n * H + k);
      }
      own?.set(dproduct, step * N);
      dh = next;
    }
    dh0?.set(dh, row * H);
    dc0?.set(dc, row * H);
  }
}
