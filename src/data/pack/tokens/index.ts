export { packSettings, type PackSettings } from "./settings.ts";
export { packDocuments, type PackOptions } from "./pack.ts";
export { TokenDataset, type TokenBatch, type TokenWindow } from "./dataset.ts";
export { readPackMeta, splitNames, tokenizerHash, type PackMeta, type SplitMeta, type SplitName } from "./meta.ts";
export { formatPairs, showToken } from "./pairs.ts";
