export * from "./types.ts";
export { preTokenizerNames, preTokenizerPatterns, type PreTokenizerName } from "./steps/pre-tokenizer.ts";
export { defaultSpecialTokens, END_OF_TEXT, END_OF_TURN, PAD, UNKNOWN } from "./special-tokens.ts";
export { trainBpe, type TrainBpeOptions, type TrainBpeProgress } from "./train/bpe.ts";
export { trainWordPiece, type TrainWordPieceOptions } from "./train/wordpiece.ts";
export { trainUnigram, type TrainUnigramOptions } from "./train/unigram.ts";
export { trainCharacters } from "./train/characters.ts";
export { trainTokenizer } from "./train/train.ts";
export { loadChatTemplate, loadTokenizer, loadTokenizerConfig, saveTokenizer, tokenizerConfig } from "./files.ts";
export { readTokenizerJson, type TokenRoles } from "./read/tokenizer-json.ts";
export {
  chatRoles,
  checkMessages,
  defaultChatTemplate,
  renderChat,
  type ChatMessage,
  type ChatRole,
  type RenderOptions,
  type TemplateInputs,
} from "./chat-template.ts";
export { encodeDialogue, encodePrompt, stopIds, type EncodedDialogue } from "./dialogue.ts";
export { tokenizerSettings, type TokenizerSettings } from "./settings.ts";
export { readSentencePiece } from "./read/sentencepiece.ts";
export { readTiktoken, tiktokenEncodings, type TiktokenEncoding } from "./read/tiktoken.ts";
export { inspectText, inspectVocabulary, scriptOf, type Fertility, type VocabularyReport } from "./inspect.ts";
