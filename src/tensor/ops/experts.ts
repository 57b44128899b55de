import { NuwaError } from "../../text/errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { gather, mean, sum } from "./axes.ts";
import { checkInputs, sameShape, shapeError } from "./check.ts";
import { multiply, scale } from "./elementwise.ts";
import { logSumExp, softmax, square } from "./functions.ts";

/** How many experts each row goes to, and with which shares. */
export interface RoutingOptions {
  /** Experts that each token goes to. */
  readonly topK: number;
  /** Whether a token's weights are made to sum to 1 over its experts (Mixtral), or are the router's probabilities. */
  readonly renormalize: boolean;
  /**
   * Most tokens that an expert takes, in their order; to the others it adds nothing, so that only the residual
   * connection carries them on (Switch Transformer). Default: no limit.
   */
  readonly capacity?: number | undefined;
}

/** Which token goes to which experts. N tokens, E experts, k choices of each token; rows are grouped by expert. */
export interface Routing {
  /** (N, E): softmax of the router's logits. */ readonly probabilities: Tensor;
  /** (N, k): what each choice counts; gradients flow through it to the router. */ readonly weights: Tensor;
  /** (N, k) int32: the experts chosen, the likeliest first, equal ones by lower index. */ readonly ids: Tensor;
  /** (N·k) int32: the token of each grouped row; dropped ones last. */ readonly tokens: Tensor;
  /** (N, k) int32: the grouped row of each choice, −1 when dropped. */ readonly position: Tensor;
  /** (E + 1) int32: where each expert's rows begin; the last is how many rows are kept. */ readonly offsets: Tensor;
  /** (E): choices of each expert, dropped ones too, divided by N. */ readonly shares: Tensor;
}

/**
 * Chooses each token's experts by the router's logits (Shazeer et al. 2017; Jiang et al. 2024, Mixtral), and groups
 * the choices by expert.
 *
 * @param logits (N, E)
 * @throws NuwaError SHAPE, VALUE
 */
export function routeTokens(tape: Tape, logits: Tensor, options: RoutingOptions): Routing {
  const op = "routeTokens";
  const { topK, renormalize } = options;
  checkInputs(op, tape, { logits });
  const [rows, experts] = logits.shape;
  if (rows === undefined || experts === undefined || rows === 0 || logits.shape.length !== 2) {
    throw shapeError(op, "logits (N, E) of at least one token", { logits });
  }
  if (!Number.isInteger(topK) || topK < 1 || topK > experts) {
    throw shapeError(op, `topK from 1 to ${experts} experts (it is ${topK})`, { logits });
  }
  const { capacity = rows } = options;
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new NuwaError("VALUE", `${op}: expected a capacity of 1 or more tokens, got ${capacity}`);
  }
  const { device } = tape;
  const probabilities = softmax(tape, logits);
  const ids = tape.empty([rows, topK], "int32");
  device.topK(ids.storage, logits.storage, { rows, width: experts }, topK);
  // Probabilities made to sum to 1 over the chosen are the softmax over the chosen.
  const weights = renormalize
    ? softmax(tape, gather(tape, logits, 1, ids)) // (N, k)
    : gather(tape, probabilities, 1, ids); // (N, k)
  const tokens = tape.empty([rows * topK], "int32");
  const position = tape.empty([rows, topK], "int32");
  const offsets = tape.empty([experts + 1], "int32");
  const shares = tape.empty([experts]);
  const dims = { rows, choices: topK, experts, capacity: Math.min(capacity, rows) };
  device.groupRows(tokens.storage, position.storage, offsets.storage, shares.storage, ids.storage, dims);
  return { probabilities, weights, ids, tokens, position, offsets, shares };
}

/**
 * The tokens' rows, grouped by expert; a token appears once for each expert that it goes to.
 *
 * @param x (N, C)
 * @returns (N·k, C)
 * @throws NuwaError SHAPE
 */
export function dispatchTokens(tape: Tape, x: Tensor, routing: Routing): Tensor {
  const op = "dispatchTokens";
  const { tokens, position } = routing;
  checkInputs(op, tape, { x });
  checkInputs(op, tape, { tokens, position }, "int32");
  const [rows, width] = x.shape;
  const [routed, choices] = position.shape;
  if (rows === undefined || width === undefined || choices === undefined || x.shape.length !== 2 || rows !== routed) {
    throw shapeError(op, "x (N, C) and position (N, k)", { x, position });
  }
  const { device } = tape;
  const out = tape.output([rows * choices, width], [x]);
  device.embedding(out.storage, x.storage, tokens.storage, rows * choices, width);
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(x);
    const dims = { rows, choices, width };
    device.combineRows(tensor.storage, dout.storage, null, position.storage, dims, accumulate);
  });
  return out;
}

/**
 * One linear layer an expert, over its own rows: out[row] = x[row] · weight[e]ᵀ for the rows of expert e. What stands in
 * dropped rows is undefined, and {@link combineExperts} does not read it.
 *
 * @param x (R, I), grouped by expert
 * @param weight (E, O, I)
 * @returns (R, O)
 * @throws NuwaError SHAPE
 */
export function groupedLinear(tape: Tape, x: Tensor, weight: Tensor, routing: Routing): Tensor {
  const op = "groupedLinear";
  const { offsets } = routing;
  checkInputs(op, tape, { x, weight });
  checkInputs(op, tape, { offsets }, "int32");
  const [rows, inputs] = x.shape;
  const [experts, outputs, columns] = weight.shape;
  if (rows === undefined || inputs === undefined || x.shape.length !== 2 || rows !== routing.tokens.length) {
    throw shapeError(op, "x (N·k, I) for tokens (N·k)", { x, tokens: routing.tokens });
  }
  if (outputs === undefined || columns !== inputs || weight.shape.length !== 3) {
    throw shapeError(op, "weight (E, O, I) for x (R, I)", { x, weight });
  }
  if (experts === undefined || offsets.length !== experts + 1) {
    throw shapeError(op, "offsets (E + 1) for weight (E, O, I)", { weight, offsets });
  }
  const { device } = tape;
  const dims = { rows, inputs, outputs };
  const out = tape.output([rows, outputs], [x, weight]);
  device.groupedLinear(out.storage, x.storage, weight.storage, offsets.storage, dims);
  tape.record(out, (dout) => {
    if (weight.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(weight);
      device.groupedLinearBackwardWeight(tensor.storage, dout.storage, x.storage, offsets.storage, dims, accumulate);
    }
    if (x.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(x);
      device.groupedLinearBackwardInput(
        tensor.storage,
        dout.storage,
        weight.storage,
        offsets.storage,
        dims,
        accumulate,
      );
    }
  });
  return out;
}

/**
 * Each token's results, weighted and added: out[n] = Σ weights[n, c] · y[position[n, c]], without the dropped ones.
 *
 * @param y (N·k, C), grouped by expert
 * @returns (N, C)
 * @throws NuwaError SHAPE
 */
export function combineExperts(tape: Tape, y: Tensor, routing: Routing): Tensor {
  const op = "combineExperts";
  const { weights, position } = routing;
  checkInputs(op, tape, { y, weights });
  checkInputs(op, tape, { position }, "int32");
  const [grouped, width] = y.shape;
  const [rows, choices] = position.shape;
  if (grouped === undefined || width === undefined || y.shape.length !== 2 || grouped !== position.length) {
    throw shapeError(op, "y (N·k, C) for position (N, k)", { y, position });
  }
  if (rows === undefined || choices === undefined || !sameShape(weights.shape, position.shape)) {
    throw shapeError(op, "weights and position (N, k)", { weights, position });
  }
  const { device } = tape;
  const dims = { rows, choices, width };
  const out = tape.output([rows, width], [y, weights]);
  device.combineRows(out.storage, y.storage, weights.storage, position.storage, dims, false);
  tape.record(out, (dout) => {
    const [dy, dweights] = [tape.gradientWrite(y), tape.gradientWrite(weights)];
    device.combineRowsBackward(
      dy.storage,
      dweights.storage,
      dout.storage,
      y.storage,
      weights.storage,
      position.storage,
      dims,
    );
    dy.finish();
    dweights.finish();
  });
  return out;
}

/**
 * E · Σ_e f_e · P_e: f_e the share of tokens that chose expert e (all k choices counted), P_e the router's mean
 * probability (Fedus et al. 2022, Switch Transformer, equations 4 to 6, without its coefficient). It is k when all
 * experts are chosen equally; gradients flow through P.
 *
 * @returns (1)
 * @throws NuwaError SHAPE
 */
export function loadBalancingLoss(tape: Tape, routing: Routing): Tensor {
  const op = "loadBalancingLoss";
  const { probabilities, shares } = routing;
  checkInputs(op, tape, { probabilities, shares });
  const [, experts] = probabilities.shape;
  if (experts === undefined || probabilities.shape.length !== 2 || !sameShape(shares.shape, [experts])) {
    throw shapeError(op, "probabilities (N, E) and shares (E)", { probabilities, shares });
  }
  return scale(tape, sum(tape, multiply(tape, mean(tape, probabilities, 0), shares)), experts);
}

/**
 * Mean of (log Σ exp logits)² over the tokens: keeps the router's logits small (Zoph et al. 2022, ST-MoE, equation 5,
 * without its coefficient of 1e-3).
 *
 * @param logits (N, E)
 * @returns (1)
 * @throws NuwaError SHAPE
 */
export function routerZLoss(tape: Tape, logits: Tensor): Tensor {
  checkInputs("routerZLoss", tape, { logits });
  if (logits.shape.length !== 2) throw shapeError("routerZLoss", "logits (N, E)", { logits });
  return mean(tape, square(tape, logSumExp(tape, logits)));
}
