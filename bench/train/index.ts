/** `nuwa bench train`: whole training steps, beside PyTorch. */
export { resultTable, variantTable } from "./table.ts";
export { benchTrain, type BenchTrainOptions, type BenchTrainResult } from "./train.ts";
