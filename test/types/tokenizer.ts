import { encodeDialogue, trainBpe, type ChatMessage, type PreTokenizerName, type Tokenizer } from "nuwa/tokenizer";
import { type Equal, expectType } from "./expect.ts";

const tokenizer = await trainBpe(["a text"], { vocabSize: 300, preTokenizer: "gpt4" });
expectType<Equal<typeof tokenizer, Tokenizer>>(true);
// @ts-expect-error the size must be said
await trainBpe(["a text"], {});
// @ts-expect-error no such pre-tokenizer
await trainBpe(["a text"], { vocabSize: 300, preTokenizer: "gpt5" });
// @ts-expect-error texts, not one text's characters
await trainBpe(3, { vocabSize: 300 });

expectType<Equal<ReturnType<typeof tokenizer.encode>, Uint32Array>>(true);
expectType<Equal<Tokenizer["kind"], "bpe" | "wordpiece" | "unigram" | "wordlevel" | "char">>(true);
// A tokenizer need not have such a token: whoever reads it must say what happens then.
expectType<Equal<typeof tokenizer.eosId, number | undefined>>(true);
// @ts-expect-error ids are numbers
tokenizer.decode(["1"]);

const messages: ChatMessage[] = [{ role: "user", content: "Hello" }];
// @ts-expect-error a turn has words
messages.push({ role: "user" });
const name: PreTokenizerName = "chinese";

export const results: readonly unknown[] = [encodeDialogue, name, messages];
