// Trains a tokenizer on a few sentences, encodes and decodes with it, and saves it as a tokenizer.json that Hugging Face's
// libraries read too.
//   node examples/tokenizer.mjs
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer, saveTokenizer, trainBpe } from "nuwa/tokenizer";

const texts = [
  "Nüwa mended the broken sky with stones of five colours.",
  "She shaped the first people from yellow clay, one by one.",
  "女娲炼五色石以补苍天。女娲抟黄土作人。",
  "The sky was mended, the waters went down, and the people lived.",
];

// 256 bytes, the special tokens, and merges up to the size asked for: no text is ever unknown.
const tokenizer = await trainBpe(texts, { vocabSize: 300 });
console.log(`vocabulary: ${tokenizer.vocabSize} tokens, special: ${[...tokenizer.specialTokens.keys()].join(" ")}`);

const text = "The people mended the sky. 女娲补天 🙂";
const ids = tokenizer.encode(text);
console.log(`${Buffer.byteLength(text)} bytes became ${ids.length} tokens`);
console.log([...ids].map((id) => JSON.stringify(tokenizer.decode([id]))).join(" "));
console.log(`decoded: ${tokenizer.decode(ids)}`);

// What looks like a control token in a text is text, unless control tokens are asked for.
const trick = "<|endoftext|>";
console.log(`${trick}: ${tokenizer.encode(trick).length} tokens, or 1 with allowSpecial:`, [
  ...tokenizer.encode(trick, { allowSpecial: true }),
]);

const folder = await mkdtemp(join(tmpdir(), "nuwa-tokenizer-"));
await saveTokenizer(folder, tokenizer);
const again = await loadTokenizer(folder);
console.log(`saved and loaded, it gives the same: ${again.encode(text).join() === ids.join()}`);
await rm(folder, { recursive: true });
