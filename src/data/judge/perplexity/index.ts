export * from "../../../ngram/ngram-model.ts";
export * from "./perplexity.ts";
export * from "./settings.ts";
export * from "../../../ngram/train-ngram.ts";
