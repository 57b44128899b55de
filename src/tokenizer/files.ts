import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { isErrno } from "../io/errno.ts";
import { writeWholeAsync } from "../io/whole-file.ts";
import { NuwaError } from "../text/index.ts";
import { readTokenizerJson, type TokenRoles } from "./read/tokenizer-json.ts";
import { readSentencePiece } from "./read/sentencepiece.ts";
import { guessEncoding, readTiktoken, tiktokenEncodings, type TiktokenEncoding } from "./read/tiktoken.ts";
import type { JsonObject, Tokenizer } from "./types.ts";

/** Files that a folder's tokenizer may be in, the first that is there counts. */
const tokenizerFiles = ["tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

/**
 * Reads a tokenizer from a folder with `tokenizer.json` (and `tokenizer_config.json`, if there) or a SentencePiece
 * model, or from such a file, or from a `.tiktoken` file whose name says which encoding it is (`cl100k_base.tiktoken`).
 *
 * @throws NuwaError FILE when there is none, or naming the part of it that is malformed or not supported
 * @example const tokenizer = await loadTokenizer("runs/sample/tokenizer");
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const file = (await isFolder(path)) ? await fileIn(path) : path;
  if (file.endsWith(".model")) {
    const bytes = await readBytes(file);
    if (bytes !== undefined) return readSentencePiece(bytes, file);
  } else if (file.endsWith(".tiktoken")) {
    const text = await readText(file);
    if (text !== undefined) return readTiktoken(text, encodingOf(file, text), file);
  } else {
    const json = await readJson(file);
    if (json !== undefined) return readTokenizerJson(json, file, roles(await loadTokenizerConfig(dirname(file))));
  }
  throw new NuwaError("FILE", `no tokenizer at ${file}`, {
    hint: "train one with `nuwa tokenizer train`, or give the folder that has tokenizer.json",
  });
}

async function fileIn(folder: string): Promise<string> {
  for (const name of tokenizerFiles) {
    const file = join(folder, name);
    if (await exists(file)) return file;
  }
  return join(folder, "tokenizer.json");
}

/** @throws NuwaError FILE when neither the name nor the number of ranks says which encoding it is */
function encodingOf(file: string, text: string): TiktokenEncoding {
  const name = guessEncoding(basename(file), text.split("\n").filter((line) => line.trim() !== "").length);
  const encoding = name === undefined ? undefined : tiktokenEncodings[name];
  if (encoding !== undefined) return encoding;
  const names = Object.keys(tiktokenEncodings).join(", ");
  throw new NuwaError("FILE", "a .tiktoken file does not say how text is cut, and this name is of no known encoding", {
    where: file,
    hint: `name it after its encoding (${names}), as in cl100k_base.tiktoken`,
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * The `tokenizer_config.json` of a folder, {} when there is none; `chat_template` is taken from `chat_template.jinja`
 * where that file stands beside it, as newer versions of transformers save it.
 */
export async function loadTokenizerConfig(folder: string): Promise<JsonObject> {
  const config = await readJson(join(folder, "tokenizer_config.json"));
  const object = isJsonObject(config) ? config : {};
  const template = await readText(join(folder, "chat_template.jinja"));
  return template === undefined ? object : { ...object, chat_template: template };
}

const namedTemplates = z.array(z.object({ name: z.string(), template: z.string() }));

/**
 * The chat template that a folder's tokenizer came with, if any; of several with names the one called "default".
 *
 * @throws NuwaError FILE for templates of which none is the default
 */
export async function loadChatTemplate(folder: string): Promise<string | undefined> {
  const template = (await loadTokenizerConfig(folder))["chat_template"];
  if (typeof template === "string") return template;
  if (template === undefined || template === null) return undefined;
  const where = join(folder, "tokenizer_config.json");
  const named = namedTemplates.safeParse(template);
  if (!named.success)
    throw new NuwaError("FILE", "expected chat_template to be a template, or a list of them", { where });
  const found = named.data.find(({ name }) => name === "default");
  if (found !== undefined) return found.template;
  const names = named.data.map(({ name }) => name).join(", ") || "none";
  throw new NuwaError("FILE", `expected a chat template called default, got ${names}`, {
    where,
    hint: "put the template to use into chat_template.jinja beside it",
  });
}

/** Writes `tokenizer.json` and `tokenizer_config.json` into `folder`, each by rename, so that none is ever half there. */
export async function saveTokenizer(
  folder: string,
  tokenizer: Tokenizer,
  options: { readonly chatTemplate?: string; readonly modelMaxLength?: number } = {},
): Promise<void> {
  await writeJson(join(folder, "tokenizer.json"), tokenizer.toJSON());
  await writeJson(join(folder, "tokenizer_config.json"), tokenizerConfig(tokenizer, options));
}

/** What `transformers` needs beside tokenizer.json: the parts that tokens play, and the chat template. */
export function tokenizerConfig(
  tokenizer: Tokenizer,
  options: { readonly chatTemplate?: string; readonly modelMaxLength?: number } = {},
): JsonObject {
  const config: JsonObject = { tokenizer_class: "PreTrainedTokenizerFast", clean_up_tokenization_spaces: false };
  const role = (name: string, id: number | undefined): void => {
    const token = id === undefined ? undefined : tokenizer.idToToken(id);
    if (token !== undefined) config[name] = token;
  };
  role("bos_token", tokenizer.bosId);
  role("eos_token", tokenizer.eosId);
  role("pad_token", tokenizer.padId);
  if (options.modelMaxLength !== undefined) config["model_max_length"] = options.modelMaxLength;
  if (options.chatTemplate !== undefined) config["chat_template"] = options.chatTemplate;
  return config;
}

function roles(config: JsonObject): TokenRoles {
  const name = (key: string): string | undefined => {
    const value = config[key];
    if (typeof value === "string") return value;
    // Older files write a token with its options.
    const content = isJsonObject(value) ? value["content"] : undefined;
    return typeof content === "string" ? content : undefined;
  };
  return { bos: name("bos_token"), eos: name("eos_token"), pad: name("pad_token") };
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The text of a file; undefined when there is none. */
async function readText(file: string): Promise<string | undefined> {
  return (await readBytes(file))?.toString("utf8");
}

async function readBytes(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new NuwaError("FILE", `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NuwaError("FILE", `malformed JSON: ${reason}`, { where: file, hint: "was it cut short?", cause });
  }
}

async function writeJson(file: string, value: JsonObject): Promise<void> {
  await writeWholeAsync(file, `${JSON.stringify(value, null, 2)}\n`);
}
