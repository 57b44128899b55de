export * from "./ngram-model.ts";
export * from "./perplexity.ts";
export * from "./settings.ts";
export * from "./train-ngram.ts";
