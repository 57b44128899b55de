/**
 * Nuwa, floor by floor. Each floor is also an import path of its own: `nuwa/tensor`, `nuwa/tokenizer`, `nuwa/data`, …
 *
 * @example
 * import { models, tensor } from "nuwa";
 * const model = await models.loadModel("runs/sample/checkpoints/best", tensor.createDevice("cpu"));
 */
export * as data from "./data/index.ts";
export * as evaluation from "./eval/index.ts";
export * as generate from "./generate/index.ts";
export * as models from "./models/index.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * as run from "./run/index.ts";
export * as serve from "./serve/index.ts";
export * as tensor from "./tensor/index.ts";
export * as text from "./text/index.ts";
export * as tokenizer from "./tokenizer/index.ts";
export * as train from "./train/index.ts";
