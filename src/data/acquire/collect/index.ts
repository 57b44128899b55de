export { collect } from "./collect.ts";
export type { CollectOptions } from "./collect.ts";
export { BinaryContent, decode, detectEncoding } from "./encoding.ts";
export type { Decoded } from "./encoding.ts";
export { collectSettings, FORMATS, sourceSettings } from "./settings.ts";
export type { CollectSettings, Format, SourceSettings } from "./settings.ts";
export { parseSynset } from "./formats/wordnet.ts";
export type { Synset } from "./formats/wordnet.ts";
