export { attention, attentionWithCache, writeCache, type AttentionOptions } from "./attention.ts";
export { activation, add, addOnto, dropout, gated, multiply, scale, subtract } from "./elementwise.ts";
export { broadcast, concat, gather, mean, slice, sum, transpose } from "./axes.ts";
export { attentionStep } from "./attention-step.ts";
export { embedding } from "./embedding.ts";
export {
  combineExperts,
  dispatchTokens,
  groupedLinear,
  loadBalancingLoss,
  routerZLoss,
  routeTokens,
  type Routing,
  type RoutingOptions,
} from "./experts.ts";
export { exp, log, logSigmoid, logSoftmax, logSumExp, sigmoid, softmax, square, tanh } from "./functions.ts";
export { activationLinear, linear } from "./linear.ts";
export {
  chunkRows,
  linearCrossEntropy,
  linearLogProbs,
  type LinearCrossEntropyOptions,
  type LinearCrossEntropyResult,
} from "./linear-cross-entropy.ts";
export {
  binaryCrossEntropy,
  crossEntropy,
  type CrossEntropyOptions,
  meanSquaredError,
  preferenceLoss,
} from "./losses.ts";
export { layerNorm, rmsNorm, type LayerNormOptions, type RmsNormOptions } from "./norms.ts";
export {
  gru,
  lstm,
  type LstmResult,
  type LstmState,
  type RecurrentResult,
  type RecurrentWeights,
  rnn,
} from "./recurrent.ts";
export {
  alibiSlopes,
  alibiTable,
  relativePositionBias,
  relativePositionBucket,
  type RelativePositionOptions,
} from "./relative-position.ts";
export { reshape } from "./reshape.ts";
export { sampleTokens, type TokenDraw } from "./sample.ts";
export { rope, type RopeOptions, ropeTable } from "./rope.ts";
